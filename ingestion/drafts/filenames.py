"""The delivery date in a file name, and the pattern of the names of the deliveries to come."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_SHORT = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_NOT_DIGIT = r"(?<!\d){}(?!\d)"
# Most telling first: a pattern, its strftime format.
_SHAPES: tuple[tuple[str, str], ...] = (
    (r"\d{4}-\d{2}-\d{2}", "%Y-%m-%d"),
    (r"\d{4}_\d{2}_\d{2}", "%Y_%m_%d"),
    (r"\d{4}\.\d{2}\.\d{2}", "%Y.%m.%d"),
    (r"\d{2}\.\d{2}\.\d{4}", "%d.%m.%Y"),
    (r"\d{2}-\d{2}-\d{4}", "%d-%m-%Y"),
    (r"\d{2}_\d{2}_\d{4}", "%d_%m_%Y"),
    (r"\d{8}", "%Y%m%d"),
    (r"\d{8}", "%d%m%Y"),
    (rf"\d{{1,2}}(?:{_SHORT})\d{{4}}", "%d%b%Y"),
    (rf"(?:{_MONTHS})_\d{{4}}", "%B_%Y"),
    (rf"(?:{_MONTHS})-\d{{4}}", "%B-%Y"),
    (rf"\d{{4}}_(?:{_MONTHS})", "%Y_%B"),
    (r"\d{4}-\d{2}", "%Y-%m"),
    (r"\d{4}_\d{2}", "%Y_%m"),
    (r"\d{6}", "%Y%m"),
    (r"\d{6}", "%y%m%d"),
)
_YEARS = range(1980, 2080)


@dataclass(frozen=True)
class FileNames:
    """How the files of a source are called.

    Attributes:
        pattern: the `files` entry.
        date_format: format of its group `date`.
        date: the delivery date of the sample, None when its name has none.
        remark: what a person should look at.
    """

    pattern: str
    date_format: str
    date: dt.date | None
    remark: str = ""


def file_names(name: str) -> FileNames:
    """The pattern that fits a file name and those of other days.

    Of several dates the last is taken: that of a span is its end.
    """
    for shape, form in _SHAPES:
        found = [
            (match, day)
            for match in re.finditer(_NOT_DIGIT.format(f"({shape})"), name, re.IGNORECASE)
            if (day := _date(match[0], form)) is not None
        ]
        if found:
            match, day = found[-1]
            group = shape
            for names in (_MONTHS, _SHORT):
                group = group.replace(f"(?:{names})", "[A-Za-z]+")
            before = group.join(_literal(part) for part in re.split(shape, name[: match.start()]))
            stem, ending = _ending(name[match.end() :])
            pattern = f"{before}(?P<date>{group}){_literal(stem)}"
            others = (
                "den siste av flere datoer er brukt / the last of several dates is taken"
                if len(found) > 1
                else ""
            )
            return FileNames(f"{pattern}{_more(stem)}{ending}", form, day, others)
    stem, ending = _ending(name)
    pattern = rf"{_literal(stem)}_(?P<date>\d{{4}}-\d{{2}}-\d{{2}}){ending}"
    return FileNames(
        pattern,
        "%Y-%m-%d",
        None,
        "prøvens navn har ingen dato, og en leveranse trenger en / the name of the sample holds no "
        "date: a delivery needs one",
    )


def _more(stem: str) -> str:
    """A correction is delivered under the same name with a word more."""
    return "" if stem else r"(_\w+)?"


def _ending(rest: str) -> tuple[str, str]:
    """What follows, and its endings as a pattern."""
    match = re.search(r"(?:\.[A-Za-z][A-Za-z0-9]{0,7}){1,2}$", rest)
    if match is None:
        return rest, ""
    return rest[: match.start()], _literal(match[0])


def _literal(text: str) -> str:
    """A text as a regular expression that people can read."""
    return re.sub(r"\\([- _])", r"\1", re.escape(text))


def _date(text: str, form: str) -> dt.date | None:
    try:
        day = dt.datetime.strptime(text, form).date()
    except ValueError:
        return None
    return day if day.year in _YEARS else None
