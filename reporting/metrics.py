"""Standardized figures of the emergency chain, for analysts: `from reporting import metrics`.

Every figure comes from a frozen release and is the same in every tool. The release that the pointer
names stays open between calls; the pointer is read again in each call, so a new release is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from reporting.dimensions import LEVELS, Dimensions, QueryError, breaks_table, dimensions
from reporting.empty import why_empty
from reporting.locked_sql import ROW_CAP, TIME_LIMIT_SECONDS, SqlError, run_sql
from reporting.news import news as find_news
from reporting.periods import GRAINS, PeriodError, parse_span
from reporting.profiles import NO_ROWS
from reporting.profiles import distribution as find_distribution
from reporting.profiles import profile as find_profile
from reporting.query import (
    PARENT_LEVELS,
    KpiQuery,
    TooManyRowsError,
    show_kpi,
)
from reporting.query import query as run_query
from reporting.reader import NoReleaseError, Release, close_shared, shared

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "NoReleaseError",
    "PeriodError",
    "QueryError",
    "SqlError",
    "TooManyRowsError",
    "breaks",
    "close",
    "definition",
    "distribution",
    "forecast",
    "kpis",
    "news",
    "profile",
    "query",
    "reconcile",
    "release",
    "sql",
    "staffing",
    "units",
]

DEFAULT_GRAIN = "month"
DEFAULT_LIMIT = 100_000

Names = str | Sequence[str] | None
ReleaseName = str | Path | Release | None


def query(
    kpis: Names = None,
    level: Names = None,
    by: Names = None,
    units: Names = None,
    segments: Names = None,
    period: str | None = None,
    grain: str | None = None,
    *,
    start: str | None = None,
    end: str | None = None,
    peers: bool = False,
    trends: bool = False,
    last_year: bool = False,
    version: int | Literal["all"] | None = None,
    geography: str | None = None,
    no_data: bool = True,
    limit: int | None = DEFAULT_LIMIT,
    release: ReleaseName = None,
    audience: str | None = None,
) -> pl.DataFrame:
    """Released figures, one row per KPI, segment, period and unit.

    Nothing is added up here: every row is a row of the release, so medians and shares are exact.
    All names are keyword arguments; one name or a list of them. Example:

        metrics.query(kpis="c113_within_10s", level="central", by="month", period="2026",
                      peers=True)

    Args:
        kpis: KPI ids, `"answer_time_median"` or `["answer_time_median", "answer_time_p90"]`. All
            when not given. `metrics.kpis()` lists them.
        level: what the units are, `"central"` or `["national", "region"]`. All when not given.
        by: what splits the rows further. A grain, `"month"`: one row per month inside `period`
            (the same as `grain`). `"segment"`: one row per segment, which is always so, because
            segments are never added together. A higher level, `"region"`, `"health_trust"` or
            `"county"`: adds `region_id` and `region_name`, the region each unit belonged to when
            the period began, to group or filter by. Several: `["month", "region"]`.
        units: ids or names of units, `"amk_oslo"` or `["AMK Oslo", "AMK Bergen"]`.
        segments: `"113"`, `["HELI", "PLANE"]`.
        period: `"2026"`, `"2026-T1"`, `"2026-Q3"`, `"2026-09"`, `"2026-W40"`, `"2026-09-15"`,
            `"2026-09-YTD"` (the year up to the end of September), `"2026-09-R12"` (the twelve
            months up to it), or a span of them, `"2025..2026"`, `"2025-10.."`. Both ends are
            included.
        grain: day, week, month, quarter, tertial, year, ytd, rolling12, or `"all"`. Not given:
            that of `by`, else that of `period`, else month. The last two are named by the first
            day of their last month in `period_start`, so `period="2026"` gives those up to each
            month of 2026.
        start, end: the ends of the span by themselves, `start="2025-10", end="2026-03"`.
        peers: adds comparison with similar units: `peer_median`, `peer_q1`, `peer_q3`,
            `region_value`, `national_value`, `verdict_nb` and more (months and longer).
        trends: adds limits and signals of the XmR chart (weeks and months).
        last_year: adds the same period of the year before, `last_year_value`, and the change with
            its 95 % interval and verdict: `change`, `change_lower`, `change_upper`, `change_nb`.
            Weeks and days are compared with those 52 weeks earlier.
        version: of the definition. Not given: the one in force when each period began. A number,
            `1`: that one for all periods. `"all"`: every version, side by side.
        geography: not given: the present division of municipalities. `"2024"`, `"event"`: another
            one, where the release has it.
        no_data: `False` leaves out cells for which there is nothing.
        limit: the query fails, saying so, when it gives more rows than this. `None`: no limit.
        release: id of a release or its beginning, `"20261123T"`, or the folder of one. The current
            one when not given.
        audience: whose release, `"internal"`. Not given: AKUTT_AUDIENCE, else the open one. Column
            `is_small` says which figures are not to be passed on.

    Returns:
        A polars frame. `docs/analyst.md` explains each column. A warning says why it has no rows.
    """
    import warnings

    opened = open_release(release, audience)
    wanted = kpi_query(
        kpis=kpis,
        level=level,
        by=by,
        units=units,
        segments=segments,
        period=period,
        grain=grain,
        start=start,
        end=end,
        peers=peers,
        trends=trends,
        last_year=last_year,
        version=version,
        geography=geography,
        no_data=no_data,
        limit=limit,
    )
    frame = run_query(opened, wanted)
    if frame.is_empty():
        warnings.warn(why_empty(opened, wanted), stacklevel=2)
    return frame


def kpi_query(
    *,
    kpis: Names = None,
    level: Names = None,
    by: Names = None,
    units: Names = None,
    segments: Names = None,
    period: str | None = None,
    grain: str | None = None,
    start: str | None = None,
    end: str | None = None,
    peers: bool = False,
    trends: bool = False,
    last_year: bool = False,
    version: int | Literal["all"] | None = None,
    geography: str | None = None,
    no_data: bool = True,
    limit: int | None = None,
    is_cut_allowed: bool = False,
) -> KpiQuery:
    """The arguments of `query` as people write them, as what to select."""
    split = _names(by)
    grains = [name for name in split if name in GRAINS]
    Dimensions.check("by", split, [*GRAINS, "segment", *PARENT_LEVELS])
    if len({*grains, *([grain] if grain else [])}) > 1:
        raise QueryError(
            f"Velg én periodetype / choose one grain: {', '.join([*grains, grain or ''])}"
        )
    chosen = grain or (grains[0] if grains else None)
    everything = chosen == "all"
    if not everything:
        Dimensions.check("grain", [chosen] if chosen else [], [*GRAINS, "all"])
    span = parse_span(period, start, end, chosen)
    return KpiQuery(
        kpis=_names(kpis),
        levels=_names(level),
        units=_names(units),
        segments=_names(segments),
        grain=None if everything else (chosen or span.grain or DEFAULT_GRAIN),
        start_from=span.start_from,
        start_to=span.start_to,
        with_no_data=no_data,
        by=[name for name in split if name in PARENT_LEVELS],
        peers=peers,
        trends=trends,
        last_year=last_year,
        version=version,
        geography=geography,
        limit=limit,
        is_cut_allowed=is_cut_allowed,
    )


def news(
    kpis: Names = None,
    level: Names = None,
    units: Names = None,
    segments: Names = None,
    change: Names = None,
    grain: str = "month",
    *,
    release: ReleaseName = None,
    audience: str | None = None,
) -> pl.DataFrame:
    """Whose latest three months (or weeks) differ from those before by more than chance.

    The surest first: `metrics.news(level="central", change="worse")`. `change` is worse or better,
    higher or lower where no direction is better. One in ten of all news of a release at most is
    chance. `recent_value` is the mean of the three periods, `expected_value` what the periods
    before and the season let expect.
    """
    return find_news(
        open_release(release, audience),
        grain=grain,
        kpis=_names(kpis),
        levels=_names(level),
        units=_names(units),
        segments=_names(segments),
        changes=_names(change),
    )


def profile(
    units: Names = None,
    level: Names = None,
    segments: Names = None,
    period: str | None = None,
    *,
    release: ReleaseName = None,
    audience: str | None = None,
) -> pl.DataFrame:
    """Calls by hour of the week: `metrics.profile("amk_oslo", segments="113")`.

    One row per service, unit and hour of the week, Monday 00–01 first: calls and `calls_per_hour`,
    shares in per cent (`in_time_share`, `unanswered_share`), times in seconds (`answer_median`,
    `answer_p90`, `talk_median`), pooled over the weeks of `period`: a quarter, a tertial, a year or
    twelve months, `"2026-09-R12"`. Not given: the longest of those that ended last. `hours` is how
    many such hours were delivered. Hidden rows have status `suppressed`.
    """
    return _of_parts(
        find_profile(
            open_release(release, audience),
            units=_names(units),
            levels=_names(level),
            segments=_names(segments),
            period=period,
        )
    )


def distribution(
    measure: Names = None,
    level: Names = None,
    units: Names = None,
    segments: Names = None,
    period: str | None = None,
    *,
    release: ReleaseName = None,
    audience: str | None = None,
) -> pl.DataFrame:
    """Times by class: `metrics.distribution("response_time", units="Hamar")`.

    One row per measure (`answer_time`, `response_time`), segment, unit and class: `n` in the class,
    `total` in all of them, `share` in per cent. A class is over `over_s` and up to `to_s` seconds.
    The times are those of `answer_time_median` and `resp_median`. Periods as for `profile`.
    """
    return _of_parts(
        find_distribution(
            open_release(release, audience),
            measures=_names(measure),
            units=_names(units),
            levels=_names(level),
            segments=_names(segments),
            period=period,
        )
    )


def forecast(
    units: Names = None,
    level: Names = None,
    segments: Names = None,
    days: int = 28,
    *,
    release: ReleaseName = None,
    audience: str | None = None,
) -> pl.DataFrame:
    """Calls a day in the days to come: `metrics.forecast("amk_oslo", segments="113", days=28)`.

    One row per service, unit and day, from the day after `last_day`, the last that is final: calls
    expected (`value`), and intervals that hold 80 and 95 % of such days (`low_80` to `high_95`).
    Every model is tried on stretches that were held back; where none is nearer than the week
    before, nothing is offered: one row with status `not_offered` and the `reason`. `error` and
    `naive_error` are mean errors a day on those stretches, `covered_80` and `covered_95` what the
    intervals held there. Needs `akuttkjede[forecast]`.

    Args:
        units, level, segments: as for `query`; levels national, region and central.
        days: 7 to 84.
    """
    from reporting.demand.forecast import forecast as find

    return find(
        open_release(release, audience),
        units=_names(units),
        levels=_names(level),
        segments=_names(segments),
        days=days,
    )


def staffing(
    units: Names = None,
    level: Names = None,
    segments: Names = None,
    days: int = 7,
    *,
    handling: float | None = None,
    patience: float | None = None,
    target: float | None = None,
    release: ReleaseName = None,
    audience: str | None = None,
) -> pl.DataFrame:
    """How many must answer, hour by hour: `metrics.staffing("amk_oslo", segments="113")`.

    The forecast, spread over the day as the calls of that weekday were, and the queue of Erlang A.
    `needed` people answer at once for the target to be met, `needed_high_80` if the day is among
    the busiest tenth; breaks, illness and other work come on top. Needs `akuttkjede[forecast]`.

    Args:
        units, level, segments, days: as for `forecast`.
        handling: mean seconds a call takes, with the work after it. Not given: of the release.
        patience: mean seconds that a caller waits before hanging up. Not given: of the release.
        target: share of calls answered in time, in per cent. Not given: that of the KPI.
    """
    from reporting.demand.staffing import staffing as find

    return find(
        open_release(release, audience),
        units=_names(units),
        levels=_names(level),
        segments=_names(segments),
        days=days,
        handling=handling,
        patience=patience,
        target=target,
    )


def _of_parts(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame; a warning says why it has no rows."""
    import warnings

    if frame.is_empty():
        warnings.warn(NO_ROWS, stacklevel=3)
    return frame


def kpis(
    search: str | None = None, *, release: ReleaseName = None, audience: str | None = None
) -> pl.DataFrame:
    """The KPIs: id, names, unit, target, levels, segments, status.

    `search`: words that must all stand in id, number, name, definition or segment,
    `metrics.kpis("113 svartid")`. A KPI with status `no_source` cannot be computed yet;
    `status_reason` says what is lacking.
    """
    import polars as pl

    rows = kpi_rows(open_release(release, audience), search)
    schema = {**dict.fromkeys(_KPI_COLUMNS, pl.String), "target": pl.Float64, "version": pl.Int32}
    return pl.DataFrame(rows, schema=schema, strict=False, orient="row")


_KPI_COLUMNS = (
    "kpi_id",
    "name_nb",
    "name_en",
    "unit",
    "direction",
    "target",
    "levels",
    "segments",
    "version",
    "status",
    "status_reason",
)


def kpi_rows(opened: Release, search: str | None = None) -> list[dict[str, Any]]:
    """The rows of `kpis`."""
    found = [
        {name: row.get(name) for name in _KPI_COLUMNS}
        for row in dimensions(opened).kpis_with(search or "")
    ]
    for row in found:
        for name in ("levels", "segments"):
            row[name] = ", ".join(str(row[name] or "").split("|"))
    return found


def definition(
    kpi: str,
    version: int | None = None,
    *,
    release: ReleaseName = None,
    audience: str | None = None,
) -> dict[str, Any]:
    """Everything the registry says about one KPI: `metrics.definition("resp_median")`.

    The newest version when not told which; `in_force_from` and `in_force_before` tell the periods
    for which it is the official one. `sql` is what computes it, where the release has that.
    """
    opened = open_release(release, audience)
    return definition_of(opened, kpi, version)


def definition_of(opened: Release, kpi: str, version: int | None = None) -> dict[str, Any]:
    """`definition` on an open release."""
    row = show_kpi(opened, kpi, version)
    for period in dimensions(opened).in_force(kpi):
        if period.number == row["version"]:
            row["in_force_from"], row["in_force_before"] = period.first, period.before
    row["sql"] = kpi_sql(opened, kpi, int(row["version"]))
    return row


def kpi_sql(opened: Release, kpi: str, version: int) -> str | None:
    """The compiled SQL behind one KPI, as it was when the release was made."""
    if not opened.has("kpi_sql", "kpi_id", "kpi_version", "sql"):
        return None
    rows = opened.rows(
        "select sql from kpi_sql where kpi_id = ? and kpi_version = ?", [kpi, version]
    )
    return str(rows[0]["sql"]) if rows else None


def units(
    level: str | None = None, *, release: ReleaseName = None, audience: str | None = None
) -> pl.DataFrame:
    """The units of a level, with name and where they belong: `metrics.units("central")`."""
    Dimensions.check("level", [level] if level else [], LEVELS)
    where = "where level = ?" if level else ""
    return open_release(release, audience).sql(
        f"select * from units {where} order by level, unit_id", [level] if level else []
    )


def breaks(
    kpis: Names = None,
    level: Names = None,
    units: Names = None,
    *,
    release: ReleaseName = None,
    audience: str | None = None,
) -> pl.DataFrame:
    """Breaks in the series, oldest first: `metrics.breaks("answer_time_p90", level="central")`.

    Figures on either side of a break are not to be compared without thought.
    """
    import polars as pl

    opened = open_release(release, audience)
    wanted = KpiQuery(kpis=_names(kpis), levels=_names(level), units=_names(units))
    rows = break_rows(opened, wanted)
    schema = dict.fromkeys(BREAK_COLUMNS, pl.String)
    return pl.DataFrame(
        rows, schema={**schema, "kpi_version": pl.Int32, "break_date": pl.Date}, orient="row"
    )


BREAK_COLUMNS = (
    "kpi_id",
    "kpi_version",
    "segment",
    "level",
    "unit_id",
    "break_date",
    "kind",
    "text_nb",
    "text_en",
)


def break_rows(opened: Release, wanted: KpiQuery) -> list[dict[str, Any]]:
    """The breaks of the series that a query may select, without regard to its periods."""
    known = dimensions(opened)
    known.check_kpis(wanted.kpis)
    Dimensions.check("level", wanted.levels, LEVELS)
    table = breaks_table(opened)
    if table is None:
        return []
    conditions, parameters = ["kpi_id is not null"], []
    for column, values in (
        ("kpi_id", wanted.kpis),
        ("level", wanted.levels),
        ("unit_id", known.unit_ids(wanted.units, wanted.levels)),
        ("segment", wanted.segments),
    ):
        if values:
            conditions.append(f"list_contains(?::varchar[], {column})")
            parameters.append(list(values))
    return opened.rows(
        f"select {', '.join(BREAK_COLUMNS)} from {table} where {' and '.join(conditions)}"
        " order by break_date, kpi_id, level, unit_id, segment",
        parameters,
    )


def reconcile(*, release: ReleaseName = None, audience: str | None = None) -> pl.DataFrame:
    """Figures that others have published beside ours, with the difference and the known reasons.

    Returns:
        One row per published figure; see `reporting.reconcile.reconcile`.
    """
    from reporting.reconcile import reconcile as held_against

    return held_against(open_release(release, audience))


def sql(
    statement: str,
    *,
    limit: int = ROW_CAP,
    seconds: float = TIME_LIMIT_SECONDS,
    release: ReleaseName = None,
    audience: str | None = None,
) -> pl.DataFrame:
    """The rows of one SQL statement on the release, and nothing but the release.

    `metrics.sql("select * from kpi_values where unit_id = 'amk_oslo' limit 10")`. It only reads,
    reaches no file or network, and stops after `seconds`. At most `limit` rows; a warning says when
    there were more.
    """
    import warnings

    result = run_sql(open_release(release, audience), statement, limit=limit, seconds=seconds)
    if result.is_cut:
        warnings.warn(result.cut_message(), stacklevel=2)
    return result.frame


def release(name: ReleaseName = None, *, audience: str | None = None) -> dict[str, Any]:
    """What a release says about itself: `metrics.release()["release_id"]`."""
    return dict(open_release(name, audience).metadata)


def close() -> None:
    """Let go of the open releases; the next call opens again."""
    close_shared()


def open_release(name: ReleaseName = None, audience: str | None = None) -> Release:
    """The open release of that name, of the audience asked for."""
    return name if isinstance(name, Release) else shared(name, audience=audience)


def _names(given: Names) -> list[str]:
    """One name, several, or none, as a list without repeats."""
    if given is None:
        return []
    return [given] if isinstance(given, str) else list(dict.fromkeys(given))
