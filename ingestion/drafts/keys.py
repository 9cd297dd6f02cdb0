"""Which columns make a record one of its kind in the sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import polars as pl

from ingestion.drafts.facts import Facts
from ingestion.drafts.guess import Filled, form_of
from ingestion.drafts.shown import name_is_personal
from ingestion.drafts.words import meaning, plain_words

_MAX_CANDIDATES = 9
_MAX_PARTS = 4
# Keys that are absent or given twice are faults that a delivery has.
_FEW_APART = 0.02
_KEY_WORDS = frozenset({"id", "nr", "no", "number", "nummer", "key", "guid", "uuid", "ref"})
_REVISION_WORDS = frozenset({"rev", "revisjon", "revision", "version", "versjon"})


def proposed_key(frame: pl.DataFrame, facts: Mapping[str, Facts], named: str | None) -> Filled:
    """The entry of `source_id`: one column, the fewest joined ones, or the content of the row.

    Equal records are one record delivered twice, and a new revision has the key of the old.

    Args:
        frame: the records of the sample.
        facts: what is known of each raw column.
        named: the column whose name says that it is the key, if any does.
    """
    usable = [name for name, fact in facts.items() if _can_be_part(fact)]
    different = frame.unique()
    if named in usable and different.height < 2:
        return replace(
            _single(facts[named], 0),
            remark="én post: se om den er unik / one record: whether it is unique, see",
        )
    revision = [name for name in facts if plain_words(name) in _REVISION_WORDS]
    if not usable or different.height < 2:
        return _hashed(
            facts, "for få poster i prøven til å finne en nøkkel / too few records to find a key in"
        )
    ranked = sorted(usable, key=lambda name: _rank(facts[name], named))
    for name in ranked:
        # A measure that happens to differ is no key: one column alone must be called one.
        if _is_called_key(name, named) and _is_nearly_key(different, name, revision):
            return _single(facts[name], different.height - _count(different, [name], revision))
    days = {name for name in usable if _has_day(facts[name])}
    candidates = [name for name in ranked if days or facts[name].type != "clock"][:_MAX_CANDIDATES]
    candidates += [name for name in ranked if name in days and name not in candidates][:1]
    for size in range(2, _MAX_PARTS + 1):
        for parts in combinations(candidates, size):
            # The same clock time comes again every day.
            has_clock = any(facts[part].type == "clock" for part in parts)
            if has_clock and not days & set(parts):
                continue
            if _is_key(different, parts, revision):
                return Filled(
                    {"from": list(parts), "join": "/"},
                    parts,
                    remark="ingen kolonne er unik alene; sammen er disse det / unique together",
                )
    return _hashed(
        facts,
        "ingen kolonner er unike sammen: en rettet rad er en ny post / no columns are unique "
        "together, so a corrected row is a new record",
    )


def _has_day(fact: Facts) -> bool:
    return fact.type in ("stamp", "date")


def _can_be_part(fact: Facts) -> bool:
    is_long = any(len(pattern) >= 40 for pattern, _ in fact.shapes)
    return (
        fact.rows > 0
        and fact.rows - fact.filled <= max(1, _FEW_APART * fact.rows)
        and not fact.is_personal
        and not is_long
        and not fact.nulls
        and fact.type not in ("number", "empty", "flag")
        and not name_is_personal(fact.name)
        and plain_words(fact.name) not in _REVISION_WORDS
    )


def _is_called_key(name: str, named: str | None) -> bool:
    words = plain_words(name).split()
    return name == named or bool(set(words) & _KEY_WORDS) or words[-1:] == ["rowid"]


def _rank(fact: Facts, named: str | None) -> tuple[bool, bool, float, bool, int]:
    """The best parts first: the named key, ids, then what differs most."""
    return (
        fact.name != named,
        not _is_called_key(fact.name, named),
        -round(meaning("source_id", fact.name), 1) if _is_called_key(fact.name, named) else 0.0,
        fact.type == "clock",
        -fact.different,
    )


def _is_key(frame: pl.DataFrame, parts: Sequence[str], revision: list[str]) -> bool:
    names = list(dict.fromkeys([*parts, *revision]))
    filled = frame.select(names).drop_nulls(list(parts))
    return filled.height == frame.height == filled.n_unique()


def _count(frame: pl.DataFrame, parts: Sequence[str], revision: list[str]) -> int:
    names = list(dict.fromkeys([*parts, *revision]))
    return frame.select(names).drop_nulls(list(parts)).n_unique()


def _is_nearly_key(frame: pl.DataFrame, name: str, revision: list[str]) -> bool:
    """A key in all but the few records that a sender got wrong."""
    filled = frame.filter(pl.col(name).is_not_null())
    missing = frame.height - filled.height
    repeated = filled.height - _count(filled, [name], revision)
    return (
        missing <= max(1, _FEW_APART * frame.height)
        and repeated <= _FEW_APART * frame.height
        and filled[name].n_unique() > 1
    )


def _single(fact: Facts, apart: int) -> Filled:
    form = form_of(fact)
    remark = (
        f"unik og fylt, unntatt i {apart} poster / unique and filled but for {apart} records"
        if apart
        else ""
    )
    entry = {"from": fact.name, "form": form} if form else fact.name
    return Filled(entry, (fact.name,), remark=remark)


def _hashed(facts: Mapping[str, Facts], why: str) -> Filled:
    """A key of the row's content: the columns that can be named and are nobody's number."""
    parts = tuple(
        name
        for name, fact in facts.items()
        if fact.type != "empty" and not fact.is_personal and not name_is_personal(name)
    )
    return Filled({"hash_of": list(parts)}, parts, remark=why)
