"""A draft of a source file: what can be seen in a sample is filled in, the rest says TODO.

No value of the sample is written, other than harmless codes of coded columns; every name and text
goes through the YAML writer, so that nothing in a sample can write YAML.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
import yaml

from contracts import CONTRACTS, Column
from ingestion.drafts.facts import Facts, facts_of, file_marks
from ingestion.drafts.filenames import FileNames, file_names
from ingestion.drafts.guess import TODO, Filled, Guess, epoch_columns, guess, matched
from ingestion.drafts.keys import proposed_key
from ingestion.drafts.looked_at import Sample
from ingestion.drafts.shown import name_is_personal, visible, visible_names
from ingestion.mapping import EXTRACT_HOURS
from ingestion.stamps import has_offset, moment

_WIDTH = 100
_ENDLESS = float("inf")
_ZONE = "Europe/Oslo"
_SCHEMA = "# yaml-language-server: $schema=../source.schema.json"


@dataclass(frozen=True)
class Draft:
    """A drafted source file.

    Attributes:
        text: the YAML.
        left: what a person must fill in, one line each.
        personal: raw column to kinds and counts of personal numbers in the sample.
        facts: what is known of each raw column.
        format: the `format` entry.
    """

    text: str
    left: tuple[str, ...]
    personal: Mapping[str, Mapping[str, int]]
    facts: Mapping[str, Facts]
    format: Mapping[str, Any]


class _Plain(yaml.SafeDumper):
    """No anchors: a draft is edited by hand."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def draft(
    name: str,
    contract: str,
    sample: Sample,
    *,
    day_first: bool | None = None,
    decimal: str | None = None,
) -> Draft:
    """A source file for a sample.

    Args:
        name: of the source.
        contract: of its records.
        day_first: whether 05.04 is in April, where the sample does not tell.
        decimal: the decimal mark, where the sample does not tell.
    """
    facts = facts_of(sample, day_first=day_first)
    epochs = epoch_columns(sample.frame)
    named = matched(contract, facts, epochs).get("source_id")
    found = guess(contract, sample.frame, facts, proposed_key(sample.frame, facts, named))
    names = file_names(sample.name)
    marks, mark_asks = _marks(facts, found, contract, decimal)
    left = list(_left(sample, found, names, contract, mark_asks))
    text = _written(name, contract, sample, facts, found, names, marks, left)
    personal = {fact.name: fact.personal for fact in facts.values() if fact.personal}
    return Draft(text, tuple(left), personal, facts, _without_people(sample.format) | marks)


def open_questions(sample: Sample, contract: str) -> tuple[list[str], bool]:
    """What a person can answer before the draft: the formats in doubt, and the decimal mark.

    Returns:
        The formats between which day and month are in doubt, in mapped columns; and whether the
        decimal mark is.
    """
    facts = facts_of(sample)
    found = guess(contract, sample.frame, facts)
    raw = [name for filled in found.columns.values() for name in filled.raw]
    unclear = [
        form
        for name in dict.fromkeys(raw)
        if (stamps := facts[name].stamps) is not None and stamps.is_unclear
        for form in stamps.candidates
    ]
    _, asks = _marks(facts, found, contract, None)
    return list(dict.fromkeys(unclear)), bool(asks)


def _marks(
    facts: Mapping[str, Facts], found: Guess, contract: str, decimal: str | None
) -> tuple[dict[str, Any], str]:
    """The marks of numbers as `format` entries, and what to ask of them."""
    read = {raw for filled in found.columns.values() for raw in filled.raw}
    mark, thousands = file_marks(facts)
    if mark == "?":
        other = {",": ".", ".": ","}
        if decimal is not None:
            return {"decimal": decimal, "thousands": other[decimal]}, ""
        if any(facts[name].type == "number" for name in read if name in facts):
            return {}, (
                "desimaltegn: '.' eller ','? Ingen verdi viser det / decimal mark: '.' or ','? No "
                "value tells; see format.decimal, format.thousands"
            )
        return {}, ""
    marks = {}
    if mark == ",":
        marks["decimal"] = mark
    if thousands is not None:
        marks["thousands"] = thousands
        if thousands == "." and mark is None:
            marks["decimal"] = ","
    if decimal is not None:
        marks["decimal"] = decimal
    return marks, ""


# --- what is left -----------------------------------------------------------------------------


def _left(
    sample: Sample, found: Guess, names: FileNames, contract: str, mark_asks: str
) -> Iterator[str]:
    yield (
        "title, owner: hvem som svarer for dataene og får rapportene om avviste rader / who "
        "answers for the data and receives the reject reports"
    )
    yield (
        "source_system: navnet på avsenderens system, med store bokstaver / the name of the "
        "sender's system, in capitals"
    )
    if names.date is None:
        yield f"files: {names.remark}"
    if mark_asks:
        yield f"format: {mark_asks}"
    if any(_is_on_the_clock(filled, sample) for filled in found.columns.values()):
        yield (
            f"clock.zone: {_ZONE} er antatt for tider uten tidssone; se at det er riktig / is "
            "assumed for stamps that carry no offset; see that it is right"
        )
    if asks := _extract_asks(sample, found, names, contract):
        yield f"extract_at: {asks}"
    for column in found.unfilled:
        yield f"{column.name}: {_options(column)}"
    for name, filled in found.columns.items():
        if filled.asks:
            yield f"{name}: {filled.asks}"


def _is_on_the_clock(filled: Filled, sample: Sample) -> bool:
    """Whether a stamp says no offset, so that the source's clock decides which moment it is."""
    entry = filled.map if isinstance(filled.map, dict) else {}
    if "format" in entry:
        texts = [entry["format"]] if isinstance(entry["format"], str) else entry["format"]
        return not entry.get("utc") and not any(map(has_offset, texts))
    dtypes = [sample.frame.schema.get(name) for name in filled.raw]
    return any(isinstance(dtype, pl.Datetime) and dtype.time_zone is None for dtype in dtypes)


def _extract_asks(sample: Sample, found: Guess, names: FileNames, contract: str) -> str:
    """What to see to where a file dated at its beginning holds more than the day of its name."""
    if names.date is None or "extract_at" in found.columns:
        return ""
    begin = dt.datetime.combine(names.date, dt.time())
    days = 0 if "%d" in names.date_format else 31
    latest = _latest(sample, found, contract)
    if latest is not None and latest > begin + dt.timedelta(hours=EXTRACT_HOURS + 1):
        days = max(days, (latest - begin).days)
    if not days:
        return ""
    hours = 24 * days + EXTRACT_HOURS
    return (
        f"tidspunktene kan gå ut over dagen i filnavnet ({names.date}), og de senere avvises; si "
        "når uttrekket er tatt / stamps may reach past the day of the file name, and later ones "
        f"are rejected; say when it was taken: {{hours_after_delivery: {hours}}}"
    )


def _latest(sample: Sample, found: Guess, contract: str) -> dt.datetime | None:
    """The last moment of the stamps that the draft maps, on the clock of the file."""
    moments = []
    for name, filled in found.columns.items():
        column = CONTRACTS[contract].columns[name]
        entry = filled.map if isinstance(filled.map, dict) else {}
        forms = entry.get("format", [])
        forms = [form for form in ([forms] if isinstance(forms, str) else forms) if "%d" in form]
        if column.kind != "timestamp" or column.future_ok or not filled.raw or filled.asks:
            continue
        values = sample.frame.select(filled.raw)
        if all(dtype == pl.String for dtype in values.dtypes) and forms:
            texts = values.select(pl.concat_str(pl.all(), separator=" ")).to_series()
            moments.append(moment(texts, forms).max())
        elif isinstance(values.dtypes[0], pl.Datetime):
            moments.append(values.to_series().dt.replace_time_zone(None).max())
    return max((at for at in moments if isinstance(at, dt.datetime)), default=None)


def _options(column: Column) -> str:
    """What a required column without a candidate can be given."""
    none = "ingen kandidat / no candidate;"
    if column.kind == "timestamp":
        return f"{none} {{from: ..., format: ...}}"
    if column.dtype == pl.Boolean:
        return f"{none} {{from: ...}} | {{constant: false}}"
    if column.codes is not None:
        return f"{none} {{from: ..., codes: ...}} | {{constant: {'|'.join(column.codes)}}}"
    return f"{none} {{from: ...}} | {{constant: ...}}"


# --- the text ---------------------------------------------------------------------------------


def _written(
    name: str,
    contract: str,
    sample: Sample,
    facts: Mapping[str, Facts],
    found: Guess,
    names: FileNames,
    marks: dict[str, Any],
    left: list[str],
) -> str:
    pattern = names.pattern
    if name_is_personal(sample.name):
        pattern = rf"{name}_(?P<date>\d{{4}}-\d{{2}}-\d{{2}})(_\w+)?\.\w+"
    head: dict[str, Any] = {
        "name": name,
        "title": TODO,
        "contract": contract,
        "owner": TODO,
        "files": pattern,
    }
    if names.date_format != "%Y-%m-%d":
        head["date_format"] = names.date_format
    head["format"] = _without_people(sample.format) | marks
    if names.date is not None and names.date.year < 2010:
        head["first_date"] = names.date.replace(month=1, day=1)
    head["clock"] = {"zone": _ZONE}
    lines = [
        _SCHEMA,
        "# Utkast laget av en prøve: se over det, fyll ut TODO, kjør `akutt source check`.",
        "# Draft made from a sample: look it over, fill in TODO, then run `akutt source check`.",
    ]
    if names.remark:
        lines.append(f"# files: {names.remark}")
    lines.append(
        f"# clock: {_ZONE} er antatt for tider uten tidssone / is assumed for stamps that carry no "
        "offset"
    )
    for key, value in head.items():
        lines.append(_entry({key: value}))
    lines.append("")
    lines.append("columns:")
    lines += _columns(contract, found)
    lines += ["", *_profile(sample, facts, found)]
    lines += ["", "# Left to do / gjenstår:", *(f"#   - {item}" for item in left)]
    return "\n".join(lines) + "\n"


def _without_people(form: Mapping[str, Any]) -> dict[str, Any]:
    """A sheet or a path that is somebody's number is for a person to write."""
    return {
        key: TODO if isinstance(value, str) and name_is_personal(value) else value
        for key, value in form.items()
    }


def _entry(value: Mapping[str, Any]) -> str:
    """One entry of the top level; what is in it on the same line, if it is short."""
    ((key, inner),) = value.items()
    if isinstance(inner, Mapping):
        return f"{key}: {_dump(dict(inner), flow=True, width=_ENDLESS)}"
    return _dump(dict(value), flow=False, width=_ENDLESS)


def _dump(value: Any, *, flow: bool | None, width: float = _WIDTH) -> str:
    return yaml.dump(
        value,
        Dumper=_Plain,
        sort_keys=False,
        allow_unicode=True,
        width=width,
        default_flow_style=flow,
    ).rstrip("\n")


def _columns(contract: str, found: Guess) -> Iterator[str]:
    yield f"  source_system: {{constant: {TODO}}}"
    unfilled = {column.name: column for column in found.unfilled}
    for name in CONTRACTS[contract].columns:
        if name in unfilled:
            yield f"  # {name}: {TODO}  # {_options(unfilled[name])}"
        elif name in found.columns:
            yield from _column(name, found.columns[name])


def _column(name: str, filled: Filled) -> Iterator[str]:
    """One contract column, with its question or remark after it."""
    short = _dump(filled.map, flow=True, width=_ENDLESS) if isinstance(filled.map, dict) else ""
    if short and len(short) + len(name) < _WIDTH - 4:
        written = [f"{name}: {short}"]
    else:
        written = _dump({name: filled.map}, flow=None if short else False).split("\n")
    note = f"{TODO}: {filled.asks}" if filled.asks else filled.remark
    lines = [f"  {line}" for line in written]
    if note and len(lines) == 1 and len(lines[0]) + len(note) < _WIDTH + 20:
        lines[0] = f"{lines[0]}  # {visible_line(note)}"
    elif note:
        lines.insert(0, f"  # {name}: {visible_line(note)}")
    yield from lines


def visible_line(text: str) -> str:
    """A text for a comment: whatever is in it, it stays one line."""
    return "".join(mark if mark.isprintable() else "?" for mark in text)


def _profile(sample: Sample, facts: Mapping[str, Facts], found: Guess) -> Iterator[str]:
    rows = sample.frame.height
    cut = " (de første av flere / the first of more)" if sample.is_cut else ""
    yield f"# Råkolonner i prøven / raw columns of the sample, {rows} poster / records{cut}."
    yield "# Navn: type, andel fylt, ulike verdier, former (9 siffer, A stor, a liten bokstav)."
    yield "# Name: type, share filled, different values, shapes (9 digit, A capital, a letter)."
    width = min(max((len(visible(name)) for name in facts), default=0), 32)
    for fact in facts.values():
        yield f"#   {visible(fact.name):<{width}}  {facts_line(fact)}"
    for name, (nb, en) in sample.left_out.items():
        yield f"#   {visible(name):<{width}}  {nb} / {en}"
    for nb, en in sample.notes:
        yield f"# {visible_line(nb)} / {visible_line(en)}"
    unused = visible_names(found.unused)
    yield f"# Ikke i bruk, så de leses aldri inn / not mapped, so never taken in: {unused}"
    for fact in facts.values():
        if fact.personal:
            yield f"# PERSONLIG / PERSONAL: {visible(fact.name)}: {personal_line(fact.personal)}"


def facts_line(fact: Facts) -> str:
    """Type, share filled, different values and shapes of a column; no value."""
    shapes = "  ".join(pattern for pattern, _ in fact.shapes)
    more = f"  +{fact.other_shapes}" if fact.other_shapes else ""
    formats = ""
    if fact.stamps is not None and fact.stamps.readings:
        formats = f"  [{' or '.join(fact.stamps.candidates)}]"
    share = f"{100 * fact.share_filled:.0f} %"
    return f"{fact.type:<12} {share:>5} {fact.different:>6}  {shapes}{more}{formats}".rstrip()


def personal_line(personal: Mapping[str, int]) -> str:
    """Kinds and counts of what is personal in a column, in both languages."""
    words = {
        "identity": ("fødselsnummer", "identity numbers"),
        "phone": ("telefonnummer", "phone numbers"),
        "email": ("e-postadresser", "e-mail addresses"),
        "coordinate": ("posisjoner", "positions"),
        "address": ("adresser", "addresses"),
        "name": ("personnavn", "names of persons"),
    }
    nb = ", ".join(f"{count} {words[kind][0]}" for kind, count in personal.items())
    en = ", ".join(f"{count} {words[kind][1]}" for kind, count in personal.items())
    return f"{nb} / {en}"
