"""What audiences besides `open` read, as tables of the warehouse in a schema of their own.

The same rows as the open tables, with the numbers that the audience sees, and with `is_small` on
what the open ones do not say. Comparisons and trends are made from these figures by the same SQL
as the open ones: what dbt compiled, reading other figures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from orchestration import release_content
from orchestration.audiences import Audience
from orchestration.suppression import HIDDEN_COLUMNS
from reporting.columns import KEY

FIGURES = "kpi_releasable"
DERIVED = ("kpi_comparisons", "kpi_trends")
# Parts of figures: hours of the week, classes of times.
PARTS = ("hour_profiles", "time_classes")
_HIDDEN_PARTS = "part_hidden"
_LIMITS = ("lower", "upper")
# Sums of floats differ in their last digits from one run to the next.
_SAME_TO = 6


def write_tables(
    warehouse: Path, compiled: Callable[[str], str], audiences: Sequence[Audience]
) -> None:
    """Make the tables of every audience; `compiled` gives the SQL that dbt ran for a model."""
    import duckdb

    with duckdb.connect(str(warehouse)) as connection:
        for audience in audiences:
            connection.execute("begin")
            connection.execute(f"create schema if not exists {audience.schema_name}")
            _write_figures(connection, audience)
            own_figures = f'"{audience.schema_name}"."{FIGURES}"'
            for name in DERIVED:
                _write_derived(connection, audience, name, compiled, FIGURES, own_figures)
            for name in PARTS:
                hidden = _parts_hidden_from(connection, audience)
                _write_derived(connection, audience, name, compiled, _HIDDEN_PARTS, hidden)
            connection.execute("commit")


def _write_figures(connection: Any, audience: Audience) -> None:
    open_figures = release_content.relation(connection, FIGURES)
    values = release_content.relation(connection, "kpi_values")
    on_key = " and ".join(f"v.{name} = r.{name}" for name in KEY)
    if audience.sees_everything:
        hidden, is_seen, is_shown = "", "true", "true"
    else:
        hidden = f"""
            left join {audience.schema_name}.kpi_hidden as h
                on {" and ".join(f"h.{name} = r.{name}" for name in KEY)}
            left join {audience.schema_name}.kpi_seen as s
                on s.kpi_id = r.kpi_id and s.level = r.level and s.unit_id = r.unit_id"""
        is_seen, is_shown = "s.kpi_id is not null", "h.kpi_id is null"
    # Limits near single observations are shown only of what is seen in full.
    limit = f"case when {is_seen} then v.{{0}} else r.{{0}} end"
    numbers = [
        f"case when {is_shown} then {(limit if name in _LIMITS else 'v.{0}').format(name)} end"
        f" as {name}"
        for name in HIDDEN_COLUMNS
    ]
    connection.execute(f"""
        create or replace table {audience.schema_name}.{FIGURES} as
        select
            r.* replace (
                {", ".join(numbers)},
                case when {is_shown} then v.status else 'suppressed' end as status
            ),
            {is_shown} and (
                r.status <> v.status
                or {is_seen} and (r.lower is null and v.lower is not null)
                or {is_seen} and (r.upper is null and v.upper is not null)
            ) as is_small
        from {open_figures} as r
        inner join {values} as v on {on_key}
        {hidden}
    """)


def _parts_hidden_from(connection: Any, audience: Audience) -> str:
    """The parts that are hidden from an audience."""
    hidden = release_content.relation(connection, _HIDDEN_PARTS, required=False, audience=audience)
    return f"(select * from {hidden} where false)" if audience.sees_everything else str(hidden)


def _write_derived(
    connection: Any,
    audience: Audience,
    name: str,
    compiled: Callable[[str], str],
    source: str,
    own: str,
) -> None:
    """A table made by its model from `own` in place of `source`; others than open flagged.

    A warehouse may be without.
    """
    open_table = release_content.relation(connection, name, required=False)
    if open_table is None:
        return
    sql = compiled(name)
    reads = f'"{_catalog(connection)}".{release_content.relation(connection, source)}'
    if reads not in sql:
        raise LookupError(f"{name} does not read {reads}")
    columns = connection.execute(f"describe {open_table}").fetchall()
    same = " and ".join(
        f"{_rounded('o', *column[:2])} is not distinct from {_rounded('x', *column[:2])}"
        for column in columns
    )
    connection.execute(f"""
        create or replace table {audience.schema_name}.{name} as
        with made as (
            {sql.replace(reads, own)}
        )
        select x.*, o.period_grain is null as is_small
        from made as x
        left join {open_table} as o on {same}
    """)


def _rounded(alias: str, column: str, kind: str) -> str:
    return f"round({alias}.{column}, {_SAME_TO})" if kind == "DOUBLE" else f"{alias}.{column}"


def _catalog(connection: Any) -> str:
    row = connection.execute("select current_database()").fetchone()
    return str(row[0])
