"""Which values of a column are personal: the finders, and the judgement of a column's own ids.

An id of eleven digits passes for an identity number once in seventy times, and one of eight digits
looks like a phone number four times of five. So a value of the form that the column's values have
is judged with all of that form; a value that stands out from its column is judged by itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from ingestion.privacy.clues import clues, emails
from ingestion.privacy.identity import elevens, judged_digits, judgement
from ingestion.privacy.phones import COUNTRY, phones
from ingestion.privacy.plain import plain
from ingestion.privacy.statistics import (
    CHANCE,
    CHANCE_NOW,
    CHANCE_SECOND,
    are_mobile,
    beyond_chance,
    chance_in,
    is_counter,
)
from ingestion.stamps import WHITE
from ingestion.text_bytes import highest_of_shape

IDENTITY, PHONE = "FILE_IDENTITY_NUMBER", "FILE_PHONE_NUMBER"
EMAIL, COORDINATE = "FILE_EMAIL", "FILE_COORDINATE"
ADDRESS, PERSON_NAME = "FILE_ADDRESS", "FILE_PERSON_NAME"
CODES = (IDENTITY, PHONE, EMAIL, COORDINATE, ADDRESS, PERSON_NAME)

# Fewer than this share of a column's different values: such a value stands out.
_STRANGER_SHARE = 0.02
# From this share on, a form is what the values of a column have.
_HOME_SHARE = 0.6
# So many tell whether a column says the same few texts over and over again.
_LOOKED_AT_FIRST = 1_000
# Below these many numbers, first digits say nothing of where they are from.
_FEW, _SOME = 8, 45

# What a column is asked first, in one pass over all its values: eight digits with anything but
# letters between them, six and five with some, or what an address begins with. Automata of few
# states, for speed.
_DIGITS_ENOUGH = (
    r"\d(?:[^A-Za-z\d:]*\d){7}|^ ?\d[.,]\d*[eE][+\d]"
    r"|[0-9]{6}(?:[ -/:->_|]{0,3}[FPNfpn][a-z]{0,12}[ -/:->_|]{0,3}"
    r"|[ -/:->_|]{1,3}(?:[A-Za-z]{1,12}[ -/:->_|]{1,3})?)[0-9]{5}"
)
_OTHER_DIGITS = r"[\p{Nd}\p{No}＋＠°º--[0-9¼½¾]]"
_PEOPLE = r"[@?\ufffd(\[]|[A-Za-zÆØÅæøå][ ,_.][ ]?[A-Za-zÆØÅæøå0-9]"
_ID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_DAY = (
    r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}[./][0-9]{1,2}[./][0-9]{2,4}"
    r"|[0-9]{4}/[0-9]{2}/[0-9]{2})"
)
_CLOCK = (
    r"[0-2]?[0-9](?:(?::[0-5][0-9]){1,2}(?:[.,][0-9]+)?|(?:\.[0-5][0-9]){1,2})(?: ?[AP]M)?"
    r"(?:Z| ?[+-][0-9]{2}:?[0-9]{2})?"
)
_ORDINARY = rf"^ ?(?:{_ID}|{_DAY}(?:[T ]{_CLOCK})?|{_CLOCK}) ?$"
# Letters and eight or nine digits: too few for an identity number, and no phone number in a key.
_SHORT_ID = r"^[A-Za-z]+[-_/]?[0-9]{8,9}$"
_WHOLE = r"^[0-9]{8,17}(?:[.,]0+)?$"
_SCIENTIFIC = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]{1,2}")


@dataclass(frozen=True)
class ColumnUse:
    """What a raw column is for.

    Attributes:
        kind: the column kind of the contract; the most permissive of the columns it fills.
        form: regular expression of the source's own identifiers in it, or None.
        coded: whether a code map decides what its values mean.
    """

    kind: str
    form: str | None = None
    coded: bool = False

    @property
    def holds_names(self) -> bool:
        """Whether clues other than numbers are looked for."""
        return self.kind not in ("key", "code")


def may_be_personal(values: pl.Series, use: ColumnUse) -> bool:
    """Whether any value is worth a closer look; one cheap test, also of many files at once."""
    return bool(_worth_a_look(values, use).any())


def personal_rows(values: pl.Series, use: ColumnUse) -> dict[str, pl.Series]:
    """Which rows hold something personal, per code of a file rule; only codes with a hit.

    Args:
        values: one raw column of one file, as text.
        use: what the column is for.

    Returns:
        Boolean series of the length of `values` under `FILE_IDENTITY_NUMBER`, `FILE_PHONE_NUMBER`,
        `FILE_EMAIL`, `FILE_COORDINATE`, `FILE_ADDRESS` and `FILE_PERSON_NAME`.
    """
    files = pl.repeat(0, len(values), dtype=pl.UInt32, eager=True)
    guilty = personal_texts(values, files, use).get(0, {})
    return {code: values.is_in(list(texts)).fill_null(False) for code, texts in guilty.items()}


def personal_texts(
    values: pl.Series, files: pl.Series, use: ColumnUse
) -> dict[int, dict[str, set[str]]]:
    """The guilty texts of one raw column of several files, by file and code.

    What stands in a text is looked at once for all files; a column is judged file by file.

    Args:
        values: the column of all files, as text.
        files: the number of the file of each value.
    """
    worth = _worth_a_look(values, use)
    if not worth.any():
        return {}
    seen = _looked_at(values.filter(worth).unique(), use)
    suspects = seen.filter(_may_be_guilty())["text"]
    if suspects.is_empty():
        return {}
    table = pl.DataFrame({"file": files, "text": values})
    suspected = table.filter(pl.col("text").is_in(suspects.implode()))["file"].unique()
    table = table.filter(pl.col("file").is_in(suspected.implode()))
    found = {}
    for (file,), own in table.partition_by("file", as_dict=True).items():
        its = seen.join(own.select("text").unique(), on="text", how="semi", maintain_order="left")
        guilty = _judged(its, own["text"], use)
        if guilty:
            found[int(str(file))] = guilty
    return found


def _may_be_guilty() -> pl.Expr:
    """Without such a text a column has nothing to be judged for."""
    return pl.any_horizontal(
        "valid",
        "plus",
        pl.col(_NUMBER_COLUMNS).is_not_null(),
        *CODES[2:],
    )


def _worth_a_look(values: pl.Series, use: ColumnUse) -> pl.Series:
    if use.kind == "timestamp" and _all_ordinary(values):
        return pl.repeat(False, len(values), dtype=pl.Boolean, eager=True)
    few = _few_different(values)
    if few is None:
        return _each_worth_a_look(values, use)
    worth = few.filter(_each_worth_a_look(few, use))
    if worth.is_empty():
        return pl.repeat(False, len(values), dtype=pl.Boolean, eager=True)
    return values.is_in(worth.implode()).fill_null(False)


def _all_ordinary(values: pl.Series) -> bool:
    # What is ordinary asks of a digit no more than not to be above another.
    highest = highest_of_shape(values)
    alike = values if highest is None else pl.Series([highest])
    return bool(alike.str.contains(_ORDINARY).all())


def _few_different(values: pl.Series) -> pl.Series | None:
    """The different ones of codes and units, which a column says over and over again."""
    head = values.head(_LOOKED_AT_FIRST)
    if len(values) < 10 * len(head) or head.n_unique() * 4 > len(head):
        return None
    return values.unique()


def _each_worth_a_look(values: pl.Series, use: ColumnUse) -> pl.Series:
    longest = values.str.len_bytes().max()
    if not isinstance(longest, int) or longest < 6:
        return pl.repeat(False, len(values), dtype=pl.Boolean, eager=True)
    pattern = rf"{_DIGITS_ENOUGH}|{_PEOPLE}" if use.holds_names else rf"{_DIGITS_ENOUGH}|[@?\ufffd]"
    worth = values.str.contains(pattern).fill_null(False)
    foreign = (values.str.len_bytes() != values.str.len_chars()).fill_null(False)
    if foreign.any():
        worth |= foreign & values.set(~foreign, None).str.contains(_OTHER_DIGITS).fill_null(False)
    if worth.any():
        worth &= ~values.str.contains(_ORDINARY).fill_null(False)
    if use.kind == "key" and worth.any():
        worth &= ~values.str.contains(_SHORT_ID).fill_null(False)
    return worth


# --- what is seen in each different text ------------------------------------------------------

_SEEN: dict[str, pl.DataType] = {
    "text": pl.String(),
    # Eleven digits as one number, or a whole number of ten that may have lost its zero.
    "eleven": pl.Boolean(),
    "ten": pl.Boolean(),
    "plausible": pl.Boolean(),
    "second": pl.Boolean(),
    "passes_now": pl.Boolean(),
    "passes": pl.Boolean(),
    "valid": pl.Boolean(),
    # Subscriber numbers by how they are spelled.
    "plus": pl.Boolean(),
    "country": pl.String(),
    "zeros": pl.String(),
    "spelled": pl.String(),
    "bare": pl.String(),
    "whole": pl.Boolean(),
    EMAIL: pl.Boolean(),
    COORDINATE: pl.Boolean(),
    ADDRESS: pl.Boolean(),
    PERSON_NAME: pl.Boolean(),
}


def _looked_at(texts: pl.Series, use: ColumnUse) -> pl.DataFrame:
    """One row per different text in which a finder found something."""
    whole = texts.str.contains(_WHOLE)
    frames = []
    if whole.any():
        numbers = texts.filter(whole)
        frames.append(_whole_numbers(numbers, numbers.str.replace(r"[.,]0+$", "")))
    if not whole.all():
        texts = texts.filter(~whole)
        # Ids with letters or marks around or in eleven digits: as a column. Nothing else in them.
        single = texts.str.contains(_ONE_NUMBER) if not use.holds_names else whole.clear()
        if single.any():
            dated = texts.str.contains(_DATED)
            numbers = texts.filter(single & ~dated)
            frames.append(_elevens(numbers, numbers.str.replace_all("[^0-9]", "")))
            texts = texts.filter(~single)
        frames.append(_texts(texts, use))
    frames = [frame for frame in frames if frame.height]
    return pl.concat(frames) if frames else pl.DataFrame(schema=_SEEN)


_ONE_NUMBER = r"^[\x00-*,-/:-?A-~]*[0-9](?:[ -*,-/_]{0,3}[0-9]){10}[\x00-*,-/:-?A-~]*$"
_DATED = r"(?:19|20)\d\d-[01]\d-[0-3]\d"


def _elevens(texts: pl.Series, digits: pl.Series) -> pl.DataFrame:
    """Texts with a number of ten or eleven digits; nothing when none of them is valid."""
    judged = judged_digits(digits.cast(pl.Int64).to_numpy())
    if not judged["valid"].any():
        return pl.DataFrame(schema=_SEEN)
    ten = digits.str.len_bytes() == 10
    return _seen(texts, {"eleven": ~ten, "ten": ten, **judged})


def _seen(texts: pl.Series, columns: Mapping[str, pl.Series | np.ndarray]) -> pl.DataFrame:
    absent = {
        name: pl.repeat(None if kind == pl.String() else False, len(texts), dtype=kind, eager=True)
        for name, kind in _SEEN.items()
        if name not in columns
    }
    return pl.DataFrame({**absent, **columns, "text": texts}).select(list(_SEEN))


def _whole_numbers(texts: pl.Series, numbers: pl.Series) -> pl.DataFrame:
    """Whole numbers, judged as a column: the ids of most sources."""
    size = numbers.str.len_bytes()
    frames = []
    eleven = (size == 11) | ((size == 10) & ~numbers.str.starts_with("0"))
    if eleven.any():
        frames.append(_elevens(texts.filter(eleven), numbers.filter(eleven)))
    coded = numbers.str.contains(r"^(?:47|00[1-9])") & (size >= 10)
    if coded.any():
        country = numbers.str.extract(r"^(?:00)?47([2-9]\d{7})$")
        zeros = numbers.str.contains(rf"^00{COUNTRY}\d{{7,}}$") & ~numbers.str.starts_with("0047")
        phone = country.is_not_null() | zeros
        columns = {"country": country, "zeros": numbers.set(~zeros, None)}
        frames.append(_seen(texts, columns).filter(phone))
    eight = (size == 8) & numbers.str.contains("^[2-9]") & ~numbers.str.contains(_COMPACT_DAY)
    if eight.any():
        bare = numbers.filter(eight)
        whole = pl.repeat(True, len(bare), dtype=pl.Boolean, eager=True)
        frames.append(_seen(texts.filter(eight), {"bare": bare, "whole": whole}))
    return pl.concat(frames) if frames else pl.DataFrame(schema=_SEEN)


_COMPACT_DAY = r"^20\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])$"


def _texts(texts: pl.Series, use: ColumnUse) -> pl.DataFrame:
    rows = [found for text in texts if (found := _read(text, use)) is not None]
    return pl.DataFrame(rows, schema=_SEEN, orient="row")


def _read(text: str, use: ColumnUse) -> dict[str, object] | None:
    """What the finders see in one text; None when it is nothing."""
    read = _number(plain(text).strip(" '\"=")) or plain(text)
    if not use.holds_names and not _may_hold_a_number(read):
        return None
    row: dict[str, object] = {"text": text, "plus": False, "whole": read.isdigit()}
    digits = [found.digits for found in elevens(read)]
    row["eleven"] = bool(digits)
    row["ten"] = ten = read.isdigit() and len(read) == 10 and read[0] != "0"
    if ten:
        digits.append("0" + read)
    judged = [judgement(number) for number in digits]
    if judged:
        # Of several, the one that looks most like an identity number.
        likeliest: dict[str, bool] = max(judged, key=_rules_passed)
        row.update(likeliest)
    for phone in phones(read):
        if phone.spelling in ("plus", "named"):
            row["plus"] = True
        else:
            row.setdefault(phone.spelling, phone.number)
    for clue in clues(read) if use.holds_names else emails(read):
        row[clue.code] = True
    # The text, and whether it is whole or has ten or eleven digits, is no finding yet.
    seen = digits or any(row[name] for name in row if name not in _NO_FINDING)
    return _NOTHING | row if seen else None


def _rules_passed(found: dict[str, bool]) -> int:
    return sum(found.values())


_NOTHING = {name: None if kind == pl.String() else False for name, kind in _SEEN.items()}
_NO_FINDING = frozenset({"text", "whole", "eleven", "ten"})


_RUNS = re.compile(r"[0-9]+")


def _may_hold_a_number(text: str) -> bool:
    """Whether runs of digits that follow each other have as many digits as a number has."""
    if "+" in text or "@" in text:
        return True
    runs = _RUNS.findall(text)
    for at, run in enumerate(runs):
        if len(run) <= 15 and run.startswith(("00", "47")):
            return True
        size = 0
        for other in runs[at : at + 11]:
            size += len(other)
            if size in (8, 11, 13) or (size == 10 and len(runs) == 1):
                return True
            if size > 13:
                break
    return False


def _number(text: str) -> str | None:
    """The digits of a whole number that was written as a float, or None."""
    if _SCIENTIFIC.fullmatch(text):
        mantissa, exponent = text.lower().replace(",", ".").split("e")
        whole, _, part = mantissa.partition(".")
        power = int(exponent)
        return whole + part.ljust(power, "0") if len(part) <= power <= 17 else None
    whole, mark, part = text.replace(",", ".").partition(".")
    return whole if mark and whole.isdigit() and part and not part.strip("0") else None


# --- judgement ----------------------------------------------------------------------------------


class _Column:
    """The different values of a column by form; counted only when something depends on it."""

    def __init__(self, values: pl.Series, use: ColumnUse) -> None:
        self._values = values
        self._use = use
        self._counts: dict[str, int] | None = None
        self.size = 0

    def _count(self) -> dict[str, int]:
        if self._counts is None:
            different = self._values.drop_nulls().unique()
            self.size = len(different)
            forms = _forms(different, self._use).alias("form").to_frame()
            counted = forms.group_by("form").len()
            self._counts = dict(zip(counted["form"], counted["len"], strict=True))
        return self._counts

    def size_at_most(self, count: int) -> bool:
        self._count()
        return self.size <= count

    def matching(self, pattern: str) -> int:
        """How many different values match."""
        return self._values.filter(self._values.str.contains(pattern)).n_unique()

    def whole_numbers(self, digits: int) -> set[str]:
        """The different values that are a number of so many digits."""
        numbers = self._values.str.extract(rf"^(\d{{{digits}}})(?:[.,]0+)?$")
        return set(map(plain, numbers.drop_nulls().unique()))

    def of_form(self, form: str) -> int:
        """How many different values have the form; digits alone may be a hexadecimal id."""
        counts = self._count()
        size = _size(form)
        sizes = (10, 11) if size == 11 else (size,)
        like = sum(counts.get("0" * each, 0) for each in sizes if each >= 8)
        return counts.get(form, 0) + like

    def share(self, form: str) -> float:
        return self.of_form(form) / max(self.size, 1)

    def is_strange(self, form: str) -> bool:
        return self.share(form) <= _STRANGER_SHARE

    def is_tail(self, form: str) -> bool:
        """Whether the form is that of the shorter of a column's numbers of any length."""
        if not form.startswith(_DIGITS):
            return False
        longer = sum(n for name, n in self._count().items() if _size(name) > _size(form))
        return longer >= 0.1 * self.size

    def is_home(self, form: str) -> bool:
        """Whether the form is the one that most values of this column have."""
        if self._use.kind in ("number", "timestamp") and _size(form):
            count = sum(n for name, n in self._count().items() if _size(name))
            return count >= _HOME_SHARE * self.size
        return self.share(form) >= _HOME_SHARE


_DECLARED = "declared"
_DIGITS = "digits "


def _size(form: str) -> int:
    """How many digits a form of plain numbers has; 0 for another form."""
    if form.startswith(_DIGITS):
        return int(form.removeprefix(_DIGITS))
    return 0 if form.strip("0") or len(form) >= 8 else len(form)


def _forms(texts: pl.Series, use: ColumnUse) -> pl.Series:
    """The form of each text: what the source declares, else its letters and digits by place.

    Hexadecimal letters count as digits, so that ids that are hexadecimal have one form. Numbers of
    ten and eleven digits are one form: whole columns lose their leading zeros.
    """
    text = pl.col("text")
    digits = text.str.extract(r"^\s*(\d{8,40})(?:[.,]0+)?\s*$")
    size = digits.str.len_chars()
    by_place = text.str.replace_all("[0-9a-fA-F]", "0").str.replace_all(r"[\p{L}\d--0]", "z")
    form = (
        pl.when(size.is_in([10, 11]))
        .then(pl.lit(f"{_DIGITS}11"))
        .when(size.is_not_null())
        .then(pl.lit(_DIGITS) + size.cast(pl.String))
        .otherwise(by_place)
    )
    if use.form is not None:
        declared = text.str.strip_chars(WHITE).str.contains(f"^(?:{use.form})$")
        form = pl.when(declared).then(pl.lit(_DECLARED)).otherwise(form)
    return texts.alias("text").to_frame().select(form).to_series()


def _judged(seen: pl.DataFrame, values: pl.Series, use: ColumnUse) -> dict[str, set[str]]:
    """The guilty texts per code."""
    seen = seen.with_columns(_forms(seen["text"], use).alias("form"))
    column = _Column(values, use)
    guilty: dict[str, set[str]] = {
        IDENTITY: _identity(seen, column, use),
        PHONE: _phones(seen, column, use),
    }
    for code in CODES[2:]:
        guilty[code] = set(seen.filter(pl.col(code))["text"])
    if not use.holds_names and guilty[EMAIL]:
        # Telephone exchanges make call ids of this form: number@host.
        made = seen.filter(pl.col(EMAIL) & pl.col("text").str.contains(_CALL_ID))["text"]
        if len(made) > 2 and len(made) >= _HOME_SHARE * values.drop_nulls().n_unique():
            guilty[EMAIL] -= set(made)
    return {code: texts for code, texts in guilty.items() if texts}


# Digits, hexadecimal or not, which no person is called.
_CALL_ID = r"^[0-9a-fA-F][0-9a-fA-F.:_-]{7,}@[\w.-]+$"


def _identity(seen: pl.DataFrame, column: _Column, use: ColumnUse) -> set[str]:
    candidates = seen.filter(pl.col("eleven") | pl.col("ten"))
    guilty: set[str] = set()
    if not candidates["valid"].any():
        return guilty
    for (form,), group in candidates.group_by("form"):
        valid = group.filter("valid")
        if not valid.height:
            continue
        alone = form != _DECLARED and use.kind == "text"
        judged = {name: group[name].to_numpy() for name in _JUDGED}
        if _are_people(judged) or (form != _DECLARED and _stand_out(str(form), valid, column)):
            guilty.update(valid["text"])
        elif alone:
            guilty.update(valid.filter("eleven")["text"])
    return guilty


_JUDGED = ("plausible", "second", "passes_now", "passes")


def _are_people(judged: Mapping[str, np.ndarray]) -> bool:
    """Whether more numbers of one form are valid than numbers that have a date are by chance."""
    dated = judged["plausible"]
    count = int(dated.sum())

    def chance_of(rule: str, at_least: float) -> float:
        others = judged[rule][~dated]
        return chance_in(int(others.sum()), len(others), at_least)

    second = chance_of("second", CHANCE_SECOND)
    return any(
        beyond_chance(int(judged[rule][dated].sum()), count, chance_of(rule, first * second))
        for rule, first in (("passes_now", CHANCE_NOW), ("passes", CHANCE))
    )


def _stand_out(form: str, valid: pl.DataFrame, column: _Column) -> bool:
    """Whether valid numbers are all there is of their form, or a rarity in the column."""
    if column.is_tail(form):
        return False
    of = column.of_form(form)
    enough = 1 if valid["eleven"].any() else 3
    return column.is_strange(form) or (valid.height == of and of >= enough)


def _phones(seen: pl.DataFrame, column: _Column, use: ColumnUse) -> set[str]:
    guilty: set[str] = set()
    if not seen.select(
        pl.any_horizontal("plus", pl.col(_NUMBER_COLUMNS).is_not_null()).any()
    ).item():
        return guilty
    plus = seen.filter("plus")
    if use.kind in ("number", "timestamp"):
        # A signed number is a number.
        plus = plus.filter(~pl.col("text").str.contains(r"^\s*\+\d+\s*$") | _norwegian())
    guilty.update(plus["text"])
    for spelling, judge in (("country", _country), ("zeros", _zeros)):
        for (form,), group in seen.filter(pl.col(spelling).is_not_null()).group_by("form"):
            if judge(str(form), group, column, use):
                guilty.update(group["text"])
    for spelling in ("spelled", "bare"):
        found = seen.filter(pl.col(spelling).is_not_null())
        for (form,), group in found.group_by("form"):
            if _eight(str(form), spelling, group, column, use):
                guilty.update(group["text"])
    return guilty


_NUMBER_COLUMNS = ["country", "zeros", "spelled", "bare"]


def _norwegian() -> pl.Expr:
    return pl.col("text").str.contains(r"^\s*\+47\d{8}\s*$")


def _country(form: str, group: pl.DataFrame, column: _Column, use: ColumnUse) -> bool:
    """Norwegian numbers with 47 or 0047 before them."""
    if use.kind == "text" and form != _DECLARED:
        return True
    numbers = set(group["country"])
    hits, of = len(numbers), column.of_form(form)
    many = beyond_chance(hits, of, 0.01)
    if form == _DECLARED:
        return many and are_mobile(numbers)
    if not column.is_home(form):
        return many or (not column.is_tail(form) and (hits == of or column.is_strange(form)))
    if hits < of and not many:
        return False
    # Ids that begin so have any digit next; subscribers have none that begins with 0 or 1.
    if hits < 0.95 * column.matching(r"^\W*(?:00)?47\D{0,3}\d(?:\D?\d){7}\W*$"):
        return False
    if is_counter([int(number) for number in numbers]):
        return False
    if use.kind in ("unit", "code"):
        # No unit is called by a number of another country's, in groups.
        return bool(group["text"].str.contains(_FROM_ABROAD).all()) or are_mobile(numbers)
    if not group["text"].str.contains(r"^\W*00").any() or hits >= _SOME:
        return True
    if hits < _FEW:
        return all(number[0] in "49" for number in numbers)
    return are_mobile(numbers, of_both=False)


_FROM_ABROAD = r"^\W*00[ .-]?47[ .-]?\d+(?:[ .-]\d+)+\W*$"


def _zeros(form: str, group: pl.DataFrame, column: _Column, use: ColumnUse) -> bool:
    """Foreign numbers with 00; ids may be filled up with zeros."""
    if use.kind == "text" and form != _DECLARED:
        return True
    if form == _DECLARED:
        return False
    if not column.is_home(form):
        return not column.is_tail(form)
    numbers = [int(number) for number in group["zeros"]]
    return len(numbers) >= 20 and len(numbers) == column.of_form(form) and not is_counter(numbers)


def _eight(form: str, spelling: str, group: pl.DataFrame, column: _Column, use: ColumnUse) -> bool:
    """Eight digits, bare or grouped as phone numbers are."""
    if form != _DECLARED:
        if use.kind == "text" or (spelling == "spelled" and column.size_at_most(_FEW)):
            return True
        if spelling == "bare" and use.kind == "key":
            # Of random ids two in ten begin with what no subscriber number begins with.
            return group["whole"].any() and are_mobile(column.whole_numbers(8))
        if not column.is_home(form):
            return True
        if spelling == "spelled" and use.kind not in ("key", "timestamp"):
            return True
    return are_mobile(set(group[spelling]))
