"""Rules that follow from the columns alone; every record has them without declaring any."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import reduce
from operator import or_

import polars as pl

from contracts.columns import Column
from contracts.helpers import (
    FIRST_DATE,
    KEY_REPEATED,
    ROW_ALIKE,
    TAKEN_AT,
    TIME_AMBIGUOUS,
    TIME_PLACEHOLDER,
    date_only,
    nonexistent,
    unparsable,
)
from contracts.rules import Rule, Scope, all_of

EXTRACT_TOLERANCE = dt.timedelta(hours=1)
# Clocks and time zones of senders may be wrong by hours, not by days.
TAKEN_TOLERANCE = pl.duration(days=1)
# A planned end may lie ahead, but not for ever.
PLANNED_TOLERANCE = pl.duration(days=400)
KEY = ("source_system", "source_id", "revision")


def derived_rules(scope: Scope) -> tuple[Rule, ...]:
    """The generated rules of a contract, column rules first."""
    columns = tuple(scope.columns.values())
    return (
        *(rule for column in columns for rule in _column_rules(scope, column)),
        *_plausibility_rules(scope, tuple(c for c in columns if c.kind == "timestamp")),
        _placeholder_rule(scope),
        _key_rule(scope),
        _alike_rule(scope),
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
        [nonexistent(name), TIME_PLACEHOLDER] if column.kind == "timestamp" else []
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
    planned = tuple(c.name for c in stamps if c.future_ok)

    def not_ahead() -> pl.Expr:
        taken = pl.col(TAKEN_AT)
        return all_of(
            [pl.col(name) <= pl.col("extract_at") + EXTRACT_TOLERANCE for name in past]
            # An extract time can be as wrong as the others: the clock of the intake is not.
            + [pl.col(name) <= taken + TAKEN_TOLERANCE for name in (*past, "extract_at")]
            + [pl.col(name) <= taken + PLANNED_TOLERANCE for name in planned]
        )

    return (
        Rule(
            code=f"{scope.prefix}_TIME_IN_FUTURE",
            level="row",
            kind="plausibility",
            columns=(*past, *planned, "extract_at"),
            assertion=not_ahead,
            message_nb="Et tidspunkt er mer enn en time etter uttrekket (extract_at i "
            f"kildefilen), eller fram i tid ({', '.join((*past, *planned))}).",
            message_en="A stamp is more than one hour after the extract (extract_at of the source "
            f"file), or lies ahead ({', '.join((*past, *planned))}).",
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


def _placeholder_rule(scope: Scope) -> Rule:
    stamps = tuple(c.name for c in scope.columns.values() if c.kind == "timestamp")
    return Rule(
        code=f"{scope.prefix}_TIME_PLACEHOLDER",
        level="row",
        kind="time",
        columns=stamps,
        assertion=lambda: ~pl.col(TIME_PLACEHOLDER),
        message_nb="Et tidspunkt er en dato som står for «ingen» (år 0001, 1753, 1899, 1900 eller "
        f"9999): før den opp under nulls i kildefilen ({', '.join(stamps)}).",
        message_en="A stamp is a date that stands for none (year 0001, 1753, 1899, 1900 or 9999): "
        f"name it under nulls in the source file ({', '.join(stamps)}).",
    )


def _alike_rule(scope: Scope) -> Rule:
    return Rule(
        code=f"{scope.prefix}_ROW_ALIKE",
        level="warning",
        kind="key",
        columns=KEY,
        assertion=lambda: ~pl.col(ROW_ALIKE),
        message_nb="Raden er lik en tidligere rad i alle kolonner som brukes, men ikke i de andre.",
        message_en="The row equals an earlier row in every column that is used, but not in others.",
    )


def _key_rule(scope: Scope) -> Rule:
    return Rule(
        code=f"{scope.prefix}_KEY_REPEATED",
        level="row",
        kind="key",
        columns=KEY,
        assertion=lambda: ~pl.col(KEY_REPEATED),
        message_nb=f"Samme nøkkel ({', '.join(KEY)}) står tidligere i filen med annet innhold.",
        message_en=f"The same key ({', '.join(KEY)}) stands earlier in the file, with other "
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
