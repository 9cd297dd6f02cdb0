"""What changed between two releases: cells new, revised, withdrawn, hidden and shown, and why.

The reason is told by what the two releases say of themselves: definitions, geography, deliveries
taken back, how many records a figure rests on. Where several would do, the first of `REASONS`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reporting.columns import KEY
from reporting.query import EVENT_GEOGRAPHY
from reporting.reader import DATABASE, METADATA, NoReleaseError, Release
from reporting.restricted import seen_of

if TYPE_CHECKING:
    import duckdb
    import polars as pl

CHANGES = {
    "new": "nytt",
    "revised": "endret",
    "withdrawn": "trukket",
    "hidden": "nå skjult",
    "shown": "nå vist",
}
REASONS = {
    "definition": ("ny definisjon", "another definition"),
    "geography": ("ny geografi", "another geography"),
    "disclosure": ("hva som må skjules", "what has to be hidden"),
    "new period": ("ny periode", "a new period"),
    "period went on": ("perioden var ikke over", "the period was not over"),
    "taken back": ("leveringer trukket tilbake", "deliveries taken back"),
    "late rows": ("flere poster har kommet", "more records have come"),
    "correction": ("poster er rettet", "records were corrected"),
}
# The table of a release with what changed since the one before, and its columns.
TABLE = "release_changes"
_COUNTED = {
    "kpi_id": "kpi_id",
    "level": "level",
    "period_grain": "period_grain",
    "change": "change_kind",
    "reason": "change_reason",
}
_CELL = (*KEY, "geography_version")
# Differences below this share are those of adding numbers in another order.
_NOISE = 1e-9


def release_before(path: Path) -> str:
    """The id of the release before the one in this folder, among those beside it.

    Raises:
        NoReleaseError: it is the first that is kept.
    """
    # A release that is being made has a folder with a dot.
    earlier = sorted(
        found.parent.name
        for found in path.parent.glob(f"*/{METADATA}")
        if found.parent.name < path.name and not found.parent.name.startswith(".")
    )
    if not earlier:
        raise NoReleaseError(
            f"Ingen utgivelse før {path.name} i {path.parent}. / "
            f"No release before {path.name} in {path.parent}."
        )
    return earlier[-1]


def changes(old: Release, new: Release) -> pl.DataFrame:
    """Every cell that differs between two releases.

    Cells without data in both are left out, and so is a cell without data that was not there. What
    is hidden now has no old value either.

    Returns:
        The key of the cell, `unit_name`, `change` (a key of `CHANGES`), `reason` (of `REASONS`),
        `old_value`, `new_value`, `difference`, `old_status`, `new_status`; by size of the
        difference to the old value within each kind of change.
    """
    import duckdb

    with duckdb.connect(":memory:") as connection:
        sides = [_attached(connection, *one) for one in (("old", old), ("new", new))]
        frame: pl.DataFrame = connection.sql(_statement(connection, *sides)).pl()
    # The files are attached as they are.
    return seen_of(frame, new)


def changes_to(
    old: Release, tables: Mapping[str, pl.DataFrame], period_end: str | None
) -> pl.DataFrame:
    """The same of a release that is not written yet, by its tables and the last day it has."""
    import duckdb

    with duckdb.connect(":memory:") as connection:
        before = _attached(connection, "old", old)
        connection.execute("create schema new")
        for name in _READ:
            if name in tables:
                connection.register("incoming", tables[name].to_arrow())
                connection.execute(f"create table new.{name} as from incoming")
                connection.unregister("incoming")
        columns = {name: tables[name].columns for name in _READ if name in tables}
        now = _Side(columns, period_end or _NO_DAY)
        frame: pl.DataFrame = connection.sql(_statement(connection, before, now)).pl()
    return frame


def counted(frame: pl.DataFrame) -> pl.DataFrame:
    """How many cells of each KPI, level and grain changed, by kind and reason.

    Cells by the municipalities of the day of the event are the same figures told once more, and
    are not counted.

    Returns:
        `kpi_id`, `level`, `period_grain`, `change_kind`, `change_reason`, `cells`; in this order.
    """
    import polars as pl

    # A cell of another division has a change of its own; one without a division counts too.
    once = frame.filter(pl.col("geography_version").ne_missing(EVENT_GEOGRAPHY))
    names = list(_COUNTED.values())
    return once.rename(_COUNTED).group_by(names).len("cells").sort(names).cast({"cells": pl.Int64})


def summary(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """How many cells changed, by kind and reason, in the order of `CHANGES` and `REASONS`."""
    return summed(frame.group_by("change", "reason").len("cells").iter_rows())


def summed(rows: Iterable[tuple[str, str, int]]) -> list[dict[str, Any]]:
    """The same of numbers by kind and reason, which are added where both are alike."""
    counts: dict[tuple[str, str], int] = {}
    for change, reason, cells in rows:
        counts[change, reason] = counts.get((change, reason), 0) + cells
    return [
        {
            "change": change,
            "change_nb": CHANGES[change],
            "reason": reason,
            "reason_nb": REASONS[reason][0],
            "cells": counts[change, reason],
        }
        for change in CHANGES
        for reason in REASONS
        if (change, reason) in counts
    ]


# The tables that are compared.
_READ = ("kpi_values", "kpi_registry", "kpi_sql", "geography", "data_volume", "units")
_NO_DAY = "1970-01-01"


@dataclass(frozen=True)
class _Side:
    """One of the two that are compared: the columns of its tables, and its last day."""

    columns: Mapping[str, Collection[str]]
    period_end: str

    def has(self, table: str, *columns: str) -> bool:
        """Whether it has the table, and the columns in it."""
        return table in self.columns and set(columns) <= set(self.columns[table])


def _attached(connection: duckdb.DuckDBPyConnection, name: str, release: Release) -> _Side:
    path = str(release.path / DATABASE).replace("'", "''")
    connection.execute(f"attach '{path}' as {name} (read_only)")
    return _Side(release.columns, str(release.metadata.get("period_end") or _NO_DAY))


def _statement(connection: duckdb.DuckDBPyConnection, old: _Side, new: _Side) -> str:
    both = " and ".join(f"o.{name} is not distinct from n.{name}" for name in _CELL)
    key = ", ".join(f"coalesce(n.{name}, o.{name}) as {name}" for name in _CELL)
    return f"""
with redefined as ({_redefined(old, new)}),
moved as ({_moved(old, new)}),
taken_back as ({_taken_back(old, new)}),
cells as (
    select
        {key},
        coalesce(o.status, 'absent') as old_status,
        coalesce(n.status, 'absent') as new_status,
        o.value as old_value,
        n.value as new_value,
        coalesce(o.denominator, o.n, o.numerator) as old_size,
        coalesce(n.denominator, n.n, n.numerator) as new_size,
        coalesce(abs(n.value - o.value) > {_NOISE} * greatest(abs(o.value), 1), false)
            or coalesce(n.numerator <> o.numerator, false)
            or coalesce(n.denominator <> o.denominator, false)
            or coalesce(n.n <> o.n, false) as is_revised
    from new.kpi_values as n
    full join old.kpi_values as o on {both}
),
changed as (
    select
        *,
        case
            when new_status = 'suppressed' and old_status = 'ok' then 'hidden'
            when new_status = 'ok' and old_status = 'suppressed' then 'shown'
            when old_status in ('absent', 'no_data') and new_status not in ('absent', 'no_data')
                then 'new'
            when new_status in ('absent', 'no_data') and old_status not in ('absent', 'no_data')
                then 'withdrawn'
            when new_status = 'ok' and old_status = 'ok' and is_revised then 'revised'
        end as change
    from cells
),
reasoned as (
    select
        c.*,
        case
            when r.kpi_id is not null then 'definition'
            when c.change in ('hidden', 'shown') then 'disclosure'
            when m.unit_id is not null
                or (c.change in ('new', 'withdrawn') and {_other_geography(connection)})
                then 'geography'
            when c.change = 'new' and c.period_start > date '{old.period_end}' then 'new period'
            when {_end_of_period()} >= date '{old.period_end}' then 'period went on'
            when b.kpi_id is not null then 'taken back'
            when c.change in ('new', 'revised')
                and coalesce(c.new_size, 0) > coalesce(c.old_size, 0) then 'late rows'
            else 'correction'
        end as reason
    from changed as c
    left join redefined as r on r.kpi_id = c.kpi_id and r.version = c.kpi_version
    left join moved as m on m.level = c.level and m.unit_id = c.unit_id
    left join taken_back as b on b.kpi_id = c.kpi_id
    where c.change is not null
)
select
    {", ".join(f"x.{name}" for name in _CELL)},
    coalesce(u.unit_name, v.unit_name) as unit_name,
    x.change,
    x.reason,
    case when x.new_status <> 'suppressed' then x.old_value end as old_value,
    x.new_value,
    x.new_value - x.old_value as difference,
    x.old_status,
    x.new_status
from reasoned as x
left join new.units as u on u.level = x.level and u.unit_id = x.unit_id
left join old.units as v on v.level = x.level and v.unit_id = x.unit_id
order by
    x.change,
    abs(x.new_value - x.old_value) / nullif(abs(x.old_value), 0) desc nulls last,
    {", ".join(f"x.{name}" for name in _CELL)}
"""


def _redefined(old: _Side, new: _Side) -> str:
    """Versions of KPIs that one of the releases has not, or computes in another way."""
    versions = "select kpi_id, cast(version as integer) as version from {}.kpi_registry"
    before, now = versions.format("old"), versions.format("new")
    either = f"(({now}) except ({before})) union (({before}) except ({now}))"
    if not (old.has("kpi_sql") and new.has("kpi_sql")):
        return either
    return f"""{either}
    union
    select n.kpi_id, n.kpi_version
    from new.kpi_sql as n
    inner join old.kpi_sql as o on o.kpi_id = n.kpi_id and o.kpi_version = n.kpi_version
    where n.sql <> o.sql"""


def _moved(old: _Side, new: _Side) -> str:
    """Units that belong elsewhere now, and what they belong to or did."""
    if not (old.has("geography") and new.has("geography")):
        return "select null as level, null as unit_id where false"
    levels = {
        "municipality": "municipality_code",
        "county": "county_code",
        "health_trust": "health_trust_code",
        "region": "rhf_code",
        "central": "amk_code",
    }
    differing = """
        (select municipality_code, county_code, health_trust_code, rhf_code, amk_code, is_urban
        from {}.geography except
        select municipality_code, county_code, health_trust_code, rhf_code, amk_code, is_urban
        from {}.geography)"""
    rows = f"({differing.format('new', 'old')} union {differing.format('old', 'new')})"
    return " union ".join(
        f"select '{level}' as level, cast({column} as varchar) as unit_id from {rows}"
        for level, column in levels.items()
    )


def _taken_back(old: _Side, new: _Side) -> str:
    """Contracts of which fewer records have been delivered than before, by source and month."""
    columns = ("source", "contract", "month", "accepted")
    if not (old.has("data_volume", *columns) and new.has("data_volume", *columns)):
        return "select null as kpi_id where false"
    return """
    select distinct k.kpi_id
    from old.data_volume as o
    left join new.data_volume as n
        on n.source = o.source and n.contract = o.contract and n.month = o.month
    inner join new.kpi_registry as k on k.contract = o.contract
    where coalesce(n.accepted, 0) < o.accepted"""


def _other_geography(connection: duckdb.DuckDBPyConnection) -> str:
    """Whether a cell's division of the country, or its unit, is in one of the releases only."""
    lists = {}
    for name in ("old", "new"):
        rows = connection.execute(f"select distinct geography_version from {name}.kpi_values")
        lists[name] = {row[0] for row in rows.fetchall()}
    only = sorted(str(name) for name in lists["old"] ^ lists["new"] if name is not None)
    listed = ", ".join("'" + name.replace("'", "''") + "'" for name in only) or "null"
    return f"coalesce(c.geography_version in ({listed}), false)"


def _end_of_period() -> str:
    """The last date of a cell's period; the grain names its length."""
    return """(c.period_start + case c.period_grain
            when 'day' then interval 1 day
            when 'week' then interval 7 days
            when 'quarter' then interval 3 months
            when 'tertial' then interval 4 months
            when 'year' then interval 1 year
            else interval 1 month  -- running periods are named by their last month
        end - interval 1 day)"""


def as_table(frame: pl.DataFrame, limit: int = 20) -> str:
    """Lines for a terminal: how many cells changed and why, and the largest revisions."""
    from reporting.export import text_table
    from reporting.numbers import spaced
    from reporting.periods import label

    if frame.is_empty():
        return "Ingen celler er endret. / No cells changed."
    counts = [
        {
            "change": f"{row['change_nb']} / {row['change']}",
            "reason": f"{row['reason_nb']} / {REASONS[row['reason']][1]}",
            "cells": spaced(row["cells"]),
        }
        for row in summary(frame)
    ]
    headers = {"change": "hva / what", "reason": "hvorfor / why", "cells": "celler / cells"}
    lines = text_table(headers, counts, {"cells"})
    revised = [
        {
            "kpi_id": row["kpi_id"],
            "segment": row["segment"],
            "unit": row["unit_name"] or row["unit_id"],
            "period": label(row["period_grain"], row["period_start"]),
            "old": _number(row["old_value"]),
            "new": _number(row["new_value"]),
            "reason": REASONS[row["reason"]][0],
        }
        for row in frame.filter(frame["change"] == "revised").head(limit).iter_rows(named=True)
    ]
    if revised:
        titles = {
            "kpi_id": "nøkkeltall / KPI",
            "segment": "segment",
            "unit": "enhet / unit",
            "period": "periode / period",
            "old": "før / before",
            "new": "nå / now",
            "reason": "hvorfor",
        }
        lines += ["", "Størst endring / largest revisions"]
        lines += text_table(titles, revised, {"old", "new"})
    return "\n".join(lines)


def _number(value: float | None) -> str:
    from reporting.numbers import spaced

    return "–" if value is None else spaced(value, 0 if abs(value) >= 1000 else 2)
