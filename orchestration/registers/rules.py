"""The rules of the registers. Pure: tables in, problems out."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise

from orchestration.registers.files import Problem, Row, Table
from orchestration.registers.tables import KINDS, REGISTERS

# Names of units that the figures use for themselves.
_TAKEN = ("UNKNOWN", "NO")
_OPEN = "9999-12-31"


def check(
    tables: Mapping[str, Table], contracts: Mapping[str, str], skipped: frozenset[str]
) -> list[Problem]:
    """Everything that is wrong in the registers.

    Args:
        tables: the registers, the installation's rows among the seeds'.
        contracts: source to its contract.
        skipped: sources whose file cannot be used at present; nothing is known of them.
    """
    problems = [item for name in tables for item in _values(name, tables[name])]
    if problems:
        return problems  # what values refer to says nothing while they are wrong
    for name in tables:
        problems += [*_keys(name, tables[name]), *_references(name, tables)]
        problems += _periods(name, tables[name])
    problems += _units(tables["units"])
    problems += _municipalities(tables)
    problems += _coverage(tables["source_coverage"], contracts, skipped)
    return problems


def _values(name: str, table: Table) -> Iterator[Problem]:
    register = REGISTERS[name]
    for row in table.rows:
        for column, value in row.values.items():
            if value is None:
                if column in register.required:
                    yield row.problem(
                        column, "REGISTER_VALUE_MISSING", "må ha en verdi", "must have a value"
                    )
                continue
            expected = _expected(column, value)
            if expected:
                nb, en = expected
                yield row.problem(column, "REGISTER_VALUE_FORM", f"må være {nb}", f"must be {en}")
            allowed = register.codes.get(column)
            if allowed and value not in allowed:
                names = ", ".join(allowed)
                yield row.problem(
                    column, "REGISTER_CODE", f"må være en av {names}", f"must be one of {names}"
                )


def _expected(column: str, value: str) -> tuple[str, str] | None:
    """What a value of the column must be, when this one is not."""
    kind = KINDS.get(column)
    if kind == "date":
        try:
            if dt.date.fromisoformat(value).isoformat() == value:
                return None
        except ValueError:
            pass
        return "en dato som 2026-01-31", "a date like 2026-01-31"
    if kind == "whole" and not (value.isascii() and value.isdigit()):
        return "et helt tall, null eller mer", "a whole number, zero or more"
    if kind == "number":
        try:
            float(value)
        except ValueError:
            return "et tall med punktum", "a number with a full stop"
    return None


def _keys(name: str, table: Table) -> Iterator[Problem]:
    key = REGISTERS[name].key
    first: dict[tuple[str | None, ...], Row] = {}
    for row in table.rows:
        other = first.setdefault(tuple(row.values[column] for column in key), row)
        if other is not row:
            yield row.problem(
                ", ".join(key),
                "REGISTER_ROW_REPEATED",
                f"står også på linje {other.line}; ta bort den ene",
                f"is also on line {other.line}; remove one of them",
            )


def _references(name: str, tables: Mapping[str, Table]) -> Iterator[Problem]:
    for column, (other, field) in REGISTERS[name].references.items():
        known = {row.values[field] for row in tables[other].rows}
        for row in tables[name].rows:
            value = row.values[column]
            if value is not None and value not in known:
                yield row.problem(
                    column,
                    "REGISTER_REFERENCE",
                    f"'{value}' er ikke i registeret {other}; legg det til der først",
                    f"'{value}' is not in the register {other}; add it there first",
                )


def _periods(name: str, table: Table) -> Iterator[Problem]:
    register = REGISTERS[name]
    if register.dated is None:
        return
    groups: dict[str | None, list[Row]] = defaultdict(list)
    for row in table.rows:
        groups[row.values[register.dated]].append(row)
        if (row.values["valid_to"] or _OPEN) <= str(row.values["valid_from"]):
            yield row.problem(
                "valid_to",
                "REGISTER_PERIOD",
                "må være etter valid_from",
                "must be after valid_from",
            )
    for rows in groups.values():
        ordered = sorted(rows, key=lambda row: str(row.values["valid_from"]))
        for before, after in pairwise(ordered):
            begins, ends = str(after.values["valid_from"]), before.values["valid_to"] or _OPEN
            if begins < ends or (register.unbroken and begins > ends):
                blamed, other = (
                    (after, before) if after.is_own or not before.is_own else (before, after)
                )
                yield blamed.problem(
                    "valid_from",
                    "REGISTER_PERIODS",
                    f"perioden og den på linje {other.line} i {other.file} må følge etter "
                    "hverandre: avslutt den ene (valid_to) der den neste begynner",
                    f"the period and that of line {other.line} in {other.file} must follow each "
                    "other: end one (valid_to) where the next begins",
                )


def _units(table: Table) -> Iterator[Problem]:
    for row in table.rows:
        if row.values["unit_id"] in _TAKEN:
            yield row.problem(
                "unit_id", "REGISTER_CODE", "navnet er opptatt", "the name is taken by the figures"
            )
        if (row.values["unit_kind"] == "LAT_BASE") != (row.values["base_kind"] is not None):
            yield row.problem(
                "base_kind",
                "REGISTER_CODE",
                "en base (LAT_BASE) har HELI, PLANE eller SAR, en sentral ingenting",
                "a base (LAT_BASE) has HELI, PLANE or SAR, a central nothing",
            )


def _municipalities(tables: Mapping[str, Table]) -> Iterator[Problem]:
    """Every municipality has a health trust now, and is urban or not."""
    trusts = {
        row.values["municipality_code"]
        for row in tables["municipality_health_trust"].rows
        if row.values["valid_to"] is None
    }
    urban = {row.values["municipality_code"] for row in tables["urban_municipalities"].rows}
    kinds = {row.values["unit_id"]: row.values["unit_kind"] for row in tables["units"].rows}
    for row in tables["municipalities"].rows:
        code = row.values["municipality_code"]
        for other, known in (
            ("municipality_health_trust", trusts),
            ("urban_municipalities", urban),
        ):
            if code not in known:
                yield row.problem(
                    "municipality_code",
                    "REGISTER_INCOMPLETE",
                    f"'{code}' mangler en gjeldende rad i registeret {other}",
                    f"'{code}' has no current row in the register {other}",
                )
        amk = row.values["amk_code"]
        if amk is not None and kinds.get(amk, "AMK") != "AMK":
            yield row.problem(
                "amk_code", "REGISTER_REFERENCE", f"'{amk}' er ingen AMK", f"'{amk}' is no AMK"
            )


def _coverage(
    table: Table, contracts: Mapping[str, str], skipped: frozenset[str]
) -> Iterator[Problem]:
    for row in table.rows:
        source, contract = str(row.values["source"]), row.values["contract"]
        if not row.is_own or source in skipped:
            continue
        if source not in contracts:
            yield row.problem(
                "source",
                "REGISTER_REFERENCE",
                f"kilden '{source}' finnes ikke; se `akutt source list`",
                f"there is no source '{source}'; see `akutt source list`",
            )
        elif contract != contracts[source]:
            yield row.problem(
                "contract",
                "REGISTER_REFERENCE",
                f"kilden '{source}' har kontrakten {contracts[source]}",
                f"the source '{source}' has the contract {contracts[source]}",
            )
