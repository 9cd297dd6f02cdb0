"""A release as somebody sees it who may see some units only: whatever reads it finds no others.

The rest is left out where the tables are, and not where they are asked, so that no way to a figure
has to think of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reporting.reader import Release, once, open_release

if TYPE_CHECKING:
    import polars as pl

# Level and id.
Unit = tuple[str, str]
# Of no unit and no source.
_OF_NOBODY = frozenset({"geography", "kpi_registry", "kpi_sql", "release_info"})
_SCHEMA = "memory.seen"


@once
def only(release: Release, units: frozenset[Unit]) -> Release:
    """The release with these units and the country; sources are units of the level `source`.

    Tables that say of no row whom it is about are empty, except those about nobody.
    """
    opened = open_release(release.path.parent, release.path.name, release.audience)
    opened.connection.execute(f"create schema {_SCHEMA}")
    for table, columns in opened.columns.items():
        opened.connection.execute(
            f'create view {_SCHEMA}."{table}" as select * from release.main."{table}"'
            f" where {_condition(table, columns, units)}"
        )
    return replace(opened, schema=_SCHEMA, permitted=units, kept={})


def seen_of(frame: pl.DataFrame, release: Release) -> pl.DataFrame:
    """The rows of the units that the release shows, where they were read past it."""
    import polars as pl

    if release.permitted is None:
        return frame
    units = [f"{level}:{unit_id}" for level, unit_id in release.permitted]
    unit = pl.concat_str("level", pl.lit(":"), "unit_id")
    return frame.filter(unit.is_in(units) | (pl.col("level") == "national"))


def _condition(table: str, columns: frozenset[str], units: frozenset[Unit]) -> str:
    by_level: dict[str, list[str]] = {}
    for level, unit_id in sorted(units):
        by_level.setdefault(level, []).append(_text(unit_id))
    if {"level", "unit_id"} <= columns:
        seen = [
            f"(level = {_text(n)} and unit_id in ({', '.join(u)}))" for n, u in by_level.items()
        ]
        return " or ".join(["unit_id is null", "level = 'national'", *seen])
    if "source" in columns:
        return f"source in ({', '.join(by_level.get('source', ['null']))})"
    return "true" if table in _OF_NOBODY else "false"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
