"""Rules that follow from the columns alone; every record has them without declaring any."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import or_

import polars as pl

from contracts.columns import Column
from contracts.helpers import (
    FIRST_DATE,
    KEY_REPEATED,
    TIME_AMBIGUOUS,
    date_only,
    nonexistent,
    unparsable,
)
from contracts.rules import Rule, Scope, all_of

FUTURE_TOLERANCE = pl.duration(hours=1)
_KEY = ("source_system", "source_id", "revision")


def derived_rules(scope: Scope) -> tuple[Rule, ...]:
    """The generated rules of a contract, column rules first."""
    columns = tuple(scope.columns.values())
    return (
        *(rule for column in columns for rule in _column_rules(scope, column)),
        *_plausibility_rules(scope, tuple(c for c in columns if c.kind == "timestamp")),
        _key_rule(scope),
        _ambiguous_rule(scope),
    )


def _column_rules(scope: Scope, column: Column) -> Iterator[Rule]:
    if column.required:
        yield _missing(scope, column)
    if not column.is_text:
        yield _unparsable(scope, column)
    if column.kind == "timestamp":
        yield _nonexistent(scope, column)
        if column.name != "extract_at":  # no interval begins or ends with it
            yield _time_of_day_absent(scope, column)
    if column.codes is not None:
        yield _unknown_code(scope, column, column.codes)


def _missing(scope: Scope, column: Column) -> Rule:
    name = column.name
    # A value that was there but could not be read is reported as such, not as missing too.
    explained = ([] if column.is_text else [unparsable(name)]) + (
        [nonexistent(name)] if column.kind == "timestamp" else []
    )

    def assertion() -> pl.Expr:
        return reduce(or_, [pl.col(helper) for helper in explained], pl.col(name).is_not_null())

    return Rule(
        code=scope.code(name, "MISSING"),
        level="row",
        kind="missing",
        columns=(name,),
        assertion=assertion,
        message_nb=f"{name} er obligatorisk, men mangler verdi.",
        message_en=f"{name} is required but has no value.",
    )


def _unparsable(scope: Scope, column: Column) -> Rule:
    name = column.name
    return Rule(
        code=scope.code(name, "UNPARSABLE"),
        level="row",
        kind="parse",
        columns=(name,),
        assertion=lambda: ~pl.col(unparsable(name)),
        message_nb=f"{name} har en verdi som ikke kan leses som {_type_nb(column)}.",
        message_en=f"{name} has a value that cannot be read as {_type_en(column)}.",
    )


def _nonexistent(scope: Scope, column: Column) -> Rule:
    name = column.name
    return Rule(
        code=scope.code(name, "NONEXISTENT_TIME"),
        level="row",
        kind="time",
        columns=(name,),
        assertion=lambda: ~pl.col(nonexistent(name)),
        message_nb=f"{name} er et lokalt klokkeslett som ikke finnes (overgang til sommertid).",
        message_en=f"{name} is a local time that does not exist (change to summer time).",
    )


def _time_of_day_absent(scope: Scope, column: Column) -> Rule:
    name = column.name
    return Rule(
        code=scope.code(name, "TIME_OF_DAY_ABSENT"),
        level="warning",
        kind="time",
        columns=(name,),
        assertion=lambda: ~pl.col(date_only(name)),
        message_nb=f"{name} har bare en dato; radens tidsintervaller kan ikke regnes ut.",
        message_en=f"{name} has a date only; the row's intervals cannot be computed.",
    )


def _unknown_code(scope: Scope, column: Column, codes: tuple[str, ...]) -> Rule:
    name = column.name

    def assertion() -> pl.Expr:
        # A chain of comparisons takes half the time of is_in on lists this short.
        return reduce(or_, [pl.col(name) == code for code in codes])

    return Rule(
        code=scope.code(name, "UNKNOWN_CODE"),
        level="row",
        kind="code",
        columns=(name,),
        assertion=assertion,
        message_nb=f"{name} har en kode som ikke står i kodelisten.",
        message_en=f"{name} has a code that is not in the code list.",
    )


def _plausibility_rules(scope: Scope, stamps: tuple[Column, ...]) -> tuple[Rule, Rule]:
    # The extract time is the yardstick, so it is not measured against itself.
    events = tuple(c.name for c in stamps if c.name != "extract_at")
    past = tuple(c.name for c in stamps if c.name in events and not c.future_ok)
    return (
        Rule(
            code=f"{scope.prefix}_TIME_IN_FUTURE",
            level="row",
            kind="plausibility",
            columns=(*past, "extract_at"),
            assertion=lambda: all_of(
                [pl.col(name) <= pl.col("extract_at") + FUTURE_TOLERANCE for name in past]
            ),
            message_nb=f"Et tidspunkt er mer enn en time etter uttrekket ({', '.join(past)}).",
            message_en=f"A stamp is more than one hour after the extract ({', '.join(past)}).",
        ),
        Rule(
            code=f"{scope.prefix}_TIME_BEFORE_FIRST_DATE",
            level="row",
            kind="plausibility",
            columns=events,
            assertion=lambda: all_of([pl.col(name) >= pl.col(FIRST_DATE) for name in events]),
            message_nb=f"Et tidspunkt er før kildens første dato ({', '.join(events)}).",
            message_en=f"A stamp is before the first date of the source ({', '.join(events)}).",
        ),
    )


def _key_rule(scope: Scope) -> Rule:
    return Rule(
        code=f"{scope.prefix}_KEY_REPEATED",
        level="row",
        kind="key",
        columns=_KEY,
        assertion=lambda: ~pl.col(KEY_REPEATED),
        message_nb=f"Samme nøkkel ({', '.join(_KEY)}) står tidligere i filen med annet innhold.",
        message_en=f"The same key ({', '.join(_KEY)}) stands earlier in the file, with other "
        "content.",
    )


def _ambiguous_rule(scope: Scope) -> Rule:
    stamps = tuple(c.name for c in scope.columns.values() if c.kind == "timestamp")
    return Rule(
        code=f"{scope.prefix}_TIME_AMBIGUOUS",
        level="warning",
        kind="time",
        columns=stamps,
        assertion=lambda: ~pl.col(TIME_AMBIGUOUS),
        message_nb="Et lokalt klokkeslett finnes to ganger (overgang til normaltid); det første "
        f"er brukt ({', '.join(stamps)}).",
        message_en="A local time occurs twice (change from summer time); the first is used "
        f"({', '.join(stamps)}).",
    )


def _type_nb(column: Column) -> str:
    return {"timestamp": "tidspunkt", "flag": "ja eller nei"}.get(column.kind, "heltall")


def _type_en(column: Column) -> str:
    return {"timestamp": "a timestamp", "flag": "yes or no"}.get(column.kind, "a whole number")
