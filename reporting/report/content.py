"""What a report says, in one language: the same for HTML, PDF and DOCX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reporting.dimensions import dimensions
from reporting.periods import RUNNING, label, last_date
from reporting.reader import Release
from reporting.report.template import ANY, Key, Template, TemplateError, check, template_for
from reporting.web import figures
from reporting.web.events import events
from reporting.web.figures import Figure, Place, When
from reporting.web.pages import chart_of_series, notes_of, shown_of
from reporting.web.words import PARTS, SEGMENTS, Language, Speech


@dataclass(frozen=True)
class Line:
    """One figure, as it is written.

    Attributes:
        name: the KPI with its segment.
        value, target, last_year: with unit; why there is none where there is none.
        year_to_date, twelve_months: of the year so far and of the twelve months up to the end of
            the period, with what must be said of them; empty where the release has none.
        notes: what must be said of the value: partial, provisional, not open.
        verdict: against similar units, and over time.
        needs_a_look: worse than similar units, or a concern over time.
    """

    name: str
    value: str
    notes: str
    target: str
    last_year: str
    year_to_date: str
    twelve_months: str
    verdict: str
    needs_a_look: bool


@dataclass(frozen=True)
class Chart:
    """A series that is drawn; `table` holds its periods and values."""

    title: str
    svg: Markup
    caption: str
    table: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Section:
    """A part of the chain."""

    title: str
    lines: Sequence[Line]


@dataclass(frozen=True)
class Report:
    """One unit and period.

    Attributes:
        title: of the kind of report. `unit`: its name. `period`: as people say it.
        summary: sentences made of verdicts, trends and targets.
        deviations: figures that need a comment of the leader.
        definitions: per KPI what it counts, and which direction is better.
    """

    language: Language
    title: str
    unit: str
    period: str
    summary: Sequence[str]
    sections: Sequence[Section]
    charts: Sequence[Chart]
    deviations: Sequence[Line]
    definitions: Sequence[tuple[str, str]]
    release_id: str
    audience: str
    figures_to: str
    is_synthetic: bool

    @property
    def name(self) -> str:
        """The unit and the period."""
        return f"{self.unit}, {self.period}"


def report(
    release: Release,
    place: Place,
    when: When,
    language: Language = "nb",
    template: Template | None = None,
) -> Report:
    """The report of a unit.

    Raises:
        TemplateError: there is no template for such a unit, or it asks for what there is not.
        QueryError: the unit has no figures in the period.
    """
    known = dimensions(release)
    template = template or template_for(place.level, _kind(release, place))
    if template is None:
        raise TemplateError(
            f"Det er ingen mal for nivået {place.level}. / There is no template for {place.level}."
        )
    check(template, known)
    say = Speech(language)
    found = {
        (figure.row["kpi_id"], figure.row["segment"]): figure
        for figure in figures.of_unit(release, place, when)
    }
    chosen = {part: _chosen(keys, found) for part, keys in template.sections.items()}
    if not any(chosen.values()):
        raise TemplateError(
            f"{place.name} har ingen tall for {label(when.grain, when.start)}. / "
            f"{place.name} has no figures for {label(when.grain, when.start)}."
        )
    everything = [figure for part in chosen.values() for figure in part]
    ending = last_date(when.grain, when.start).replace(day=1)
    running = {
        grain: {
            (figure.row["kpi_id"], figure.row["segment"]): figure
            for figure in figures.of_unit(release, place, When(grain, ending))
        }
        for grain in RUNNING
    }
    names = {part: names for part, names, _ in PARTS}
    return Report(
        language,
        say.of(template.title),
        place.name,
        say.period(when.grain, when.start),
        _summary(say, everything),
        [
            Section(say.of(names[part]), [_line(say, figure, running) for figure in part_figures])
            for part, part_figures in chosen.items()
            if part_figures
        ],
        [
            chart
            for figure in _chosen(template.charts, found)
            if (chart := _chart(release, say, place, figure)) is not None
        ],
        [_line(say, figure, running) for figure in everything if figure.needs_a_look],
        list(dict.fromkeys(_definition(say, figure) for figure in everything)),
        release.release_id,
        release.audience,
        str(release.metadata.get("period_end") or ""),
        bool(release.metadata.get("is_synthetic")),
    )


def _kind(release: Release, place: Place) -> str | None:
    rows = release.rows(
        "select unit_kind from units where level = ? and unit_id = ?",
        [place.level, place.unit_id],
    )
    return None if not rows or rows[0]["unit_kind"] is None else str(rows[0]["unit_kind"])


def _chosen(keys: Sequence[Key], found: dict[Key, Figure]) -> list[Figure]:
    return [
        figure
        for kpi_id, segment in keys
        for key, figure in found.items()
        if key[0] == kpi_id and segment in (ANY, key[1])
    ]


def _line(say: Speech, figure: Figure, running: Mapping[str, Mapping[Key, Figure]]) -> Line:
    row = figure.row
    key = row["kpi_id"], row["segment"]
    judged = (
        say.field(row, "verdict_nb", "verdict_en"),
        # That there are too few periods for a signal is no news of a unit.
        say.field(row, "trend_nb", "trend_en") if row["xmr_lower"] is not None else "",
        f"{say(row['assurance']).capitalize()}." if row["assurance"] else "",
    )
    return Line(
        _name(say, figure),
        shown_of(say, row) or say(str(row["status"])),
        ", ".join(notes_of(say, row)),
        "" if row["target"] is None else say.number(row["target"], str(row["measure_unit"])),
        "" if figure.last_year is None else shown_of(say, figure.last_year),
        _with_notes(say, running["ytd"].get(key)),
        _with_notes(say, running["rolling12"].get(key)),
        " ".join(text for text in judged if text),
        figure.needs_a_look,
    )


def _with_notes(say: Speech, figure: Figure | None) -> str:
    if figure is None or figure.row["status"] == "no_data":
        return ""
    notes = ", ".join(notes_of(say, figure.row))
    shown = shown_of(say, figure.row)
    return f"{shown} ({notes})" if notes else shown


def _definition(say: Speech, figure: Figure) -> tuple[str, str]:
    definition = figure.definition
    return (
        say.field(definition, "name_nb", "name_en"),
        f"{say.field(definition, 'definition_nb', 'definition_en')} "
        f"{say(str(definition['direction']))}",
    )


def _name(say: Speech, figure: Figure) -> str:
    segment = figure.row["segment"]
    words = say.of(SEGMENTS.get(segment, (segment, segment)))
    name = say.field(figure.definition, "name_nb", "name_en")
    return f"{name}, {words}" if words and words not in name else name


def _chart(release: Release, say: Speech, place: Place, figure: Figure) -> Chart | None:
    row = figure.row
    last = When(row["period_grain"], row["period_start"])
    wanted = figures.series_query(row["kpi_id"], row["segment"], place, last)
    rows = figures.rows_of(release, wanted)
    drawn = chart_of_series(say, figure.definition, place, rows, events(say, release, rows))
    if not drawn.svg:
        return None
    return Chart(
        _name(say, figure),
        drawn.svg,
        drawn.caption,
        [(label(last.grain, one["period_start"]), shown_of(say, one)) for one in rows],
    )


def _summary(say: Speech, everything: Sequence[Figure]) -> list[str]:
    """Sentences that count: against similar units, against targets, over time."""
    judged = [f for f in everything if f.row["verdict"] in ("better", "worse", "as_expected")]
    better = [f for f in judged if f.row["verdict"] == "better"]
    worse = [f for f in judged if f.row["verdict"] == "worse"]
    aimed = [f for f in everything if f.row["target"] is not None and f.row["value"] is not None]
    met = [f for f in aimed if _is_met(f)]
    concern = [f for f in everything if f.row["signal_direction"] == "concern"]
    gain = [f for f in everything if f.row["signal_direction"] == "improvement"]
    hidden = [f for f in everything if f.row["status"] == "suppressed"]
    partial = [f for f in everything if f.row["is_partial"]]
    said = []
    if judged:
        said.append(say.of((
            f"Mot lignende enheter er {len(judged) - len(better) - len(worse)} av {len(judged)} "
            f"tall som ventet, {len(better)} bedre og {len(worse)} dårligere"
            f"{_listed(say, ' (dårligere: ', worse)}.",
            f"Against similar units {len(judged) - len(better) - len(worse)} of {len(judged)} "
            f"figures are as expected, {len(better)} better and {len(worse)} worse"
            f"{_listed(say, ' (worse: ', worse)}.",
        )))  # fmt: skip
    if aimed:
        missed = [f for f in aimed if f not in met]
        said.append(say.of((
            f"{len(met)} av {len(aimed)} mål er nådd{_listed(say, ' (ikke nådd: ', missed)}.",
            f"{len(met)} of {len(aimed)} targets are met{_listed(say, ' (missed: ', missed)}.",
        )))  # fmt: skip
    if concern or gain:
        said.append(say.of((
            f"Over tid er det mer enn tilfeldig endring til det verre i {len(concern)} tall"
            f"{_listed(say, ' (', concern)} og til det bedre i {len(gain)}"
            f"{_listed(say, ' (', gain)}.",
            f"Over time {len(concern)} figures have become worse by more than chance"
            f"{_listed(say, ' (', concern)} and {len(gain)} better{_listed(say, ' (', gain)}.",
        )))  # fmt: skip
    if partial:
        said.append(say.of((
            f"{len(partial)} tall er fra en ufullstendig periode.",
            f"{len(partial)} figures are of a partial period.",
        )))  # fmt: skip
    if hidden:
        said.append(say.of((
            f"{len(hidden)} tall er skjult fordi de er små eller kunne røpe små tall.",
            f"{len(hidden)} figures are hidden, as they are small or could reveal small ones.",
        )))  # fmt: skip
    return said


def _is_met(figure: Figure) -> bool:
    value, target = float(figure.row["value"]), float(figure.row["target"])
    return value >= target if figure.definition["direction"] == "up" else value <= target


def _listed(say: Speech, begin: str, found: Sequence[Figure]) -> str:
    return f"{begin}{'; '.join(_name(say, figure) for figure in found)})" if found else ""
