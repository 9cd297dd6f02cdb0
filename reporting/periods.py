"""Periods as people write them, as a grain and the first date of the period."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

GRAINS = ("day", "week", "month", "quarter", "tertial", "year", "ytd", "rolling12")
# Whole months; every other grain is shorter. The last two overlap each other.
LONGER = GRAINS[GRAINS.index("month") :]
RUNNING = ("ytd", "rolling12")
# Months from the first day of a period to its end; running ones are named by their last month.
_MONTHS = {"month": 1, "quarter": 3, "tertial": 4, "year": 12, "ytd": 1, "rolling12": 1}
EXAMPLES = "2026, 2026-T1, 2026-Q3, 2026-09, 2026-W40, 2026-09-15, 2026-09-YTD, 2026-09-R12"

_PATTERNS = (
    ("year", re.compile(r"(\d{4})")),
    ("tertial", re.compile(r"(\d{4})-?[Tt]([1-3])")),
    ("ytd", re.compile(r"(\d{4})-(\d{1,2})-(?:YTD|HIA)", re.IGNORECASE)),
    ("rolling12", re.compile(r"(\d{4})-(\d{1,2})-R12", re.IGNORECASE)),
    ("quarter", re.compile(r"(\d{4})-?[QKqk]([1-4])")),
    ("week", re.compile(r"(\d{4})-?[WUwu](\d{1,2})")),
    ("month", re.compile(r"(\d{4})-(\d{1,2})")),
    ("day", re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")),
)


class PeriodError(ValueError):
    """The text is no period, or no span that periods can lie in."""


def parse_period(text: str) -> tuple[str, date]:
    """A grain and the date that names the period.

    `2026`, `2026-T1` (January to April), `2026-Q3` (or K3), `2026-09`, `2026-W40` (or U40),
    `2026-09-15`; `2026-09-YTD` (or HIA), the year up to the end of September, and `2026-09-R12`,
    the twelve months up to it: both are named by the first day of September.
    """
    for grain, pattern in _PATTERNS:
        match = pattern.fullmatch(text.strip())
        if match is None:
            continue
        numbers = [int(part) for part in match.groups()]
        try:
            first = _first_date(grain, numbers)
            # Dates end with the year 9999, and so do the periods that have a last date.
            last_date(grain, first)
        except (ValueError, OverflowError):
            break
        return grain, first
    raise PeriodError(f"{text!r} er ingen periode / is no period. {EXAMPLES}.")


@dataclass(frozen=True)
class Span:
    """Periods of one grain, by their first dates; an open end is None."""

    grain: str | None
    start_from: date | None
    start_to: date | None


def parse_span(
    period: str | None = None,
    start: str | None = None,
    end: str | None = None,
    grain: str | None = None,
) -> Span:
    """A period, a span of periods (`2025..2026`, `2025-10..`), or its two ends.

    "To September" takes in every day, week or month that begins in September. A span in which no
    period of the grain begins is an error, and so is one that ends before it begins.
    """
    if period is not None:
        first, dots, last = period.partition("..")
        start, end = start or first or None, end or (last if dots else first) or None
    from_grain, from_date = parse_period(start) if start else (None, None)
    to_grain, to_date = parse_period(end) if end else (None, None)
    if grain is None and from_grain and to_grain and from_grain != to_grain:
        raise PeriodError(f"{start} – {end}: velg --grain / set the grain: {', '.join(GRAINS)}")
    if to_grain and to_date:
        to_date = last_date(to_grain, to_date)
    span = Span(grain or from_grain or to_grain, from_date, to_date)
    _check(span)
    return span


def _check(span: Span) -> None:
    first, last, grain = span.start_from, span.start_to, span.grain
    if first is None or last is None:
        return
    if last < first:
        raise PeriodError(
            f"Perioden slutter før den begynner: {first} til {last}. / "
            f"The period ends before it begins: {first} to {last}."
        )
    if grain not in GRAINS:
        return
    around = label(grain, first)
    _, begun = parse_period(around)
    if begun < first and last_date(grain, begun) >= last:
        raise PeriodError(
            f"{first}..{last}: kortere enn periodetypen {grain}; velg {around} eller en kortere "
            f"type. / Shorter than the grain {grain}; choose {around} or a shorter grain."
        )


def _first_date(grain: str, numbers: list[int]) -> date:
    match grain:
        case "year":
            return date(numbers[0], 1, 1)
        case "quarter":
            return date(numbers[0], 3 * numbers[1] - 2, 1)
        case "tertial":
            return date(numbers[0], 4 * numbers[1] - 3, 1)
        case "week":
            return date.fromisocalendar(numbers[0], numbers[1], 1)
        case "month" | "ytd" | "rolling12":
            return date(numbers[0], numbers[1], 1)
        case _:
            return date(numbers[0], numbers[1], numbers[2])


def first_date(grain: str, start: date) -> date:
    """The first date of the period that `start` names."""
    match grain:
        case "ytd":
            return start.replace(month=1)
        case "rolling12":
            return months_after(start, -11)
        case _:
            return start


def last_date(grain: str, start: date) -> date:
    """The last date of the period that `start` names."""
    match grain:
        case "day":
            return start
        case "week":
            return start + timedelta(days=6)
        case _:
            return months_after(start, _MONTHS[grain]) - timedelta(days=1)


def months_after(start: date, months: int) -> date:
    """The first day of the month so many months later."""
    at = start.year * 12 + start.month - 1 + months
    return date(at // 12, at % 12 + 1, 1)


def label(grain: str, start: date) -> str:
    """The inverse of `parse_period`."""
    match grain:
        case "year":
            return f"{start.year}"
        case "quarter":
            return f"{start.year}-Q{(start.month + 2) // 3}"
        case "tertial":
            return f"{start.year}-T{(start.month + 3) // 4}"
        case "ytd":
            return f"{start:%Y-%m}-YTD"
        case "rolling12":
            return f"{start:%Y-%m}-R12"
        case "week":
            year, week, _ = start.isocalendar()
            return f"{year}-W{week:02}"
        case "month":
            return f"{start:%Y-%m}"
        case _:
            return f"{start:%Y-%m-%d}"
