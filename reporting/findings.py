"""Data quality as a release tells it: grades per source, what is wrong, and what can be linked.

Everything comes from the tables `data_readiness`, `readiness_grades`, `readiness_findings`,
`kpi_breaks` and `units` of a release, so every page says the same wherever it is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from reporting.reader import Release

# nb and en; the order is that of the pages.
DIMENSIONS: Mapping[str, tuple[str, str]] = {
    "delivered": ("Levert", "Delivered"),
    "timeliness": ("Tidsnok", "On time"),
    "completeness": ("Komplett", "Complete"),
    "conformity": ("Riktig form", "Conformity"),
    "plausibility": ("Troverdig", "Plausible"),
    "linkability": ("Kan kobles", "Can be linked"),
    "comparability": ("Kan sammenlignes", "Comparable"),
}
# The steps of the chain: record type and field of the reference, from, to.
STEPS: Mapping[tuple[str, str], tuple[str, str]] = {
    ("call", "parent_call_id"): (
        "Anrop 116117 overført til 113 → anropet hos AMK",
        "116117 call transferred to 113 → the call at the AMK",
    ),
    ("call", "chain_id"): (
        "Anrop med kjede-ID → ambulanseoppdrag",
        "Call with chain id → ambulance mission",
    ),
    ("alarm", "incident_id"): (
        "Akutt ambulanseoppdrag → minst ett anrop",
        "Urgent ambulance mission → at least one call",
    ),
    ("video_session", "call_source_id"): ("Videoøkt → anrop", "Video session → call"),
    ("lat_request", "alarm_source_id"): (
        "Luftambulanse som rykket ut → ambulanseoppdrag",
        "Air ambulance that set out → ambulance mission",
    ),
}
# Dimensions shown by all their measures: none of them decides a unit's grade alone.
_SHOWN_WHOLE = ("linkability", "comparability")
_ENOUGH_DAYS = 28


@dataclass(frozen=True)
class Period:
    """The calendar year a page is about."""

    start: date

    @property
    def label(self) -> str:
        return str(self.start.year)


class NoReadinessError(RuntimeError):
    """The release has no readiness tables."""


def latest_period(release: Release) -> Period:
    """The newest year with at least four weeks of data; the newest where there is none."""
    years = release.sql(
        "select period_start, max(whole) as days from data_readiness"
        " where period_grain = 'year' and level = 'source' and measure = 'days_delivered'"
        " group by period_start order by period_start desc"
    )
    if years.is_empty():
        raise NoReadinessError(
            "Utgivelsen har ingen tall om datakvalitet. / "
            "The release has no figures of data quality."
        )
    enough = years.filter(pl.col("days") >= _ENOUGH_DAYS)
    return Period((enough if enough.height else years)["period_start"][0])


def matrix(release: Release, period: Period) -> pl.DataFrame:
    """source, contract and one grade per dimension: the worst of its measures."""
    graded = _graded(_of_sources(release, period))
    worst = graded.group_by("contract", "source", "dimension").agg(pl.col("grade").max())
    wide = worst.pivot(on="dimension", index=["contract", "source"], values="grade")
    names = [
        pl.col(name) if name in wide.columns else pl.lit(None, dtype=pl.String).alias(name)
        for name in DIMENSIONS
    ]
    return wide.select("source", "contract", *names).sort("contract", "source")


def deciding(release: Release, source: str, period: Period) -> pl.DataFrame:
    """Per dimension of a source: the grade, and the measure and field that decide it."""
    rows = _graded(_of_sources(release, period).filter(pl.col("source") == source))
    order = {name: position for position, name in enumerate(DIMENSIONS)}
    return (
        rows.with_columns(
            pl.col("dimension").replace_strict(order, default=None).alias("order"),
            pl.col("value").fill_null(100.0).alias("sort_value"),
        )
        .sort(
            "order",
            "grade",
            "sort_value",
            "measure",
            "field",
            descending=[False, True, False, False, False],
        )
        .unique("dimension", keep="first", maintain_order=True)
        .select(
            "dimension", "grade", "measure", "field", "value", "row_band", "reason_nb", "reason_en"
        )
    )


def findings(release: Release, source: str | None = None) -> pl.DataFrame:
    """Findings of one source or all: the worst grades first."""
    frame = release.table("readiness_findings")
    if source is not None:
        frame = frame.filter(pl.col("source") == source)
    return frame.sort(
        "source", "grade", "value", "code", "field",
        descending=[False, True, False, False, False], nulls_last=True,
    )  # fmt: skip


def examples(row: Mapping[str, Any]) -> list[str]:
    """Up to three places where a finding is seen: file and row, or the file alone."""
    return [
        f"{row[f'example_{position}_file']}"
        + ("" if row[f"example_{position}_row"] is None else f":{row[f'example_{position}_row']}")
        for position in (1, 2, 3)
        if row[f"example_{position}_file"] is not None
    ]


def weak_units(release: Release, source: str, period: Period) -> pl.DataFrame:
    """Centrals or bases of a source with grade C or D in the period, and why."""
    return release.sql(
        """
        select distinct g.unit_id, coalesce(u.unit_name, g.unit_id) as unit_name, g.grade,
            g.reason_nb, g.reason_en
        from readiness_grades as g
        inner join data_readiness as r
            on r.contract = g.contract and r.level = g.level and r.unit_id = g.unit_id
            and r.period_grain = g.period_grain and r.period_start = g.period_start
        left join units as u on u.level = g.level and u.unit_id = g.unit_id
        where r.source = ? and g.level in ('central', 'base') and g.period_grain = 'year'
            and g.period_start = ? and g.grade in ('C', 'D')
        order by g.grade desc, unit_name, g.unit_id
        """,
        [source, period.start],
    ).unique(["unit_id"], keep="first", maintain_order=True)


def months(release: Release, source: str) -> pl.DataFrame:
    """Days delivered, and of how many, per month of a source."""
    return release.sql(
        "select period_start as month, part as days_delivered, whole as days, grade"
        " from data_readiness where level = 'source' and source = ? and period_grain = 'month'"
        " and measure = 'days_delivered' order by period_start",
        [source],
    )


def steps(release: Release, period: Period) -> pl.DataFrame:
    """Per step of the chain and source: share of rows with a reference, and share linked."""
    rows = _of_sources(release, period).filter(pl.col("dimension") == "linkability")
    wide = rows.group_by("contract", "field", "source").agg(
        *(
            pl.col(column).filter(pl.col("measure") == measure).first().alias(f"{name}_{column}")
            for measure, name in (("has_reference", "reference"), ("is_linked", "linked"))
            for column in ("value", "grade")
        )
    )
    named = [
        {"contract": contract, "field": field, "order": position, "step_nb": nb, "step_en": en}
        for position, ((contract, field), (nb, en)) in enumerate(STEPS.items())
    ]
    return (
        pl.DataFrame(named)
        .join(wide, on=["contract", "field"], how="inner")
        .sort("order", "source")
        .drop("order")
    )


def link_methods(release: Release) -> pl.DataFrame:
    """Per step of the chain, for the country: links by identifier and by time, in per cent.

    Of the newest period that is released, a year if there is one.
    """
    if "chain_link_methods" not in release.metadata["tables"]:
        return pl.DataFrame()
    national = release.sql(
        "select step, period_grain, period_start, identifier_percent, time_window_percent"
        " from chain_link_methods where level = 'national'"
    )
    for grain in ("year", "quarter", "month"):
        rows = national.filter(pl.col("period_grain") == grain)
        if rows.height:
            return rows.filter(pl.col("period_start") == pl.col("period_start").max()).sort("step")
    return national


def breaks(release: Release) -> pl.DataFrame:
    """Breaks in the series by kind: how many units, from when to when, and an example."""
    if "kpi_breaks" not in release.metadata["tables"]:
        return pl.DataFrame()
    return release.sql(
        """
        select kind, contract, count(distinct unit_id) as units, min(break_date) as first_date,
            max(break_date) as last_date,
            arg_min(text_nb, concat(break_date, unit_id, kpi_id)) as text_nb,
            arg_min(text_en, concat(break_date, unit_id, kpi_id)) as text_en
        from kpi_breaks
        group by kind, contract
        order by kind, contract
        """
    )


def segments_apart(release: Release, period: Period) -> pl.DataFrame:
    """Record types that come from several systems, with the band of rows of each."""
    return release.sql(
        """
        select contract, unit_id as source_system, row_band, grade
        from data_readiness
        where level = 'source_system' and period_grain = 'year' and period_start = ?
            and measure = 'within_48h'
        order by contract, unit_id
        """,
        [period.start],
    )


def source_names(release: Release) -> list[tuple[str, str]]:
    """Every source of the release and its record type."""
    return [
        (str(row[0]), str(row[1]))
        for row in release.sql(
            "select distinct source, contract from data_readiness where level = 'source'"
            " order by contract, source"
        ).iter_rows()
    ]


def answer(release: Release, period: Period) -> dict[str, Any]:
    """The study's question in numbers: sources that can be used, and steps that can be linked."""
    grades = matrix(release, period)
    usable = [name for name in DIMENSIONS if name not in _SHOWN_WHOLE]
    worst = grades.select(pl.max_horizontal(*(pl.col(name) for name in usable)).alias("worst"))[
        "worst"
    ]
    linked = steps(release, period)["linked_grade"]
    return {
        "sources": grades.height,
        "sources_good": int(worst.is_in(["A", "B"]).sum()),
        "sources_partly": int((worst == "C").sum()),
        "sources_poor": int((worst == "D").sum()),
        "steps": linked.drop_nulls().len(),
        "steps_linked": int(linked.is_in(["A", "B"]).sum()),
        "steps_partly": int((linked == "C").sum()),
        "steps_unlinked": int((linked == "D").sum()),
    }


def answer_words(release: Release, period: Period) -> tuple[str, str]:
    """The answer as a sentence, in bokmål and English."""
    c = answer(release, period)
    return (
        f"{c['sources_good']} av {c['sources']} kilder leverer data som kan brukes (A eller B i "
        f"alle dimensjoner som gjelder kilden selv), {c['sources_partly']} med forbehold (C) og "
        f"{c['sources_poor']} holder ikke (D). {c['steps_linked']} av {c['steps']} koblinger "
        f"mellom ledd holder (A eller B), {c['steps_partly']} delvis (C) og "
        f"{c['steps_unlinked']} ikke (D).",
        f"{c['sources_good']} of {c['sources']} sources deliver data that can be used (A or B in "
        f"every dimension of the source itself), {c['sources_partly']} with reservations (C) and "
        f"{c['sources_poor']} do not hold (D). {c['steps_linked']} of {c['steps']} links between "
        f"steps hold (A or B), {c['steps_partly']} in part (C) and {c['steps_unlinked']} do not "
        "(D).",
    )


def _of_sources(release: Release, period: Period) -> pl.DataFrame:
    return release.sql(
        "select * from data_readiness where level = 'source' and period_grain = 'year'"
        " and period_start = ?",
        [period.start],
    )


def _graded(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(
        pl.col("grade").is_not_null()
        & (pl.col("is_decisive") | pl.col("dimension").is_in(list(_SHOWN_WHOLE)))
    )
