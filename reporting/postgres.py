"""A release published to PostgreSQL, for tools that connect to a database.

The tables of a release stand in a schema of their own that nobody is given. Readers are given one
schema per audience with a view of every table, and `figures`, which has names, targets and
definitions on every row. A new release is loaded beside the old one and shown by changing the
views, all in one transaction: a reader sees one release or the other, whole.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reporting.audience import warning
from reporting.columns import COLUMNS, KEY
from reporting.dimensions import dimensions
from reporting.query import EVENT_GEOGRAPHY, FIRST_DATE, LAST_DATE
from reporting.reader import Release

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection, Cursor

FIGURES = "figures"
_ABOUT, _VERSIONS = "release", "kpi_in_force"
_PREFIX = "akuttkjede"
_URL = re.compile(r"postgres(?:ql)?://", re.IGNORECASE)
_LONGEST_NAME = 63
# A view is changed when nobody is reading it. While that is waited for, new readers wait too, so it
# is given up quickly and tried again.
_LOCK_TIMEOUT = "2s"
_PATIENCE_SECONDS = 120.0
_PAUSE_SECONDS = 1.0
_NO_LOCK, _NOT_ALLOWED = "55P03", "42501"
# Around statements that have texts in them.
_QUOTE = "$akuttkjede$"
_SEARCHED = ("kpi_id", "period_grain", "level", "unit_id", "period_start")


class PublishError(RuntimeError):
    """The release could not be published; the one before is still there."""


@dataclass(frozen=True)
class Published:
    """What stands in the database now.

    Attributes:
        schema: what readers are given.
        tables: rows per table.
        was_there: the release stood there already, and nothing was done.
        left: schemas of earlier releases that someone is still reading; the next one removes them.
    """

    schema: str
    role: str
    tables: Mapping[str, int]
    was_there: bool = False
    left: Sequence[str] = ()


def publish(
    release: Release,
    url: str,
    *,
    role: str | None = None,
    again: bool = False,
    patience: float = _PATIENCE_SECONDS,
    say: Callable[[str], None] = lambda _: None,
) -> Published:
    """Load a release into a database and show it to readers, in one transaction.

    Args:
        url: `postgresql://user@host:port/database`. A password is better kept where libpq looks for
            it (`PGPASSWORD`, `~/.pgpass`).
        role: who may read; made if it is not there. `akuttkjede_<audience>_reader` if not given.
        again: also when this release is the one that stands there.
        patience: seconds to wait for readers that hold the views.
        say: told of every table.

    Raises:
        PublishError: no server, no right to do it, or a reader that does not let go.
    """
    schema = f"{_PREFIX}_{release.audience}"
    role = role or f"{schema}_reader"
    with _connected(url) as connection, connection.cursor() as cursor:
        with _told(cursor, connection):
            _one("select pg_advisory_xact_lock(hashtext(?))", cursor, [schema])
            if not again and _stands_there(cursor, schema) == release.release_id:
                return Published(schema, role, {}, was_there=True)
            _make_role(cursor, role)
            own = _free_name(cursor, f"{schema}_{release.release_id}")
            cursor.execute(f"create schema {_name(own)}")
            package = json.loads((release.path / "datapackage.json").read_text(encoding="utf-8"))
            rows = _load(release, package, own, cursor, say)
            _show(cursor, schema, own, role, package, release, patience)
            connection.commit()
        left = _remove_earlier(cursor, connection, schema, own)
    return Published(schema, role, rows, left=left)


@contextlib.contextmanager
def _connected(url: str) -> Iterator[Connection]:
    if not _URL.match(url):
        raise PublishError(
            "adressen begynner med postgresql:// / the address begins with postgresql://"
        )
    try:
        from adbc_driver_postgresql import dbapi
    except ImportError as error:
        raise PublishError(
            'mangler en pakke: pip install -c constraints.txt "akuttkjede[postgres]" / '
            'a package is missing: pip install -c constraints.txt "akuttkjede[postgres]"'
        ) from error
    try:
        connection = dbapi.connect(url)
    except dbapi.Error as error:
        raise PublishError(
            f"databasen svarer ikke / the database does not answer: {_said(error)}"
        ) from error
    with connection:
        yield connection


@contextlib.contextmanager
def _told(cursor: Cursor, connection: Connection) -> Iterator[None]:
    """Turn what the database refuses into one message, with nothing done."""
    from adbc_driver_manager.dbapi import Error

    try:
        yield
    except Error as error:
        with contextlib.suppress(Error):
            connection.rollback()
        if _code(error) == _NOT_ALLOWED:
            raise PublishError(
                "brukeren har ikke rett til dette; se docs/operator.md for hva en administrator "
                "må gjøre én gang / the user may not do this; see docs/operator.md for what an "
                f"administrator has to do once: {_said(error)}"
            ) from error
        if _code(error) == _NO_LOCK:
            raise PublishError(
                "noen leser uten å slippe; forrige utgivelse står / someone is reading without "
                "letting go; the release before stands"
            ) from error
        raise PublishError(
            f"ikke publisert, forrige utgivelse står / not published, the release before stands: "
            f"{_said(error)}"
        ) from error


def _code(error: Exception) -> str:
    return str(getattr(error, "sqlstate", "") or "")


def _said(error: Exception) -> str:
    return " ".join(str(error).split())


# --- the tables -------------------------------------------------------------------------------


def _load(
    release: Release,
    package: Mapping[str, Any],
    schema: str,
    cursor: Cursor,
    say: Callable[[str], None],
) -> dict[str, int]:
    """Every table of the release into a schema, with its key; the number of rows of each."""
    rows = {}
    described = _described(package)
    for table in sorted(release.columns):
        key = described.get(table, {}).get("schema", {}).get("primaryKey", [])
        with release.cursor() as source:
            batches = source.sql(f'select * from "{table}"').to_arrow_reader(100_000)
            rows[table] = cursor.adbc_ingest(table, batches, "create", db_schema_name=schema)
        where = f"{_name(schema)}.{_name(table)}"
        if key:
            cursor.execute(f"alter table {where} add primary key ({_names(key)})")
        if set(_SEARCHED) <= release.columns[table]:
            cursor.execute(f"create index on {where} ({_names(_SEARCHED)})")
        say(f"{table}: {rows[table]}")
    _load_about(release, schema, cursor)
    for table in rows:
        cursor.execute(f"analyze {_name(schema)}.{_name(table)}")
    return rows


def _load_about(release: Release, schema: str, cursor: Cursor) -> None:
    """What the release is, and which version of a definition is in force when."""
    import pyarrow as pa

    says = release.metadata
    about = {
        "release_id": release.release_id,
        "audience": release.audience,
        "created_at": str(says.get("created_at")),
        "period_start": str(says.get("period_start")),
        "period_end": str(says.get("period_end")),
        "is_synthetic": bool(says.get("is_synthetic")),
        "warning": warning(release.audience),
    }
    known = dimensions(release)
    versions = [
        {
            "kpi_id": kpi_id,
            "kpi_version": version.number,
            "first": version.first,
            "before": version.before,
        }
        for kpi_id in known.kpis
        for version in known.in_force(kpi_id)
    ]
    types = pa.schema(
        {"kpi_id": pa.string(), "kpi_version": pa.int32(), "first": pa.date32(),
         "before": pa.date32()}
    )  # fmt: skip
    tables = {
        _ABOUT: pa.Table.from_pylist([about]),
        _VERSIONS: pa.Table.from_pylist(versions, types),
    }
    for name, table in tables.items():
        cursor.adbc_ingest(name, table, "create", db_schema_name=schema)


def _described(package: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What the data package says of each table."""
    return {item["name"]: item for item in package["resources"] if item.get("type") == "table"}


# --- the views --------------------------------------------------------------------------------


def _show(
    cursor: Cursor,
    schema: str,
    own: str,
    role: str,
    package: Mapping[str, Any],
    release: Release,
    patience: float,
) -> None:
    """Change the views of an audience to another release, as soon as nobody is reading them."""
    cursor.execute(f"create schema if not exists {_name(schema)}")
    statements = [
        f"drop view if exists {_name(schema)}.{_name(name)}" for name in _views(cursor, schema)
    ]
    for table in (*sorted(release.columns), _ABOUT):
        statements += [
            f"create view {_name(schema)}.{_name(table)} as "
            f"select * from {_name(own)}.{_name(table)}"
        ]
    statements += [_figures(schema, own, release), *_comments(schema, release, package)]
    statements += [
        f"grant usage on schema {_name(schema)} to {_name(role)}",
        f"grant select on all tables in schema {_name(schema)} to {_name(role)}",
    ]
    cursor.execute(_patiently(statements, patience))


def _patiently(statements: Sequence[str], patience: float) -> str:
    """The statements as one, tried again on the server until nobody holds what they change."""
    return f"""
        do {_QUOTE}
        declare
            deadline timestamptz := clock_timestamp() + interval '{patience} seconds';
        begin
            perform set_config('lock_timeout', '{_LOCK_TIMEOUT}', true);
            loop
                begin
                    {"; ".join(statements)};
                    exit;
                exception when lock_not_available then
                    if clock_timestamp() > deadline then raise; end if;
                    perform pg_sleep({_PAUSE_SECONDS});
                end;
            end loop;
        end {_QUOTE}
    """


def _figures(schema: str, own: str, release: Release) -> str:
    """The values in force, with what the small tables say: one row as `metrics.query` gives it."""
    values, kpis, units, versions, about = (
        f"{_name(own)}.{_name(table)}"
        for table in ("kpi_values", "kpi_registry", "units", _VERSIONS, _ABOUT)
    )
    known = [name for name in COLUMNS if name in release.columns["kpi_values"] and name not in KEY]
    return f"""
        create view {_name(schema)}.{FIGURES} as
        select {_names(KEY, "v")}, {FIRST_DATE} as period_first, {LAST_DATE} as period_last,
            k.name_nb as kpi_name, k.name_en as kpi_name_en,
            coalesce(u.unit_name, v.unit_id) as unit_name,
            {_names(known, "v")},
            k.unit as measure_unit, k.direction, cast(k.target as double precision) as target,
            k.definition_nb, k.definition_en,
            a.release_id, a.audience
        from {values} as v
        join {versions} as f on f.kpi_id = v.kpi_id and f.kpi_version = v.kpi_version
            and (f.first is null or {FIRST_DATE} >= f.first)
            and (f.before is null or {FIRST_DATE} < f.before)
        join {kpis} as k on k.kpi_id = v.kpi_id and cast(k.version as integer) = v.kpi_version
        left join {units} as u on u.level = v.level and u.unit_id = v.unit_id
        cross join {about} as a
        where v.geography_version <> '{EVENT_GEOGRAPHY}'
    """


def _comments(schema: str, release: Release, package: Mapping[str, Any]) -> Iterator[str]:
    yield f"comment on schema {_name(schema)} is {_text(package['description'])}"
    for table, item in _described(package).items():
        if not release.has(table):
            continue
        where = f"{_name(schema)}.{_name(table)}"
        yield f"comment on view {where} is {_text(item['title'])}"
        for column in item["schema"]["fields"]:
            if (said := column.get("description")) and release.has(table, column["name"]):
                yield f"comment on column {where}.{_name(column['name'])} is {_text(said)}"
    figures = f"{_name(schema)}.{FIGURES}"
    yield (
        f"comment on view {figures} is "
        + _text(
            "Gjeldende nøkkeltall med navn, mål og definisjon; legg dem aldri sammen / Figures in "
            "force with names, targets and definitions; never add them up"
        )
    )


def _views(cursor: Cursor, schema: str) -> list[str]:
    return _column(
        "select table_name from information_schema.views where table_schema = ?", cursor, [schema]
    )


# --- roles, names and what was there ----------------------------------------------------------


def _make_role(cursor: Cursor, role: str) -> None:
    if not _column("select rolname from pg_roles where rolname = ?", cursor, [role]):
        cursor.execute(f"create role {_name(role)} nologin")


def _stands_there(cursor: Cursor, schema: str) -> str | None:
    if _ABOUT not in _views(cursor, schema):
        return None
    return str(_one(f"select release_id from {_name(schema)}.{_ABOUT}", cursor, []))


def _free_name(cursor: Cursor, wanted: str) -> str:
    wanted = re.sub(r"[^a-z0-9_]", "_", wanted.lower())[: _LONGEST_NAME - 4]
    taken = set(_column("select nspname from pg_namespace", cursor, []))
    names = (wanted, *(f"{wanted}_{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


def _remove_earlier(
    cursor: Cursor, connection: Connection, schema: str, own: str
) -> tuple[str, ...]:
    """Drop the schemas of earlier releases; those that someone is reading are left."""
    from adbc_driver_manager.dbapi import Error

    left = []
    pattern = rf"^{schema}_\d{{8}}t\d{{6}}z_"
    for name in _column("select nspname from pg_namespace where nspname ~ ?", cursor, [pattern]):
        if name == own:
            continue
        try:
            cursor.execute(f"set local lock_timeout = '{_LOCK_TIMEOUT}'")
            cursor.execute(f"drop schema {_name(name)} cascade")
            connection.commit()
        except Error:
            connection.rollback()
            left.append(name)
    return tuple(left)


def _column(statement: str, cursor: Cursor, parameters: Sequence[str]) -> list[Any]:
    cursor.execute(_numbered(statement), list(parameters) or None)
    return [row[0] for row in cursor.fetchall()]


def _one(statement: str, cursor: Cursor, parameters: Sequence[str]) -> Any:
    return _column(statement, cursor, parameters)[0]


def _numbered(statement: str) -> str:
    parts = statement.split("?")
    return "".join(f"{part}${n}" for n, part in enumerate(parts[:-1], 1)) + parts[-1]


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _names(names: Sequence[str], alias: str = "") -> str:
    return ", ".join(f"{alias}.{_name(name)}" if alias else _name(name) for name in names)


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
