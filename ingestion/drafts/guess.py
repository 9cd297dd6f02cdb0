"""Which raw column fills which contract column, and how: by its name and by what is in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from contracts import CONTRACTS, Column
from ingestion.drafts.facts import Facts
from ingestion.drafts.shown import name_is_personal
from ingestion.drafts.stamps import Stamps, epoch_unit
from ingestion.drafts.words import CODE_WORDS, interval_unit, meaning, plain_words

_LIKE_ENOUGH = 0.84
_TRUE = frozenset({"true", "1", "ja", "j", "yes", "y"})
_FALSE = frozenset({"false", "0", "nei", "n", "no"})
TODO = "TODO"
_EMPTY = "kolonnen er tom i prøven: hvilket format? / the column is empty in the sample: format?"


@dataclass(frozen=True)
class Filled:
    """How a contract column is filled in the draft.

    Attributes:
        map: the entry of the source file: a raw name, or a mapping.
        raw: the raw columns it reads.
        asks: what a person must decide; it is marked TODO.
        remark: what a person should look at.
    """

    map: Any
    raw: tuple[str, ...]
    asks: str = ""
    remark: str = ""


@dataclass(frozen=True)
class Guess:
    """The map as far as it can be seen.

    Attributes:
        columns: contract column to its entry, in the contract's order.
        unfilled: required contract columns without a candidate.
        unused: raw columns that are not mapped.
    """

    columns: dict[str, Filled] = field(default_factory=dict)
    unfilled: tuple[Column, ...] = ()
    unused: tuple[str, ...] = ()


def matched(contract: str, facts: Mapping[str, Facts], epochs: Mapping[str, str]) -> dict[str, str]:
    """Contract column to raw column: the best pairs first, each raw column once."""
    pairs = []
    for place, column in enumerate(CONTRACTS[contract].columns.values()):
        if column.name == "source_system":
            continue
        for position, (raw, fact) in enumerate(facts.items()):
            if name_is_personal(raw) or not _can_fill(column, fact, epochs):
                continue
            score = meaning(column.name, raw)
            if score > _LIKE_ENOUGH:
                pairs.append((-score, place, position, column.name, raw))
    chosen: dict[str, str] = {}
    for _, _, _, name, raw in sorted(pairs):
        if name not in chosen and raw not in chosen.values():
            chosen[name] = raw
    return chosen


def epoch_columns(frame: pl.DataFrame) -> dict[str, str]:
    """The columns whose numbers can be moments, with their unit."""
    units = {name: epoch_unit(frame[name]) for name in frame.columns}
    return {name: unit for name, unit in units.items() if unit is not None}


def _can_fill(column: Column, fact: Facts, epochs: Mapping[str, str]) -> bool:
    if fact.type == "empty":
        return True
    is_stamp = fact.stamps is not None
    if column.kind == "timestamp":
        return is_stamp or fact.name in epochs or _is_interval(fact)
    if is_stamp:
        return False
    if column.dtype == pl.Boolean:
        return fact.different <= 3
    if column.codes is not None:
        return fact.different <= 40 and fact.type != "number"
    if column.kind == "number":
        return fact.type in ("whole number", "flag")
    if column.name == "caller_pseudonym":
        return True
    return not (fact.is_personal and column.kind in ("key", "unit"))


def _is_interval(fact: Facts) -> bool:
    return fact.type in ("number", "whole number") and interval_unit(fact.name) is not None


def guess(
    contract: str, frame: pl.DataFrame, facts: Mapping[str, Facts], key: Filled | None = None
) -> Guess:
    """The map of a sample.

    Args:
        contract: name of the contract.
        frame: the sample's records.
        facts: what is known of each raw column.
        key: the entry of `source_id`, where it was found apart.
    """
    definition = CONTRACTS[contract]
    epochs = epoch_columns(frame)
    chosen = matched(contract, facts, epochs)
    anchor = _anchor(definition.columns.values(), chosen, facts)
    date = date_column(facts, frame.columns, chosen.values())
    columns: dict[str, Filled] = {}
    unfilled = []
    for column in definition.columns.values():
        if column.name == "source_id" and key is not None:
            columns[column.name] = key
        elif column.name in chosen:
            fact = facts[chosen[column.name]]
            columns[column.name] = _filled(column, fact, epochs, anchor, date)
        elif (
            column.required
            and column.default is None
            and column.name
            not in (
                "source_system",
                "extract_at",
                "urgency_changed",
            )
        ):
            unfilled.append(column)
    _fill_empty_stamps(columns, definition.columns, facts)
    used = {raw for filled in columns.values() for raw in filled.raw}
    return Guess(columns, tuple(unfilled), tuple(name for name in facts if name not in used))


def _fill_empty_stamps(
    columns: dict[str, Filled], definition: Mapping[str, Column], facts: Mapping[str, Facts]
) -> None:
    """A stamp column that is empty in the sample is taken to be written as most others are."""
    others = [
        filled
        for name, filled in columns.items()
        if definition[name].kind == "timestamp"
        and name != "extract_at"
        and not filled.asks
        and facts[filled.raw[-1]].type != "empty"
    ]
    if not others:
        return
    for name, filled in columns.items():
        if filled.asks != _EMPTY:
            continue
        raw = filled.raw[-1]
        same_unit = [f for f in others if interval_unit(f.raw[-1]) == interval_unit(raw)]
        like = (same_unit or others)[-1]
        entry: Any = raw
        if isinstance(like.map, dict):
            kept = {key: value for key, value in like.map.items() if key != "nulls"}
            entry = {**kept, "from": [*like.raw[:-1], raw] if len(like.raw) > 1 else raw}
        columns[name] = Filled(
            entry,
            (*like.raw[:-1], raw),
            remark="tom i prøven: som de andre / empty in the sample: taken to be as the others",
        )


def _anchor(columns: Any, chosen: Mapping[str, str], facts: Mapping[str, Facts]) -> str | None:
    """The first stamp of the record that stands by itself: what the others are later than."""
    for column in columns:
        if column.kind == "timestamp" and column.name != "extract_at" and column.name in chosen:
            fact = facts[chosen[column.name]]
            if fact.stamps is not None:
                return str(column.name)
    return None


def date_column(facts: Mapping[str, Facts], order: list[str], taken: Any = ()) -> Facts | None:
    """The column that holds the day of the clock times, if there is one."""
    dates = [
        facts[name]
        for name in order
        if (stamps := facts[name].stamps) is not None
        and stamps.kind == "date"
        and facts[name].share_filled > 0.9
    ]
    used = set(taken)
    return min(
        dates,
        key=lambda fact: (
            fact.name in used,
            not set(plain_words(fact.name).split()) & {"date", "dato", "day", "dag"},
            order.index(fact.name),
        ),
        default=None,
    )


def _filled(
    column: Column,
    fact: Facts,
    epochs: Mapping[str, str],
    anchor: str | None,
    date: Facts | None,
) -> Filled:
    raw = fact.name
    nulls = {"nulls": list(fact.nulls)} if fact.nulls else {}
    if column.name == "caller_pseudonym":
        return Filled({"from": raw, "pseudonym": True, **nulls}, (raw,))
    if column.kind == "timestamp":
        return _stamp(column, fact, epochs, anchor, date, nulls)
    if "municipality_code" in column.name:
        return Filled({"from": raw, "pad": 4, **nulls}, (raw,))
    if column.codes is not None or column.dtype == pl.Boolean:
        return _coded(column, fact, nulls)
    if column.kind in ("key", "unit") and (form := form_of(fact)):
        return Filled({"from": raw, "form": form, **nulls}, (raw,))
    return Filled({"from": raw, **nulls} if nulls else raw, (raw,))


# --- stamps -----------------------------------------------------------------------------------


def _stamp(
    column: Column,
    fact: Facts,
    epochs: Mapping[str, str],
    anchor: str | None,
    date: Facts | None,
    nulls: dict[str, Any],
) -> Filled:
    raw, stamps = fact.name, fact.stamps
    if stamps is None and raw in epochs:
        return Filled({"from": raw, "epoch": epochs[raw], **nulls}, (raw,))
    if stamps is None and fact.type == "empty":
        return Filled({"from": raw, "format": []}, (raw,), asks=_EMPTY)
    if stamps is None:
        unit = interval_unit(raw) or "s"
        entry: dict[str, Any] = {"from": raw, "after": anchor or TODO}
        if unit != "s":
            entry["unit"] = unit
        asks = (
            ""
            if anchor
            else "hvilken tid er dette et intervall etter? / which stamp is this an interval after?"
        )
        return Filled({**entry, **nulls}, (raw,), asks=asks)
    if stamps.kind == "clock":
        return _clock(column, fact, stamps, anchor, date, nulls)
    entry = {"from": raw, **_reading(stamps), **nulls}
    remarks = []
    if stamps.kind == "date":
        remarks.append("bare en dato: intet intervall derfra / only a date: no interval from it")
    if stamps.unread:
        remarks.append(f"{stamps.unread} verdier i en annen form / values in another form")
    asks = _unclear(stamps.candidates) if stamps.is_unclear else ""
    if set(entry) == {"from"}:
        return Filled(raw, (raw,), asks, "; ".join(remarks))
    return Filled(entry, (raw,), asks, "; ".join(remarks))


def _reading(stamps: Stamps) -> dict[str, Any]:
    if stamps.is_typed:
        return {}
    if stamps.is_unclear:
        return {"format": []}
    formats = stamps.formats
    entry: dict[str, Any] = {"format": formats[0] if len(formats) == 1 else formats}
    if all(text.endswith("Z") for text in formats):
        entry["utc"] = True
    return entry


def _unclear(candidates: list[str]) -> str:
    choice = " | ".join(f"'{text}'" for text in candidates)
    return f"dag eller måned først? / day or month first? No value tells; format: {choice}"


def _clock(
    column: Column,
    fact: Facts,
    stamps: Stamps,
    anchor: str | None,
    date: Facts | None,
    nulls: dict[str, Any],
) -> Filled:
    """A clock time needs a day beside it, and can be past midnight."""
    later = (
        {"next_day_if_before": anchor}
        if anchor and column.name not in (anchor, "extract_at")
        else {}
    )
    tokens = [*fact.nulls, *midnight_for_nothing(fact)] if later else list(fact.nulls)
    none = {"nulls": tokens} if tokens else {}
    raw = fact.name
    if date is None or date.stamps is None:
        return Filled(
            {"from": [TODO, raw], "format": []},
            (raw,),
            asks=f"bare et klokkeslett / only a clock time "
            f"({stamps.candidates[0] if stamps.readings else 'typed'}): "
            "hvilken kolonne har datoen? / which column has the date?",
        )
    remark = (
        ("mange 0:00:00: lest som ingen verdi / a frequent 0:00:00 is taken for no value")
        if len(tokens) > len(fact.nulls)
        else ""
    )
    entry: dict[str, Any] = {"from": [date.name, raw]}
    names = (date.name, raw)
    if stamps.is_typed and date.stamps.is_typed:
        return Filled({**entry, **none, **later}, names, remark=remark)
    if date.stamps.is_typed or stamps.is_typed:
        return Filled(
            {**entry, "format": [], **none, **later},
            names,
            asks="format for dato og klokke? / format of date and clock?",
        )
    both = [f"{day} {clock}" for day in date.stamps.candidates for clock in stamps.formats]
    if date.stamps.is_unclear:
        return Filled({**entry, "format": [], **none, **later}, names, asks=_unclear(both))
    written = both[0] if len(both) == 1 else both
    return Filled({**entry, "format": written, **none, **later}, names, remark=remark)


def midnight_for_nothing(fact: Facts) -> list[str]:
    """The spelling of midnight that is there too often to be a time of day."""
    return [text for text, count in fact.midnights.items() if count > 0.05 * fact.filled]


# --- codes and keys ---------------------------------------------------------------------------


def _coded(column: Column, fact: Facts, nulls: dict[str, Any]) -> Filled:
    raw = fact.name
    is_flag = column.dtype == pl.Boolean
    plain = Filled({"from": raw, **nulls} if nulls else raw, (raw,))
    if fact.type == "empty":
        return plain
    texts = set(fact.few or {})
    if fact.few and texts <= set(column.codes or ()):
        return plain
    if is_flag and texts and {text.lower() for text in texts} <= _TRUE | _FALSE:
        return plain
    known = {text: code for text in sorted(texts) if (code := known_code(column, text)) is not None}
    # A code is written when the list is one of codes: few values that come again, or words that
    # the contract knows. What is neither could be a name.
    shown = {text: known.get(text, TODO) for text in sorted(texts)} if fact.is_coded else known
    left = fact.different - len(shown)
    codes: dict[str, Any] = dict(shown)
    asks = ""
    if left:
        codes["*"] = TODO
        asks = (
            f"{left} verdier til som ikke vises; skriv dem som betyr noe / "
            "more values that are not shown; write those that matter"
        )
    elif TODO in codes.values():
        asks = "hvilken kontraktskode er hver? / which contract code is each?"
    options = "true, false" if is_flag else ", ".join(column.codes or ())
    remark = "foreslått av ordene, se over / proposed by their words, look at them" if known else ""
    if asks:
        asks = f"{asks} ({options})"
    return Filled({"from": raw, "codes": codes, **nulls}, (raw,), asks, remark)


def known_code(column: Column, text: str) -> str | bool | None:
    """The contract code that a raw code says in words; None when it does not."""
    if column.dtype == pl.Boolean:
        lower = text.lower()
        return True if lower in _TRUE else False if lower in _FALSE else None
    said = plain_words(text)
    for code in column.codes or ():
        labels = (column.code_labels or {}).get(code, ())
        words = {plain_words(code), *map(plain_words, labels), *CODE_WORDS.get(code, ())}
        if said in words:
            return code
    return None


def form_of(fact: Facts) -> str | None:
    """The form of identifiers long enough to be taken for somebody's number; None for others."""
    if fact.other_shapes or fact.is_personal or not fact.shapes:
        return None
    patterns = [pattern for pattern, _ in fact.shapes]
    longest = max(len(digits) for text in patterns for digits in re.findall(r"9+|$", text))
    if longest < 8 or fact.type == "number" or any(len(text) >= 40 for text in patterns):
        return None
    if re.search(r"[^9Aa_\-./:]", "".join(patterns)):
        return None
    return "|".join(dict.fromkeys(map(_expression, patterns)))


def _expression(pattern: str) -> str:
    """A shape as a regular expression."""
    parts = []
    for run in re.findall(r"9+|A+|a+|[^9Aa]", pattern):
        match run[0]:
            case "9":
                text = r"\d"
            case "A":
                text = "[A-ZÆØÅ]"
            case "a":
                text = "[a-zæøå]"
            case mark:
                text = re.escape(mark) if mark in "./" else mark
        parts.append(text if len(run) == 1 else f"{text}{{{len(run)}}}")
    return "".join(parts)
