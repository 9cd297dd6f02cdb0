"""How many must answer, hour by hour, for the calls of a forecast to be answered in time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from reporting.demand.erlang import needed
from reporting.demand.forecast import KPI, LEAST, SERIES, SHOWN, WITHHELD, Ahead, ahead
from reporting.demand.model import Outlook
from reporting.dimensions import QueryError
from reporting.periods import first_date, last_date
from reporting.profiles import profile
from reporting.query import KpiQuery, query, show_kpi
from reporting.reader import Release

if TYPE_CHECKING:
    import polars as pl

# What is in time, and the KPI whose target says how often.
TARGETS = {"113": (10.0, "c113_within_10s"), "116117": (120.0, "c116117_within_2min")}
# Nobody's patience is shorter or longer, whatever a small month says.
_PATIENCE = (15.0, 1_800.0)
_LEVEL = 80
_MEASURED = ("handling_time_median", "answer_time_mean", "unanswered_share")


@dataclass(frozen=True)
class Conditions:
    """What the need rests on: seconds, and shares of 1."""

    handling_s: float
    patience_s: float
    within_s: float
    target: float


def staffing(
    release: Release,
    *,
    units: Sequence[str] = (),
    levels: Sequence[str] = (),
    segments: Sequence[str] = (),
    days: int = LEAST,
    handling: float | None = None,
    patience: float | None = None,
    target: float | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> pl.DataFrame:
    """The need per hour; see `metrics.staffing`."""
    import polars as pl

    found = ahead(
        release, units=units, levels=levels, segments=segments, days=days, progress=progress
    )
    rows: list[dict[str, Any]] = []
    for one in found:
        if one.segment not in TARGETS:
            continue
        who = {name: getattr(one, name) for name in SERIES}
        base = {**who, "release_id": release.release_id}
        if one.outlook is None or one.reason is not None:
            rows.append({**base, "status": WITHHELD, "reason": one.reason})
            continue
        chosen = conditions(release, one, handling=handling, patience=patience, target=target)
        rows += [{**base, **row} for row in _rows(one.outlook, chosen, shares(release, one))]
    return pl.DataFrame(
        rows,
        schema={
            **dict.fromkeys(SERIES, pl.String),
            "day": pl.Date,
            "hour": pl.Int64,
            "calls": pl.Float64,
            f"calls_high_{_LEVEL}": pl.Float64,
            "needed": pl.Int64,
            f"needed_high_{_LEVEL}": pl.Int64,
            "status": pl.String,
            "reason": pl.String,
            **dict.fromkeys(("handling_s", "patience_s", "within_s", "target"), pl.Float64),
            "release_id": pl.String,
        },
        orient="row",
    )


def conditions(
    release: Release,
    one: Ahead,
    *,
    handling: float | None = None,
    patience: float | None = None,
    target: float | None = None,
) -> Conditions:
    """Of what is given, and else of the last whole month or week that has the figures.

    Erlang A takes talks and patience to be exponential. Then a mean talk is the median divided by
    the logarithm of two, and mean patience is mean waiting divided by the share who hang up.

    Raises:
        QueryError: the release cannot tell, and it was not given.
    """
    within, kpi = TARGETS[one.segment]
    known = _last_known(release, one)
    if handling is None and "handling_time_median" in known:
        handling = known["handling_time_median"] / math.log(2)
    if patience is None and (lost := known.get("unanswered_share", 0.0)) > 0:
        waited = known.get("answer_time_mean")
        patience = None if waited is None else waited / (lost / 100)
        patience = None if patience is None else min(max(patience, _PATIENCE[0]), _PATIENCE[1])
    if target is None:
        target = _target(release, kpi)
    missing = [
        name
        for name, value in (("handling", handling), ("patience", patience), ("target", target))
        if value is None
    ]
    if handling is None or patience is None or target is None:
        names = ", ".join(missing)
        raise QueryError(
            f"{one.unit_name}, {one.segment}: utgivelsen sier ikke / the release does not tell "
            f"{names}; oppgi / give {names}."
        )
    if not 0 < target < 100 or handling <= 0 or patience <= 0:
        raise QueryError("handling, patience > 0; 0 < target < 100 (%)")
    return Conditions(handling, patience, within, target / 100)


def shares(release: Release, one: Ahead) -> dict[tuple[int, int], float]:
    """The share of a day's calls that comes in an hour, by ISO weekday and hour.

    Of the longest period that is over. Hours that are hidden or were not delivered are not there.
    """
    hours = profile(release, units=[one.unit_id], levels=[one.level], segments=[one.segment])
    if hours.is_empty():
        return {}
    row = hours.row(0, named=True)
    total = _calls_per_day(release, one, row["period_grain"], row["period_start"])
    return {
        (row["weekday"], row["hour"]): row["calls_per_hour"] / total[row["weekday"]]
        for row in hours.drop_nulls("calls_per_hour").iter_rows(named=True)
        if total.get(row["weekday"])
    }


def _rows(
    outlook: Outlook, chosen: Conditions, share: dict[tuple[int, int], float]
) -> list[dict[str, Any]]:
    base = {
        "handling_s": chosen.handling_s,
        "patience_s": chosen.patience_s,
        "within_s": chosen.within_s,
        "target": 100 * chosen.target,
    }
    rows = []
    for number, day in enumerate(outlook.days):
        for hour in range(24):
            part = share.get((day.isoweekday(), hour))
            if part is None:
                rows.append({**base, "day": day, "hour": hour, "status": "no_data"})
                continue
            calls = float(outlook.value[number]) * part
            high = float(outlook.high[_LEVEL][number]) * part
            rows.append(
                {
                    **base,
                    "day": day,
                    "hour": hour,
                    "calls": calls,
                    f"calls_high_{_LEVEL}": high,
                    "needed": _needed(calls, chosen),
                    f"needed_high_{_LEVEL}": _needed(high, chosen),
                    "status": SHOWN,
                }
            )
    return rows


def _needed(calls: float, chosen: Conditions) -> int:
    return needed(calls, chosen.handling_s, chosen.patience_s, chosen.within_s, chosen.target)


def _last_known(release: Release, one: Ahead) -> dict[str, float]:
    """The figures of the period that has most of them: of these a whole one, a month, the last."""
    found: list[tuple[tuple[int, bool, bool, date], dict[str, float]]] = []
    for grain in ("month", "week"):
        frame = query(
            release,
            KpiQuery(
                kpis=_MEASURED,
                units=[one.unit_id],
                levels=[one.level],
                segments=[one.segment],
                grain=grain,
                with_no_data=False,
            ),
        ).drop_nulls("value")
        for period in frame.partition_by("period_start"):
            known = dict(period.select("kpi_id", "value").iter_rows())
            is_whole = not period["is_partial"].any()
            start = period["period_start"][0]
            found.append(((len(known), is_whole, grain == "month", start), known))
    return max(found, key=lambda one: one[0], default=(None, {}))[1]


def _target(release: Release, kpi: str) -> float | None:
    found = show_kpi(release, kpi)["target"]
    return None if found is None else float(found)


def _calls_per_day(release: Release, one: Ahead, grain: str, start: date) -> dict[int, float]:
    """Mean calls a day, by ISO weekday, of the days of a period that were delivered whole."""
    frame = query(
        release,
        KpiQuery(
            kpis=[KPI],
            units=[one.unit_id],
            levels=[one.level],
            segments=[one.segment],
            grain="day",
            start_from=first_date(grain, start),
            start_to=last_date(grain, start),
        ),
    ).drop_nulls("value")
    by_weekday: dict[int, list[float]] = {}
    for row in frame.iter_rows(named=True):
        if not row["is_partial"]:
            by_weekday.setdefault(row["period_start"].isoweekday(), []).append(row["value"])
    return {weekday: math.fsum(values) / len(values) for weekday, values in by_weekday.items()}
