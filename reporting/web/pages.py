"""Pages by their path. The same path gives the same page on the server and in a folder of files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reporting.dimensions import dimensions
from reporting.news import news
from reporting.periods import PeriodError, label, parse_period
from reporting.query import KpiQuery, query
from reporting.reader import Release, once
from reporting.report.template import levels_reported
from reporting.web import air, chain, changed, charts, compare, figures, quality, staffing, tiles
from reporting.web.events import Event, events
from reporting.web.figures import Figure, Place, When
from reporting.web.words import LANGUAGES, LEVELS, PARTS, SEGMENTS, Language, Speech

if TYPE_CHECKING:
    import polars as pl

_TEMPLATES = Path(__file__).parent / "templates"
_NEWS = 12
Link = Callable[[str], str]


class NoPageError(LookupError):
    """The path leads nowhere; the message says what there is."""


@dataclass(frozen=True)
class Page:
    """A page ready to be sent, and its figures, or the query for them, where it has data."""

    html: str
    data: KpiQuery | pl.DataFrame | None = None


@dataclass(frozen=True)
class View:
    """What every page needs: the release, the language, how to write an address."""

    release: Release
    language: Language
    path: str
    link: Link
    # One of all pages that are made, without a server behind them.
    is_file: bool = False
    # What stands after the question mark of the address.
    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    say: Speech = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "say", Speech(self.language))

    @property
    def asked(self) -> str:
        """The choices as they stand in the address, with the question mark."""
        return f"?{urlencode(self.choices, doseq=True)}" if self.choices else ""


def page(view: View) -> Page:
    """The page of a path such as `/unit/central/amk_oslo/2025-12`.

    Raises:
        NoPageError: there is no such page in this release.
    """
    for pattern, make in _ROUTES:
        match = pattern.fullmatch(view.path)
        if match:
            return make(view, **match.groupdict())
    raise NoPageError(view.path)


def paths(release: Release) -> Iterator[str]:
    """Every page of a release, for a folder of files."""
    yield from ("/", "/units", "/chain", "/air", "/definitions", "/quality", "/changes", "/about")
    for level, with_chain in chain.pages(release).items():
        for unit_id, there in with_chain.items():
            for when in there:
                yield chain_path(level, unit_id, when)
    for when in figures.periods(release, "base"):
        yield f"/air/{label(when.grain, when.start)}"
    for source in quality.sources(release):
        yield f"/quality/{source}"
    for kpi_id in changed.kpis(release):
        yield f"/changes/{kpi_id}"
    known = dimensions(release)
    here = figures.places(release)
    for kpi_id in known.kpis:
        yield f"/definition/{kpi_id}"
    for level, units in here.items():
        for when in figures.periods(release, level):
            period = label(when.grain, when.start)
            for unit in units:
                yield f"/unit/{level}/{unit.unit_id}/{period}"
    rows = release.rows(
        "select distinct kpi_id, segment, level, period_grain, period_start from kpi_values"
        f" where {figures.PAGED} and geography_version <> 'event' order by all"
    )
    told = _told(release)
    periods: dict[tuple[str, ...], list[When]] = {}
    for row in rows:
        key = row["kpi_id"], row["segment"], row["level"]
        if key in told:
            periods.setdefault(key, []).append(When(row["period_grain"], row["period_start"]))
    for told_of, found in periods.items():
        for when in figures.latest_running(found):
            yield f"/kpi/{'/'.join(told_of)}/{label(when.grain, when.start)}"
    yield from staffing.paths(release)
    yield from _series_paths(release)


@once
def _series_paths(release: Release) -> Mapping[str, None]:
    """Every page of a series, in order."""
    told = _told(release)
    rows = release.rows(
        "select distinct kpi_id, segment, level, unit_id from kpi_values"
        f" where {figures.PAGED} and unit_id <> 'UNKNOWN'"
        " and geography_version <> 'event' order by all"
    )
    return {
        series_path(release, row): None
        for row in rows
        if (row["kpi_id"], row["segment"], row["level"]) in told
    }


def _told(release: Release) -> set[tuple[str, str, str]]:
    """What figures there are pages of: KPI, segment and level."""
    return {
        (kpi_id, segment, level)
        for kpi_id, versions in dimensions(release).kpis.items()
        for segment in figures.segments_of(versions[-1])
        for level in figures.levels_of(versions[-1])
    }


def chain_path(level: str, unit_id: str, when: When) -> str:
    """Where the chain of a unit is shown."""
    return f"/chain/{level}/{unit_id}/{label(when.grain, when.start)}"


def series_path(release: Release, row: Mapping[str, Any]) -> str:
    """Where the series of a figure is drawn."""
    key = row["kpi_id"], row["segment"], row["level"]
    grain = figures.finest(release).get(key, "month")
    return f"/series/{'/'.join(key)}/{row['unit_id']}/{grain}"


def search(view: View, words: str) -> Page:
    """Units and KPIs whose names have the words."""
    known = dimensions(view.release)
    text = words.strip()[:80]
    units = [
        place
        for units in figures.places(view.release).values()
        for place in units
        if text and text.casefold() in place.name.casefold()
    ]
    kpis = known.kpis_with(text) if text else []
    return Page(
        _render(view, "search.html", title=view.say("search"), words=text, units=units[:50],
                kpis=kpis[:50], when=figures.latest_whole(view.release))
    )  # fmt: skip


# --- the pages ----------------------------------------------------------------------------------


def _start(view: View) -> Page:
    when = figures.latest_whole(view.release)
    told: Sequence[Mapping[str, Any]] = ()
    if view.release.has("kpi_news"):
        told = list(news(view.release).head(_NEWS).iter_rows(named=True))
    return Page(
        _render(view, "start.html", title=view.say("title"), when=when, news=told,
                chain=figures.key_figures(view.release, when),
                furthest=figures.furthest(view.release, when))
    )  # fmt: skip


def _units(view: View) -> Page:
    when = figures.latest_whole(view.release)
    return Page(
        _render(view, "units.html", title=view.say("units"), when=when,
                places=figures.places(view.release))
    )  # fmt: skip


def _unit(view: View, level: str, unit_id: str, period: str | None = None) -> Page:
    place = _place(view, level, unit_id)
    when = _when(view, period)
    parts = figures.unit_figures(view.release, place, when, is_all=view.is_file)
    first = sorted(
        (figure for part in parts.values() for figure in part if figure.needs_a_look),
        key=lambda figure: -figure.surprise,
    )
    every = [*first, *(figure for part in parts.values() for figure in part)]
    return Page(
        _render(view, "unit.html", title=place.name, place=place, when=when, parts=parts,
                first=first[:3], periods=figures.periods(view.release, level),
                has_report=level in levels_reported(),
                staffing=staffing.link(view.release, level, unit_id, view.say),
                compare="" if view.is_file else _compared(view, place, when, every),
                has_chain=when in chain.pages(view.release).get(level, {}).get(unit_id, ())),
        KpiQuery(levels=(level,), units=(unit_id,), grain=when.grain, start_from=when.start,
                 start_to=when.start, peers=True, trends=True),
    )  # fmt: skip


def _compared(view: View, place: Place, when: When, of: Sequence[Figure]) -> str:
    """The address that compares a unit with similar ones on the first of these figures."""
    kpis = list(dict.fromkeys(figure.row["kpi_id"] for figure in of))[:3]
    if not kpis:
        return ""
    choices = {
        "level": place.level, "units": compare.similar(view.release, place, when, kpis[0]),
        "kpis": kpis, "period": label(when.grain, when.start),
    }  # fmt: skip
    return f"/compare?{urlencode(choices, doseq=True)}"


def _kpi(view: View, kpi_id: str, segment: str, level: str, period: str | None = None) -> Page:
    say = view.say
    definition = _definition_of(view, kpi_id)
    if level not in figures.levels_of(definition) or segment not in figures.segments_of(definition):
        raise NoPageError(
            f"{kpi_id}: {', '.join(figures.levels_of(definition))}; "
            f"{', '.join(figures.segments_of(definition))}"
        )
    when = _when(view, period)
    wanted = figures.kpi_query(kpi_id, segment, level, when)
    rows = figures.kpi_figures(view.release, wanted, is_all=view.is_file)
    national = figures.national_figure(view.release, kpi_id, segment, when, is_all=view.is_file)
    reference = national["value"] if national else None
    unit = str(definition["unit"])
    bars = [
        charts.Bar(
            row["unit_name"], row["value"], row["lower"], row["upper"],
            say.number(row["value"], unit),
            _MARKS.get(row["verdict"], ""),
        )
        for row in rows
        if row["value"] is not None and row["unit_id"] != "UNKNOWN"
    ]  # fmt: skip
    name = say.field(definition, "name_nb", "name_en")
    chart = charts.interval_plot(
        bars,
        title=f"{name}, {say.of(LEVELS[level])}, {say.period(when.grain, when.start)}",
        description=say("plot"),
        reference=reference,
        axis=_axis(say, unit),
    )
    spread = figures.deciles(view.release, kpi_id, segment, level, when)
    deciles = charts.decile_chart(
        [(label(when.grain, start), of) for start, _, of in spread],
        title=f"{name}: {say('spread')}", description=say("spread_mean"), axis=_axis(say, unit),
    )  # fmt: skip
    between = tiles.limits([row["value"] for row in rows if row["value"] is not None])
    return Page(
        _render(view, "kpi.html", title=name, funnel=_funnel(say, name, rows, unit),
                tiles=_tiles(view, name, rows, level, between), between=between,
                deciles=deciles, spread=spread,
                definition=definition, segment=segment, level=level,
                when=when, rows=rows, chart=chart, unit=unit,
                periods=figures.periods(view.release, level, (kpi_id, segment))),
        wanted,
    )  # fmt: skip


# Where no direction is better, what differs is told without saying that it is better or worse.
_MARKS = {"better": "better", "worse": "worse", "higher": "other", "lower": "other"}


def _funnel(say: Speech, name: str, rows: Sequence[figures.Row], unit: str) -> Markup:
    units = [
        charts.Funnel(
            row["unit_name"], row["denominator"], row["value"], say.number(row["value"], unit),
            tuple(row[f"funnel_{limit}"] for limit in _LIMITS), str(row["peer_group"]),
            _MARKS.get(row["verdict"], ""),
        )
        for row in rows
        if row["comparator"] == "funnel" and row["unit_id"] != "UNKNOWN"
        and None not in (row["value"], row["denominator"], *(row[f"funnel_{x}"] for x in _LIMITS))
    ]  # fmt: skip
    return charts.funnel_plot(
        units, title=f"{name}: {say('funnel')}", description=say("funnel_mean"),
        axis=_axis(say, unit), sizes=_axis(say, "n"),
    )  # fmt: skip


_LIMITS = ("lower_998", "lower_95", "center", "upper_95", "upper_998")


def _tiles(
    view: View, name: str, rows: Sequence[figures.Row], level: str, between: Sequence[float]
) -> Markup:
    shown = [
        tiles.Tile(row["unit_id"], row["unit_name"], row["value"], shown_of(view.say, row))
        for row in rows
    ]
    return tiles.tile_map(
        shown, tiles.cells(view.release, level), between,
        title=f"{name}: {view.say('tiles')}", description=view.say("tiles_mean"),
    )  # fmt: skip


def _series(view: View, kpi_id: str, segment: str, level: str, unit_id: str, grain: str) -> Page:
    say = view.say
    definition = _definition_of(view, kpi_id)
    place = _place(view, level, unit_id)
    last = next((w for w in figures.periods(view.release, level) if w.grain == grain), None)
    if last is None or segment not in figures.segments_of(definition):
        raise NoPageError(view.path)
    wanted = figures.series_query(kpi_id, segment, place, last)
    rows = figures.rows_of(view.release, wanted, "unit_id" if view.is_file else None)
    unit = str(definition["unit"])
    name = say.field(definition, "name_nb", "name_en")
    told = events(say, view.release, rows)
    chart = chart_of_series(say, definition, place, rows, told).svg
    return Page(
        _render(view, "series.html", title=f"{name}: {place.name}", definition=definition,
                place=place, rows=rows, chart=chart, unit=unit, segment=segment, grain=grain,
                name=name, when=last, events=told,
                breaks=[row for row in rows if row["is_break"]]),
        wanted,
    )  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """A chart and what it shows."""

    svg: Markup
    caption: str


def chart_of_series(
    say: Speech,
    definition: figures.Row,
    place: Place,
    rows: Sequence[figures.Row],
    told: Sequence[Event],
) -> Drawn:
    """The run chart of one unit's series; an empty one where no figure can be shown."""
    unit = str(definition["unit"])
    name = say.field(definition, "name_nb", "name_en")
    points = _points(say, rows, unit)
    caption = say("limits") if any(point.lower is not None for point in points) else name
    svg = charts.run_chart(
        points,
        title=f"{name}, {place.name}",
        description=caption,
        target=definition["target"],
        axis=_axis(say, unit),
        marks_of=[event.mark for event in told],
    )
    said = (f"{event.number}: {event.sentence(say)}" for event in told)
    return Drawn(svg, " ".join([caption, *said]))


def _axis(say: Speech, unit: str) -> charts.Axis:
    """How a number of an axis is written; counts without their unit."""
    return lambda value, places: say.number(value, "" if unit == "n" else unit, places)


def _points(say: Speech, rows: Sequence[figures.Row], unit: str) -> list[charts.Point]:
    return [
        charts.Point(
            label(row["period_grain"], row["period_start"]), row["value"],
            say.number(row["value"], unit),
            # Where there are too few periods for limits, a centre says nothing.
            None if row["xmr_lower"] is None else row["xmr_center"], row["xmr_lower"],
            row["xmr_upper"], row["signal_direction"],
            bool(row["is_break"]), bool(row["is_partial"]),
        )
        for row in rows
    ]  # fmt: skip


def _compare(view: View) -> Page:
    say, release = view.say, view.release
    choice = compare.asked(release, view.choices)
    names = {place.unit_id: place.name for place in choice.units}
    made = []
    for panel in compare.panels(release, choice):
        unit = str(panel.definition["unit"])
        points = {id: _points(say, rows, unit) for id, rows in panel.series.items()}
        told = {
            place.unit_id: events(say, release, panel.series.get(place.unit_id, ()))
            for place in choice.units
        }
        beside = [point for of_unit in points.values() for point in of_unit]
        drawn = [
            (place, told[place.unit_id], charts.run_chart(
                points.get(place.unit_id, ()),
                title=f"{say.field(panel.definition, 'name_nb', 'name_en')}, {place.name}",
                description=say("one_axis"), target=panel.definition["target"], size=(360, 190),
                beside=beside, axis=_axis(say, unit),
                marks_of=[event.mark for event in told[place.unit_id]],
            ))
            for place in choice.units
        ]  # fmt: skip
        made.append((panel, drawn))
    lines = compare.lines(release, choice)
    levels = figures.places(release)
    levels_of_many = [level for level in LEVELS if len(levels.get(level, ())) > 1]
    return Page(
        _render(view, "compare.html", title=say("compare"), choice=choice, lines=lines,
                panels=made, names=names, here=levels[choice.level], there=levels_of_many,
                kpis=compare.kpis_of(release, choice.level),
                periods=figures.periods(release, choice.level),
                most_units=compare.MOST_UNITS, most_kpis=compare.MOST_KPIS),
        compare.wanted(choice) if lines else None,
    )  # fmt: skip


def _definitions(view: View) -> Page:
    newest = [versions[-1] for versions in dimensions(view.release).kpis.values()]
    by_part = {
        part: sorted(
            (row for row in newest if figures.part_of(row) == part), key=lambda row: row["number"]
        )
        for part, _, _ in PARTS
    }
    return Page(
        _render(view, "definitions.html", title=view.say("definitions"), by_part=by_part,
                when=figures.latest_whole(view.release))
    )  # fmt: skip


def _definition(view: View, kpi_id: str) -> Page:
    definition = _definition_of(view, kpi_id)
    return Page(
        _render(view, "definition.html", title=view.say.field(definition, "name_nb", "name_en"),
                definition=definition, views=figures.views(view.release, definition))
    )  # fmt: skip


def _chain(
    view: View, level: str | None = None, unit_id: str | None = None, period: str | None = None
) -> Page:
    chosen = {name: values[-1] for name, values in view.choices.items()}
    level = level or chosen.get("level") or "national"
    unit_id = unit_id or chosen.get("unit")
    there = chain.pages(view.release)
    if level not in chain.LEVELS:
        raise NoPageError(f"{level}: {', '.join(chain.LEVELS)}")
    if unit_id is None:
        if level != "national":
            raise NoPageError(f"?level={level}&unit=: {', '.join(there.get(level, ()))}")
        unit_id = figures.nation(view.release)
    place = _place(view, level, unit_id)
    when = _when(view, period or chosen.get("period"))
    told = chain.chain(view.release, place, when, view.say, is_all=view.is_file)
    here = figures.places(view.release)
    return Page(
        _render(view, "chain.html", title=f"{view.say('where_time_goes')}: {place.name}",
                place=place,
                when=when, told=told, periods=there.get(level, {}).get(unit_id, []),
                units={kind: [unit for unit in here.get(kind, []) if unit.unit_id in known]
                       for kind, known in there.items()},
                chain_of=lambda of: chain_path(of.level, of.unit_id, when)),
        chain.wanted(view.release, place, when) if told.times else None,
    )  # fmt: skip


def _air(view: View, period: str | None = None) -> Page:
    when = _when(view, period)
    names = air.names(view.release, view.say)
    return Page(
        _render(view, "air.html", title=view.say("air"), when=when, names=names,
                aircraft=air.aircraft(view.release, when, view.say),
                periods=figures.periods(view.release, "base")),
        # Without a KPI the query would be of all there are.
        air.wanted(view.release, when) if names else None,
    )  # fmt: skip


def _staffing(view: View, level: str, unit_id: str, period: str | None = None) -> Page:
    place, offered = _place(view, level, unit_id), staffing.choices(view.release, level, unit_id)
    if not offered:
        raise NoPageError(view.path)
    when = _when(view, period) if period else offered[0]
    frame = staffing.frame_of(view.release, level, unit_id, when)
    say = view.say
    return Page(
        _render(view, "staffing.html", title=f"{place.name}: {say.of(staffing.TEXTS['title'])}",
                place=place, when=when, weeks=staffing.weeks(frame, place.name, say),
                t=lambda key: say.of(staffing.TEXTS[key]), periods=offered),
        frame,
    )  # fmt: skip


def _quality(view: View) -> Page:
    return Page(
        _render(view, "quality.html", title=view.say("quality"), **quality.overview(view.release))
    )


def _source(view: View, source: str) -> Page:
    if source not in (known := quality.sources(view.release)):
        raise NoPageError(f"{source}: {', '.join(known)}")
    return Page(
        _render(view, "source.html", title=source, **quality.of_source(view.release, source))
    )


def _changes(view: View, kpi_id: str | None = None) -> Page:
    say, found = view.say, changed.changed(view.release)
    if kpi_id is not None and kpi_id not in (there := changed.kpis(view.release)):
        raise NoPageError(f"{kpi_id}: {', '.join(there)}")
    if found is None:
        return Page(_render(view, "changes.html", title=say("changes"), before=None, kpi_id=None))
    newest = {id: versions[-1] for id, versions in dimensions(view.release).kpis.items()}
    # A KPI that the release no longer has is told by its id.
    names = {id: id for id in changed.kpis(view.release)} | {
        id: say.field(row, "name_nb", "name_en") for id, row in newest.items()
    }

    def shown(row: Mapping[str, Any], value: str, status: str) -> str:
        unit = str(newest[row["kpi_id"]]["unit"]) if row["kpi_id"] in newest else ""
        return say.number(row[value], unit) or say(row[status])

    found = found if kpi_id is None else found.of(kpi_id)
    frame = found.frame
    most = changed.MOST_OF_KPI if kpi_id else changed.MOST
    return Page(
        _render(view, "changes.html", title=names[kpi_id] if kpi_id else say("changes"),
                before=found.before, kpi_id=kpi_id, names=names, kinds=changed.kinds(),
                reasons=changed.by_reason(found.counts), by_kpi=changed.by_kpi(found.counts),
                is_kept=frame is not None, most=most,
                revised=[] if frame is None else changed.largest(frame, "revised", most),
                # New figures are most of a release that has a new month; the counts tell of them.
                others={} if frame is None else {
                    kind: changed.largest(frame, kind, most)
                    for kind in ("withdrawn", "hidden", "shown")
                },
                drawn=lambda row: series_path(view.release, row) in _series_paths(view.release),
                old=lambda row: shown(row, "old_value", "old_status"),
                new=lambda row: shown(row, "new_value", "new_status")),
        found.counts if frame is None else frame,
    )  # fmt: skip


def _about(view: View) -> Page:
    return Page(_render(view, "about.html", title=view.say("about")))


_ID = r"[A-Za-z0-9_.+\-]+"
_ROUTES: tuple[tuple[re.Pattern[str], Callable[..., Page]], ...] = (
    (re.compile("/"), _start),
    (re.compile("/units"), _units),
    (re.compile(rf"/unit/(?P<level>[a-z_]+)/(?P<unit_id>{_ID})(?:/(?P<period>[\w\-]+))?"), _unit),
    (
        re.compile(
            rf"/kpi/(?P<kpi_id>{_ID})/(?P<segment>\w+)/(?P<level>[a-z_]+)(?:/(?P<period>[\w\-]+))?"
        ),
        _kpi,
    ),
    (
        re.compile(
            rf"/series/(?P<kpi_id>{_ID})/(?P<segment>\w+)/(?P<level>[a-z_]+)/(?P<unit_id>{_ID})"
            rf"/(?P<grain>{'|'.join(figures.GRAINS)})"
        ),
        _series,
    ),
    (
        re.compile(rf"/chain(?:/(?P<level>[a-z_]+)/(?P<unit_id>{_ID})(?:/(?P<period>[\w\-]+))?)?"),
        _chain,
    ),
    (re.compile("/compare"), _compare),
    (re.compile("/definitions"), _definitions),
    (re.compile(rf"/definition/(?P<kpi_id>{_ID})"), _definition),
    (re.compile(r"/air(?:/(?P<period>[\w\-]+))?"), _air),
    (
        re.compile(rf"/staffing/(?P<level>[a-z_]+)/(?P<unit_id>{_ID})(?:/(?P<period>[\w\-]+))?"),
        _staffing,
    ),
    (re.compile("/quality"), _quality),
    (re.compile(rf"/quality/(?P<source>{_ID})"), _source),
    (re.compile(rf"/changes(?:/(?P<kpi_id>{_ID}))?"), _changes),
    (re.compile("/about"), _about),
)


# --- what they share ----------------------------------------------------------------------------


def _place(view: View, level: str, unit_id: str) -> Place:
    place = figures.place_of(view.release, level, unit_id)
    if place is None:
        near = dimensions(view.release).units_with(unit_id.replace("_", " "), [level])
        raise NoPageError(f"{level} {unit_id}" + (f": {', '.join(near[:5])}" if near else ""))
    return place


def _definition_of(view: View, kpi_id: str) -> Mapping[str, Any]:
    known = dimensions(view.release).kpis
    if kpi_id not in known:
        raise NoPageError(kpi_id)
    return known[kpi_id][-1]


def _when(view: View, period: str | None) -> When:
    if period is None:
        return figures.latest_whole(view.release)
    try:
        grain, start = parse_period(period)
    except PeriodError as error:
        raise NoPageError(str(error)) from error
    if grain not in figures.GRAINS:
        raise NoPageError(f"{period}: {', '.join(figures.GRAINS)}")
    return When(grain, start)


def _spark(figure: Figure) -> Markup:
    row = figure.row
    return charts.sparkline(figure.before, row["xmr_lower"], row["xmr_upper"])


def notes_of(say: Speech, row: Mapping[str, Any]) -> list[str]:
    """What must be said of a figure beside its number."""
    return [
        *([say("partial")] if row["is_partial"] else []),
        *([say("provisional")] if row["maturity"] == "provisional" else []),
        *([say("not_open")] if row["is_small"] else []),
    ]


def shown_of(say: Speech, row: Mapping[str, Any]) -> str:
    """The number with its unit, or why there is none."""
    if row["status"] != "ok" or row["value"] is None:
        return say(str(row["status"])) if row["status"] != "ok" else ""
    return say.number(row["value"], str(row["measure_unit"]))


_environment = Environment(
    loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined,
    trim_blocks=True, lstrip_blocks=True, auto_reload=False,
)  # fmt: skip


def _render(view: View, template: str, **values: Any) -> str:
    say, release = view.say, view.release
    other = LANGUAGES[1 - LANGUAGES.index(view.language)]

    def href(path: str, language: str = view.language) -> str:
        return view.link(path if language == "nb" else f"/en{path}")

    return _environment.get_template(template).render(
        say=say, view=view, href=href, other=other, release=release, levels=LEVELS,
        part_names={part: names for part, names, _ in PARTS}, segments=SEGMENTS, label=label,
        spark=_spark, series=lambda row: href(series_path(release, row)),
        shown=lambda row: shown_of(say, row), notes=lambda row: notes_of(say, row),
        period_end=str(release.metadata.get("period_end") or ""),
        is_synthetic=bool(release.metadata.get("is_synthetic")), **values,
    )  # fmt: skip


def data(view: View, wanted: KpiQuery | pl.DataFrame) -> pl.DataFrame:
    """The figures of a page as a frame."""
    return query(view.release, wanted) if isinstance(wanted, KpiQuery) else wanted


def error(language: Language, heading: str, detail: str) -> str:
    """A page that says what is wrong, without a release."""
    return _environment.get_template("error.html").render(
        language=language, heading=heading, detail=detail, start=Speech(language)("start"),
        home="/" if language == "nb" else "/en/",
    )  # fmt: skip
