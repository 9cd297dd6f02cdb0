"""How a sender's layout changed from one delivery to another, without showing a value."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from contracts import CONTRACTS
from ingestion.drafts.facts import Facts, facts_of, file_marks
from ingestion.drafts.filenames import file_names
from ingestion.drafts.looked_at import Sample
from ingestion.drafts.shown import visible
from ingestion.drafts.words import WORDS, core_words, likeness, meaning
from ingestion.sources.spec import SourceSpec
from ingestion.stamps import WHITE

# Below the first a pair is no rename; from the second on it is one without doubt.
_PERHAPS, _SURE = 0.55, 0.75
_SAME_NAME = 0.6
_FILLED_APART = 0.25
_ENOUGH_ROWS = 20
_VALUES = 5_000
# What a format says when it says nothing.
_DEFAULTS = {"encoding": "utf-8", "header_row": 1, "compression": "none", "quoting": "standard"}


@dataclass(frozen=True)
class Change:
    """One difference; `advice` in bokmål and English."""

    kind: str
    column: str
    before: str
    after: str
    advice: str


@dataclass(frozen=True)
class Renamed:
    """A column that has another name in the new delivery.

    Attributes:
        old, new: the names in the two files.
        likeness: how alike the two are in name, values and place, 0 to 1.
        is_sure: whether that is enough to write it into the source file.
    """

    old: str
    new: str
    likeness: float
    is_sure: bool


@dataclass(frozen=True)
class Comparison:
    """Two deliveries of a sender.

    Attributes:
        changes: every difference, in the order of the old file.
        renamed: the renames, known ones left out.
        entries: what to add under `headers` of the source file, if anything.
        doubtful: renames that a person must decide on.
    """

    changes: tuple[Change, ...]
    renamed: tuple[Renamed, ...]
    entries: tuple[dict[str, Any], ...]
    doubtful: tuple[Renamed, ...]


def compare(
    old: Sample, new: Sample, spec: SourceSpec | None = None, day: dt.date | None = None
) -> Comparison:
    """What differs between two deliveries.

    Args:
        old, new: the deliveries.
        spec: the source they are of: renames that it knows are not reported, and the entry takes
            the direction that its map needs.
        day: the first delivery date of the new layout; that of the new file when not given.
    """
    before, after = facts_of(old), facts_of(new)
    day = day or _day(new, spec)
    known_old = _known_names(spec, _day(old, spec))
    known_new = _known_names(spec, day)
    same, lost, added = _by_name(before, after, known_old, known_new)
    renamed = _renames(lost, added, old, new, before, after, spec)
    pairs = same + [(pair.old, pair.new) for pair in renamed]
    gone = [name for name in lost if name not in {pair.old for pair in renamed}]
    come = [name for name in added if name not in {pair.new for pair in renamed}]
    mapped = set(spec.raw_columns()) if spec else set()
    changes = [
        *_file_changes(old, new, before, after),
        *_rename_changes(renamed),
        *(_removed(name, before[name], known_old.get(name, name) in mapped) for name in gone),
        *(_added(name, after[name]) for name in come),
        *(
            change
            for left, right in sorted(pairs, key=lambda pair: list(before).index(pair[0]))
            for change in _column_changes(
                before[left],
                after[right],
                old,
                new,
                _codes_known(spec, known_old.get(left, left), known_new.get(right, right)),
            )
        ),
    ]
    entries = tuple(_entries(renamed, spec, known_old, known_new, day))
    doubtful = tuple(pair for pair in renamed if not pair.is_sure)
    return Comparison(tuple(changes), tuple(renamed), entries, doubtful)


def _day(sample: Sample, spec: SourceSpec | None) -> dt.date | None:
    own = spec.delivery_date(sample.name) if spec else None
    return own or file_names(sample.name).date


def _known_names(spec: SourceSpec | None, day: dt.date | None) -> dict[str, str]:
    return spec.header_names(day) if spec is not None and day is not None else {}


def _by_name(
    before: Mapping[str, Facts],
    after: Mapping[str, Facts],
    known_old: Mapping[str, str],
    known_new: Mapping[str, str],
) -> tuple[list[tuple[str, str]], list[str], list[str]]:
    """Columns of one name, after the renames that are known; and those without a partner."""
    used = {known_new.get(name, name): name for name in after}
    same = [(name, used[key]) for name in before if (key := known_old.get(name, name)) in used]
    taken_old, taken_new = {left for left, _ in same}, {right for _, right in same}
    return (
        same,
        [name for name in before if name not in taken_old],
        [name for name in after if name not in taken_new],
    )


# --- renames ----------------------------------------------------------------------------------


def _renames(
    lost: Sequence[str],
    added: Sequence[str],
    old: Sample,
    new: Sample,
    before: Mapping[str, Facts],
    after: Mapping[str, Facts],
    spec: SourceSpec | None,
) -> list[Renamed]:
    """The likeliest pairs first, each column once."""
    scored = []
    for place, left in enumerate(lost):
        for other, right in enumerate(added):
            if not _same_type(before[left], after[right]):
                continue
            name = _name_likeness(left, right, spec)
            inside = _content_likeness(
                old.frame[left], new.frame[right], before[left], after[right]
            )
            near = max(0.0, 1 - abs(place - other) / 6)
            score = 0.45 * name + 0.35 * inside + 0.2 * near
            if score >= _PERHAPS:
                sure = score >= _SURE or (name >= _SAME_NAME and inside >= 0.5)
                scored.append((-score, place, other, left, right, sure))
    chosen: list[Renamed] = []
    for score, _, _, left, right, sure in sorted(scored):
        if left not in {pair.old for pair in chosen} and right not in {p.new for p in chosen}:
            chosen.append(Renamed(left, right, round(-score, 2), sure))
    return sorted(chosen, key=lambda pair: lost.index(pair.old))


def _same_type(left: Facts, right: Facts) -> bool:
    if "empty" in (left.type, right.type):
        return True
    numbers = {"number", "whole number", "flag"}
    return left.type == right.type or {left.type, right.type} <= numbers


def _name_likeness(left: str, right: str, spec: SourceSpec | None) -> float:
    """Alike in letters, or two words for the same contract column."""
    columns = CONTRACTS[spec.contract].columns if spec is not None else WORDS
    shared = max((min(meaning(name, left), meaning(name, right)) for name in columns), default=0.0)
    letters = likeness(core_words(left), core_words(right))
    return max(letters, shared if shared > 0.8 else 0.0)


def _content_likeness(left: pl.Series, right: pl.Series, old: Facts, new: Facts) -> float:
    """Alike in shapes, in values, in how much is filled and how much differs."""
    if "empty" in (old.type, new.type):
        return 0.5
    shapes = _overlap(dict(old.shapes), dict(new.shapes))
    filled = 1 - abs(old.share_filled - new.share_filled)
    apart = abs(old.different / max(old.filled, 1) - new.different / max(new.filled, 1))
    values = max(_shared_values(left, right), _shared_starts(left, right))
    return 0.3 * shapes + 0.2 * filled + 0.2 * (1 - apart) + 0.3 * values


def _overlap(left: Mapping[str, int], right: Mapping[str, int]) -> float:
    """How much two distributions have in common, 0 to 1."""
    total_left, total_right = sum(left.values()) or 1, sum(right.values()) or 1
    return sum(
        min(count / total_left, right.get(key, 0) / total_right) for key, count in left.items()
    )


def _texts(values: pl.Series) -> pl.Series:
    return values.cast(pl.String).drop_nulls().head(_VALUES)


def _shared_values(left: pl.Series, right: pl.Series) -> float:
    one, other = set(_texts(left)), set(_texts(right))
    return len(one & other) / max(min(len(one), len(other)), 1)


def _shared_starts(left: pl.Series, right: pl.Series) -> float:
    """Ids of one kind begin alike."""
    one, other = (
        dict(_texts(values).str.slice(0, 3).alias("start").value_counts().iter_rows())
        for values in (left, right)
    )
    return _overlap(one, other)


def _rename_changes(renamed: Sequence[Renamed]) -> Iterator[Change]:
    for pair in renamed:
        sure = "nytt navn / renamed" if pair.is_sure else "kanskje nytt navn / renamed?"
        yield Change(
            sure,
            visible(pair.old),
            visible(pair.old),
            visible(pair.new),
            "headers" if pair.is_sure else "avgjør selv / decide (headers)",
        )


def _entries(
    renamed: Sequence[Renamed],
    spec: SourceSpec | None,
    known_old: Mapping[str, str],
    known_new: Mapping[str, str],
    day: dt.date | None,
) -> Iterator[dict[str, Any]]:
    """What makes the map of the source read both layouts."""
    forward: dict[str, str] = {}
    backward: dict[str, str] = {}
    used = set(spec.raw_columns()) if spec is not None else None
    for pair in renamed:
        if not pair.is_sure:
            continue
        as_old, as_new = known_old.get(pair.old, pair.old), known_new.get(pair.new, pair.new)
        if used is None or (as_old in used and as_new not in used):
            forward[pair.new] = as_old
        elif as_new in used and as_old not in used:
            backward[pair.old] = as_new
    if backward:
        yield {"valid_to": day, "rename": backward}
    if forward:
        yield {"valid_from": day, "rename": forward}


# --- the other changes ------------------------------------------------------------------------


def _removed(name: str, fact: Facts, is_mapped: bool) -> Change:
    advice = "er i kartet: spør avsenderen / is mapped: ask the sender" if is_mapped else "-"
    return Change("borte / removed", visible(name), fact.type, "", advice)


def _added(name: str, fact: Facts) -> Change:
    shapes = "  ".join(pattern for pattern, _ in fact.shapes)
    return Change(
        "ny / added",
        visible(name),
        "",
        f"{fact.type}  {shapes}".strip(),
        "kan kartlegges / may be mapped",
    )


def _file_changes(
    old: Sample, new: Sample, before: Mapping[str, Facts], after: Mapping[str, Facts]
) -> Iterator[Change]:
    forms = [dict(_DEFAULTS) | sample.format for sample in (old, new)]
    for form, facts in zip(forms, (before, after), strict=True):
        decimal, thousands = file_marks(facts)
        form |= {"decimal": decimal or "-", "thousands": thousands or "-"}
    if _is_ascii(old) or _is_ascii(new):
        # Without letters beyond ASCII, encodings cannot be told apart.
        wide = {"utf-16"} & {form["encoding"] for form in forms}
        if not wide:
            forms[1]["encoding"] = forms[0]["encoding"]
    for key in dict.fromkeys([*forms[0], *forms[1]]):
        left, right = forms[0].get(key, "-"), forms[1].get(key, "-")
        is_unknown = key in ("decimal", "thousands") and {left, right} & {"?", "-"}
        if left != right and not is_unknown:
            yield Change(
                "filformat / file format",
                f"format.{key}",
                visible(str(left)),
                visible(str(right)),
                "en egen kilde, eller ett format: avtal med avsenderen / "
                "a source of its own, or one format: agree with the sender",
            )


def _is_ascii(sample: Sample) -> bool:
    if not all(name.isascii() for name in sample.frame.columns):
        return False
    texts = sample.frame.select(pl.col(pl.String))
    return not any(values.str.contains(r"[^\x00-\x7f]").any() for values in texts)


def _column_changes(
    old: Facts,
    new: Facts,
    old_sample: Sample,
    new_sample: Sample,
    known: set[str] | None,
) -> Iterator[Change]:
    name = visible(new.name)
    if "empty" not in (old.type, new.type):
        yield from _type_change(name, old, new)
        yield from _new_codes(name, old, new, old_sample, new_sample, known)
    apart = abs(old.share_filled - new.share_filled)
    enough = min(old.rows, new.rows) >= _ENOUGH_ROWS
    if enough and apart >= _FILLED_APART:
        yield Change(
            "andel utfylt / share filled",
            name,
            f"{100 * old.share_filled:.0f} %",
            f"{100 * new.share_filled:.0f} %",
            "spør avsenderen / ask the sender",
        )


def _type_change(name: str, old: Facts, new: Facts) -> Iterator[Change]:
    if old.stamps is not None and new.stamps is not None:
        left, right = set(old.stamps.candidates), set(new.stamps.candidates)
        is_new = not left & right or (
            bool(right - left) and not (old.stamps.is_unclear or new.stamps.is_unclear)
        )
        if (left or right) and is_new:
            yield Change(
                "stempelformat / stamp format",
                name,
                " | ".join(old.stamps.candidates) or "typed",
                " | ".join(new.stamps.candidates) or "typed",
                "legg til i `format` / add to `format`",
            )
        return
    if not _same_type(old, new):
        yield Change(
            "type",
            name,
            f"{old.type} {_first_shape(old)}",
            f"{new.type} {_first_shape(new)}",
            "se på kartet / look at the map",
        )
    marks = [tuple(mark for mark in fact.marks if mark and mark != "?") for fact in (old, new)]
    if all(marks) and marks[0] != marks[1]:
        yield Change(
            "tallmerker / number marks",
            name,
            " ".join(map(repr, marks[0])),
            " ".join(map(repr, marks[1])),
            "decimal, thousands",
        )


def _first_shape(fact: Facts) -> str:
    return fact.shapes[0][0] if fact.shapes else ""


def _new_codes(
    name: str,
    old: Facts,
    new: Facts,
    old_sample: Sample,
    new_sample: Sample,
    known: set[str] | None,
) -> Iterator[Change]:
    """Codes of a coded column that the old delivery and the map do not have."""
    if (
        not _same_type(old, new)
        or old.stamps is not None
        or (not old.is_coded if known is None else not known)
    ):
        return
    before = set(_stripped(old_sample.frame[old.name])) | (known or set())
    come = sorted(set(_stripped(new_sample.frame[new.name])) - before)
    if not come:
        return
    if new.is_coded:
        shown = ", ".join(map(visible, come))
    else:
        shown = f"{len(come)} ulike / different: {'  '.join(p for p, _ in new.shapes)}"
    yield Change("nye koder / new codes", name, "", shown, "legg til i `codes` / add to `codes`")


def _stripped(values: pl.Series) -> Iterator[str]:
    texts = values.cast(pl.String).str.strip_chars(WHITE).drop_nulls().unique()
    return (text for text in texts if text)


def _codes_known(spec: SourceSpec | None, *used: str) -> set[str] | None:
    """The raw codes that the source's map knows in a column; None without a source."""
    if spec is None:
        return None
    known: set[str] = set()
    for target, column in spec.columns.items():
        if not set(column.from_) & set(used):
            continue
        if isinstance(column.codes, dict):
            known |= set(column.codes)
        elif column.codes is not None:
            known |= {code for dated in column.codes for code in dated.map}
        else:
            known |= set(CONTRACTS[spec.contract].columns[target].codes or ())
    return known
