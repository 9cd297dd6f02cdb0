"""Calls per day in the days to come, per service and unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from reporting.demand.model import LEVELS, ForecastError, Outlook, outlook
from reporting.dimensions import QueryError
from reporting.query import KpiQuery, query
from reporting.reader import Release

if TYPE_CHECKING:
    import polars as pl

KPI = "calls_offered"
UNIT_LEVELS = ("national", "region", "central")
LEAST, MOST = 7, 84
SHOWN, WITHHELD = "ok", "not_offered"
NOT_INSTALLED = (
    "Prognoser trenger et tillegg: pip install 'akuttkjede[forecast]'. / "
    "Forecasts need an extra: pip install 'akuttkjede[forecast]'."
)
_NO_BETTER = (
    "ikke nærmere enn forrige uke: feil {error} mot {naive} anrop om dagen. / "
    "no nearer than the week before: off by {error} against {naive} calls a day."
)
SERIES = ["segment", "level", "unit_id", "unit_name"]


@dataclass(frozen=True)
class Ahead:
    """The next days of one service of one unit, or why there are none."""

    segment: str
    level: str
    unit_id: str
    unit_name: str
    last_day: date
    outlook: Outlook | None
    reason: str | None

    def rows(self, release_id: str) -> list[dict[str, Any]]:
        """One row per day; a single one, with the reason, where nothing is offered."""
        who = {name: getattr(self, name) for name in (*SERIES, "last_day")}
        found = self.outlook
        judged: dict[str, Any] = dict.fromkeys(("model", "error", "naive_error", "held_back"))
        if found is not None:
            judged = {
                "model": found.model,
                "error": found.error,
                "naive_error": found.naive_error,
                "held_back": found.tried,
                **{f"covered_{level}": found.covered[level] for level in LEVELS},
            }
        base = {**who, **judged, "reason": self.reason, "release_id": release_id}
        if found is None or self.reason is not None:
            return [{**base, "status": WITHHELD}]
        return [
            {
                **base,
                "status": SHOWN,
                "day": day,
                "value": float(found.value[number]),
                **{f"low_{level}": float(found.low[level][number]) for level in LEVELS},
                **{f"high_{level}": float(found.high[level][number]) for level in LEVELS},
            }
            for number, day in enumerate(found.days)
        ]


def forecast(
    release: Release,
    *,
    units: Sequence[str] = (),
    levels: Sequence[str] = (),
    segments: Sequence[str] = (),
    days: int = 28,
    progress: Callable[[str], None] = lambda _: None,
) -> pl.DataFrame:
    """Calls per day and their intervals; see `metrics.forecast`."""
    import polars as pl

    found = ahead(
        release, units=units, levels=levels, segments=segments, days=days, progress=progress
    )
    rows = [row for one in found for row in one.rows(release.release_id)]
    return pl.DataFrame(rows, schema=_schema(), orient="row")


def _schema() -> dict[str, Any]:
    import polars as pl

    numbers = [f"{end}_{level}" for level in LEVELS for end in ("low", "high")]
    return {
        **dict.fromkeys(SERIES, pl.String),
        "day": pl.Date,
        "value": pl.Float64,
        **dict.fromkeys(numbers, pl.Float64),
        "status": pl.String,
        "reason": pl.String,
        "model": pl.String,
        "error": pl.Float64,
        "naive_error": pl.Float64,
        **dict.fromkeys([f"covered_{level}" for level in LEVELS], pl.Float64),
        "held_back": pl.Int64,
        "last_day": pl.Date,
        "release_id": pl.String,
    }


def ahead(
    release: Release,
    *,
    units: Sequence[str] = (),
    levels: Sequence[str] = (),
    segments: Sequence[str] = (),
    days: int = 28,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Ahead]:
    """The next days of every service of the units.

    Raises:
        QueryError: an unknown unit, level or segment, or days outside `LEAST` to `MOST`.
    """
    if not LEAST <= days <= MOST:
        raise QueryError(f"days={days}: {LEAST} til / to {MOST}")
    wanted = KpiQuery(
        kpis=[KPI], units=units, levels=levels or UNIT_LEVELS, segments=segments, grain="day"
    )
    frame = query(release, wanted).drop_nulls("period_start")
    series = frame.partition_by(SERIES, maintain_order=True)
    found = []
    for number, one in enumerate(series, 1):
        first = one.row(0, named=True)
        progress(f"{number}/{len(series)}: {first['unit_name']}, {first['segment']}")
        found.append(_ahead_of(one, days))
    return found


def series_of(days: pl.DataFrame) -> tuple[date, list[float | None]]:
    """The first day, and the counts of it and of every day up to the last that is final.

    None of a day without a figure: not delivered, hidden, or in part. Of days that late rows may
    still change nothing is used.
    """
    import polars as pl

    is_whole = (pl.col("status") == "ok") & ~pl.col("is_partial").fill_null(False)
    values = days.filter(pl.col("maturity").fill_null("final") == "final").select(
        "period_start", pl.when(is_whole).then("value").alias("value")
    )
    by_day = dict(values.iter_rows())
    if not by_day:
        return days["period_start"].max(), []  # type: ignore[return-value]
    first, last = min(by_day), max(by_day)
    length = (last - first).days + 1
    return first, [by_day.get(first + timedelta(days=number)) for number in range(length)]


def _ahead_of(one: pl.DataFrame, days: int) -> Ahead:
    first, counts = series_of(one)
    who = {name: one[name][0] for name in SERIES}
    last = first + timedelta(days=max(len(counts) - 1, 0))
    try:
        found = outlook(first, counts, days)
    except ForecastError as error:
        return Ahead(**who, last_day=last, outlook=None, reason=str(error))
    except ModuleNotFoundError as error:
        raise QueryError(NOT_INSTALLED) from error
    reason = None
    if not found.beats_naive:
        errors = {"error": f"{found.error:.1f}", "naive": f"{found.naive_error:.1f}"}
        reason = _NO_BETTER.format(**errors)
    return Ahead(**who, last_day=last, outlook=found, reason=reason)
