"""What a source file may not say, although each of its words is one: found when it is loaded.

Every problem names its place in the file and the rule, in bokmål and English. What is let through
here is read as it stands, so a word that would have no effect is a problem too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import polars as pl

from contracts import CONTRACTS, Column, Contract
from ingestion.errors import SourceProblem

if TYPE_CHECKING:
    from ingestion.sources.spec import ColumnMap, DatedCodes, HeaderVariant, SourceSpec

# Names that the intake gives columns of its own.
_RESERVED = frozenset(
    {"*", "_row_number", "_file", "_delivered_on", "_record_hash", "_at", "_part"}
)
# What a column that takes the first of several maps may say itself.
_BESIDE_COALESCE = frozenset({"coalesce", "optional", "form"})
_OF_STAMPS = ("format", "utc", "epoch", "after", "next_day_if_before", "hours_after_delivery")
_OF_OTHERS = ("constant", "any_of", "hash_of", "codes", "pad", "pseudonym")
_DERIVED = frozenset({"extract_at", "urgency_changed"})


def problems(spec: SourceSpec) -> Iterator[SourceProblem]:
    """Everything that is wrong with a source whose words are all known."""
    contract = CONTRACTS.get(spec.contract)
    if contract is None:
        known = ", ".join(sorted(CONTRACTS))
        yield SourceProblem(
            f"'{spec.contract}' er ikke en kontrakt; kontraktene er {known}",
            f"'{spec.contract}' is not one of the contracts {known}",
            "contract",
        )
        return
    yield from _mapped(spec, contract)
    for name, column_map in spec.columns.items():
        column = contract.columns.get(name)
        if column is not None:
            yield from _column(column_map, column, spec, ("columns", name))
    yield from _references(spec, contract)
    yield from _raw_names(spec)
    yield from _periods("headers", spec.headers)
    yield from _date_format(spec)


# --- columns ------------------------------------------------------------------------------------


def _mapped(spec: SourceSpec, contract: Contract) -> Iterator[SourceProblem]:
    for name in spec.columns:
        if name not in contract.columns:
            yield SourceProblem(
                f"kontrakten {contract.name} har ingen slik kolonne (se akutt contract show)",
                f"not among the columns of contract {contract.name} (see akutt contract show)",
                "columns",
                name,
            )
    missing = [
        column.name
        for column in contract.columns.values()
        if column.required
        and column.default is None
        and column.name not in spec.columns
        and column.name not in _DERIVED
    ]
    if missing:
        yield SourceProblem(
            f"kontrakten {contract.name} krever kolonner som mangler: {', '.join(missing)}",
            f"contract {contract.name} requires columns that are not mapped: {', '.join(missing)}",
            "columns",
        )


def _column(
    column_map: ColumnMap, column: Column, spec: SourceSpec, place: tuple[str | int, ...]
) -> Iterator[SourceProblem]:
    """What is wrong with the map of one contract column, or with a part of it."""
    if column_map.coalesce:
        for word in sorted(_said(column_map) - _BESIDE_COALESCE):
            yield SourceProblem(
                f"{word} virker ikke ved siden av coalesce; skriv det i hver del",
                f"{word} has no effect beside coalesce; write it in each part",
                *place,
                word,
            )
        if len({part.is_universal for part in column_map.coalesce}) > 1:
            yield SourceProblem(
                "tider på kildens klokke og tider i UTC kan ikke stå i samme coalesce",
                "stamps on the source's clock and stamps in UTC cannot stand in one coalesce",
                *place,
            )
        for index, part in enumerate(column_map.coalesce):
            if part.after is not None:
                yield SourceProblem(
                    "et intervall (after) kan ikke være én av flere (coalesce)",
                    "an interval (after) cannot be one of several (coalesce)",
                    *(*place, "coalesce", index),
                )
            yield from _column(part, column, spec, (*place, "coalesce", index))
        return
    said = _said(column_map)
    is_stamp = column.kind == "timestamp"
    for word in _OF_OTHERS if is_stamp else _OF_STAMPS:
        if word in said:
            yield SourceProblem(
                f"{word} er {'ikke' if is_stamp else 'bare'} for tider",
                f"{word} is {'not for stamps' if is_stamp else 'for stamps alone'}",
                *place,
                word,
            )
    if is_stamp:
        yield from _stamp(column_map, spec, place)
    else:
        yield from _value(column_map, column, place)
    decimal = column_map.decimal or spec.format.decimal
    if decimal == (column_map.thousands or spec.format.thousands):
        yield SourceProblem(
            "desimaltegn og tusenskille er samme tegn",
            "decimal and thousands marks are the same",
            *place,
        )


def _said(column_map: ColumnMap) -> set[str]:
    """The words of a map that are written in it."""
    return {
        field.alias or name
        for name, field in type(column_map).model_fields.items()
        if getattr(column_map, name) != field.get_default(call_default_factory=True)
    }


def _stamp(
    column_map: ColumnMap, spec: SourceSpec, place: tuple[str | int, ...]
) -> Iterator[SourceProblem]:
    """A text stamp without a format would be guessed: 05.04 is in April or in May."""
    readings = [word for word in ("format", "epoch", "after") if getattr(column_map, word)]
    if len(readings) > 1:
        yield SourceProblem(
            f"bare én av {' og '.join(readings)} kan si hvordan tiden leses",
            f"only one of {' and '.join(readings)} can say how the stamp is read",
            *place,
        )
    if column_map.from_ and not readings and not spec.format.is_typed:
        yield SourceProblem(
            "en tid som tekst trenger `format`, som '%Y-%m-%d %H:%M:%S' (eller `epoch`, `after`)",
            "a text stamp needs `format`, such as '%Y-%m-%d %H:%M:%S' (or `epoch`, or `after`)",
            *place,
        )


def _value(
    column_map: ColumnMap, column: Column, place: tuple[str | int, ...]
) -> Iterator[SourceProblem]:
    if column_map.any_of and column.kind != "flag":
        yield SourceProblem("any_of er for flagg", "any_of is for flags", *place, "any_of")
    for word in ("pseudonym", "hash_of", "pad"):
        if getattr(column_map, word) and not column.is_text:
            yield SourceProblem(
                f"{word} er for tekst", f"{word} is for columns of text", *place, word
            )
    if column.privacy == "pseudonym" and column_map.from_ and not column_map.pseudonym:
        yield SourceProblem(
            "trenger `pseudonym: true`: nummeret lagres ikke",
            "needs `pseudonym: true`: the number is not stored",
            *place,
        )
    if column_map.constant is not None:
        yield from _literal(column_map.constant, column, (*place, "constant"))
    if isinstance(column_map.codes, list):
        yield from _periods("codes", column_map.codes, place)
        for index, dated in enumerate(column_map.codes):
            for raw, code in dated.map.items():
                yield from _literal(code, column, (*place, "codes", index, "map", raw))
    elif column_map.codes is not None:
        for raw, code in column_map.codes.items():
            yield from _literal(code, column, (*place, "codes", raw))


def _literal(
    value: object, column: Column, place: tuple[str | int, ...]
) -> Iterator[SourceProblem]:
    """A value that is written in the source file, and not in the data."""
    if value is None or value == "TODO":
        return  # what a draft leaves to be filled in is told apart from what is wrong
    if column.codes is not None:
        if isinstance(value, bool) or str(value) not in column.codes:
            yield SourceProblem(
                f"må være en av kodene {', '.join(column.codes)}",
                f"must be one of the codes {', '.join(column.codes)}",
                *place,
            )
    elif column.is_text and not isinstance(value, str):
        # YAML reads 0301 as 193 and no as false.
        yield SourceProblem(
            "må være tekst; sett den i anførselstegn", "must be text; put it in quotes", *place
        )
    elif column.dtype == pl.Boolean and not isinstance(value, bool):
        yield SourceProblem(
            "må være true eller false, uten anførselstegn",
            "must be true or false, without quotes",
            *place,
        )
    elif column.dtype.is_integer() and (isinstance(value, bool) or not isinstance(value, int)):
        yield SourceProblem("må være et helt tall", "must be a whole number", *place)


# --- between columns ----------------------------------------------------------------------------


def _references(spec: SourceSpec, contract: Contract) -> Iterator[SourceProblem]:
    """Stamps that are read relative to others: these must be there, and must come to an end."""
    edges: dict[str, set[str]] = {}
    for name, column_map in spec.columns.items():
        for part, place in _parts(column_map, ("columns", name)):
            for word in ("after", "next_day_if_before"):
                other = getattr(part, word)
                if other is None:
                    continue
                problem = _reference(part, other, word, spec, contract)
                if problem is not None:
                    yield SourceProblem(*problem, *place, word)
                else:
                    edges.setdefault(name, set()).add(other)
    for name in edges:
        circle = _circle(name, edges)
        # Each circle once, at the first of its columns.
        if circle and name == min(circle, key=list(spec.columns).index):
            way = " -> ".join([*circle, name])
            yield SourceProblem(
                f"tidene viser til hverandre i ring: {way}",
                f"stamps refer to each other in a circle: {way}",
                "columns",
                name,
            )


def _reference(
    part: ColumnMap, other: str, word: str, spec: SourceSpec, contract: Contract
) -> tuple[str, str] | None:
    if other not in spec.columns:
        return (
            f"viser til '{other}', som ikke er med",
            f"refers to '{other}', which is not mapped",
        )
    if other in contract.columns and contract.columns[other].kind != "timestamp":
        return f"viser til '{other}', som ikke er en tid", f"refers to '{other}', which is no stamp"
    if word == "next_day_if_before" and spec.columns[other].after is not None:
        return (
            f"viser til '{other}', som selv er et intervall (after) og ikke har en klokke",
            f"refers to '{other}', which is an interval itself (after) and has no clock",
        )
    if word == "next_day_if_before" and part.is_universal != spec.columns[other].is_universal:
        return (
            f"viser til '{other}', som går etter en annen klokke (UTC eller lokal tid)",
            f"refers to '{other}', which goes by another clock (UTC or local time)",
        )
    return None


def _parts(
    column_map: ColumnMap, place: tuple[str | int, ...]
) -> Iterator[tuple[ColumnMap, tuple[str | int, ...]]]:
    yield column_map, place
    for index, part in enumerate(column_map.coalesce):
        yield from _parts(part, (*place, "coalesce", index))


def _circle(start: str, edges: dict[str, set[str]]) -> list[str] | None:
    """The way from a column back to itself."""
    ways = [[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        for other in sorted(edges.get(way[-1], ())):
            if other == start:
                return way
            if other not in seen:
                seen.add(other)
                ways.append([*way, other])
    return None


# --- names and periods --------------------------------------------------------------------------


def _raw_names(spec: SourceSpec) -> Iterator[SourceProblem]:
    for raw in dict.fromkeys([*spec.mapped_columns(), *spec.raw_columns()]):
        # A name like this is a pattern to polars, which would pick other columns.
        if (raw.startswith("^") and raw.endswith("$")) or raw in _RESERVED:
            yield SourceProblem(
                f"'{raw}' kan ikke være navn på en råkolonne her; gi den et annet under `headers`",
                f"'{raw}' cannot be the name of a raw column here; rename it under `headers`",
                "columns",
            )
    names = [set(part) for part in spec.explode]
    if names and any(part != names[0] for part in names):
        yield SourceProblem(
            "hver del av explode må gi de samme navnene",
            "every part of explode gives the same names",
            "explode",
        )
    system = spec.columns.get("source_system")
    if system is not None and "@" in str(system.constant or ""):
        yield SourceProblem(
            "kan ikke ha '@': det står mellom system og kilde i nøkkelen",
            "cannot hold '@': it stands between system and scope",
            *("columns", "source_system"),
        )
    if spec.format.type == "fixed":
        yield from _fields(spec)


def _fields(spec: SourceSpec) -> Iterator[SourceProblem]:
    """Of fixed width: a place for every column, and one column in every place."""
    for index, variant in enumerate(spec.headers):
        called = [variant.rename.get(name, name) for name in spec.format.fields]
        twice = sorted({name for name in called if called.count(name) > 1})
        if twice:
            yield SourceProblem(
                f"to felt får navnet {', '.join(twice)}",
                f"two fields get the name {', '.join(twice)}",
                *("headers", index, "rename"),
            )
    placed = {*spec.format.fields, *(n for item in spec.headers for n in item.rename.values())}
    absent = [name for name in spec.required_raw_columns() if name not in placed]
    if absent:
        yield SourceProblem(
            f"mangler kolonner som kilden leser: {', '.join(absent)}",
            f"lacks columns that the source reads: {', '.join(absent)}",
            *("format", "fields"),
        )


def _periods(
    word: str,
    items: Iterable[DatedCodes | HeaderVariant],
    place: tuple[str | int, ...] = (),
) -> Iterator[SourceProblem]:
    for index, item in enumerate(items):
        if (item.valid_from or dt.date.min) >= (item.valid_to or dt.date.max):
            yield SourceProblem(
                "gjelder aldri: valid_to er ikke etter valid_from",
                "is never in force: valid_to is not after valid_from",
                *(*place, word, index),
            )


def _date_format(spec: SourceSpec) -> Iterator[SourceProblem]:
    """A format that cannot be read gives no file a date, and every file would be refused for it."""
    day = dt.date(2026, 3, 1)
    try:
        found = dt.datetime.strptime(day.strftime(spec.date_format), spec.date_format).date()
    except ValueError:
        found = None
    if found is None or found.year != day.year:
        yield SourceProblem(
            f"'{spec.date_format}' er ikke et datoformat; skriv det som '%Y-%m-%d'",
            f"'{spec.date_format}' is not the format of a date; write it as '%Y-%m-%d'",
            "date_format",
        )
