"""Published figures beside ours: how far apart they are, and what is known of why.

The published ones are a table of the release (`official_figures`). Ours are those of a query, for
the same year where the release has it, else for its latest year, which the row then says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from reporting.query import KpiQuery
from reporting.query import query as run_query
from reporting.reader import Release

if TYPE_CHECKING:
    import polars as pl

TABLE = "official_figures"
WHOLE_YEAR = "year"
# What a row says about how ours can be held against theirs.
SAME, OTHER, PART, NONE = "same period", "other period", "part of a year", "no counterpart"
HIDDEN = "hidden or missing"
COMPARABLE = {
    SAME: "samme periode",
    OTHER: "annen periode",
    PART: "del av et år",
    NONE: "uten motstykke",
    HIDDEN: "skjult eller mangler",
}


class NoOfficialFiguresError(ValueError):
    """The release has no table of published figures."""


def reconcile(release: Release) -> pl.DataFrame:
    """One row per published figure, with ours beside it.

    Returns:
        `figure_nb`, `figure_en`, `publisher`, `level`, `unit_id`, `published_period`, `published`,
        `measure_unit`, `kpi_id`, `segment`, `our_period`, `ours`, `difference` (ours less theirs,
        in the unit of the figure), `difference_share` (of theirs), `comparable` and
        `comparable_nb`, `reason_nb`, `reason_en`.
    """
    import polars as pl

    if not release.has(TABLE):
        raise NoOfficialFiguresError(
            f"Utgivelse {release.release_id} har ingen publiserte tall; kjør `akutt run`. / "
            f"Release {release.release_id} holds no published figures; run `akutt run`."
        )
    rows = [_row(release, figure) for figure in release.rows(f"select * from {TABLE} order by all")]
    schema = {name: pl.Float64 if name in _NUMBERS else pl.String for name in _COLUMNS}
    return pl.DataFrame(rows, schema=schema, orient="row")


_NUMBERS = frozenset({"published", "ours", "difference", "difference_share"})
_COLUMNS = (
    "figure_nb",
    "figure_en",
    "publisher",
    "level",
    "unit_id",
    "published_period",
    "published",
    "measure_unit",
    "kpi_id",
    "segment",
    "our_period",
    "ours",
    "difference",
    "difference_share",
    "comparable",
    "comparable_nb",
    "reason_nb",
    "reason_en",
)


def _row(release: Release, figure: Mapping[str, Any]) -> dict[str, Any]:
    year = str(figure["year"])
    months = figure["months"]
    row = {name: figure.get(name) for name in _COLUMNS}
    row["published_period"] = year if months == WHOLE_YEAR else f"{year}-{months[:2]}..{months[3:]}"
    comparable, our_period, ours = NONE, None, None
    if figure["kpi_id"]:
        our_period, ours, is_partial = _ours(release, figure)
        same = our_period == year and months == WHOLE_YEAR
        comparable = SAME if same else OTHER
        if ours is None:
            comparable = HIDDEN
        elif is_partial:
            comparable = PART
    row |= {"our_period": our_period, "ours": ours, "comparable": comparable,
            "comparable_nb": COMPARABLE[comparable]}  # fmt: skip
    # A part of a year is no count of the year, while a share is one.
    if ours is not None and not (comparable == PART and figure["statistic"] == "numerator"):
        row["difference"] = ours - figure["published"]
        row["difference_share"] = row["difference"] / figure["published"]
    return row


def _ours(release: Release, figure: Mapping[str, Any]) -> tuple[str | None, float | None, bool]:
    """Our period, figure, and whether the period is not whole."""
    found = run_query(
        release,
        KpiQuery(
            kpis=(figure["kpi_id"],),
            levels=(figure["level"],),
            units=(figure["unit_id"],) if figure["unit_id"] else (),
            segments=(figure["segment"],),
            grain="year",
            with_no_data=False,
            limit=None,
        ),
    )
    years = sorted({start.year for start in found["period_start"]})
    if not years:
        return None, None, False
    year = figure["year"] if figure["year"] in years else years[-1]
    rows = [row for row in found.iter_rows(named=True) if row["period_start"].year == year]
    is_partial = any(row.get("is_partial") for row in rows)
    return str(year), _statistic(figure["statistic"], rows), is_partial


def _statistic(name: str, rows: list[dict[str, Any]]) -> float | None:
    column = "numerator" if name == "numerator" else "value"
    values = [row[column] for row in rows if row[column] is not None]
    if not values:
        return None
    match name.split("_"):
        case ["lowest"]:
            return float(min(values))
        case ["highest"]:
            return float(max(values))
        case ["units", "from", limit]:
            return float(sum(value >= float(limit) for value in values))
        case _:
            return float(values[0]) if len(values) == 1 else None


def as_table(frame: pl.DataFrame, *, english: bool = False) -> str:
    """Lines for a terminal: the figures as a table, and under it why they may differ."""
    from reporting.export import text_table
    from reporting.numbers import spaced

    tongue = "en" if english else "nb"

    def number(value: float | None) -> str:
        return "–" if value is None else spaced(value, 0 if abs(value) >= 1000 else 1)

    rows, reasons = [], []
    for at, row in enumerate(frame.iter_rows(named=True), start=1):
        share = row["difference_share"]
        rows.append(
            {
                "at": str(at),
                "figure": row[f"figure_{tongue}"],
                "unit_id": row["unit_id"] or row["level"],
                "publisher": row["publisher"],
                "published_period": row["published_period"],
                "published": f"{number(row['published'])} {_unit(row['measure_unit'])}".rstrip(),
                "our_period": row["our_period"] or "–",
                "ours": number(row["ours"]),
                "difference": "–" if share is None else f"{spaced(100 * share, 0)} %",
                "comparable": row["comparable" if english else "comparable_nb"],
            }
        )
        reasons.append(f"{at:>3}  {row[f'reason_{tongue}']}")
    headers = _HEADERS_EN if english else _HEADERS_NB
    right = ("at", "published", "ours", "difference")
    return "\n".join([*text_table(headers, rows, right), "", *reasons])


def _unit(unit: str) -> str:
    return "" if unit == "n" else unit


_HEADERS_NB = {
    "at": "nr.",
    "figure": "figur",
    "unit_id": "enhet",
    "publisher": "utgiver",
    "published_period": "periode",
    "published": "publisert",
    "our_period": "vår periode",
    "ours": "vårt tall",
    "difference": "avvik",
    "comparable": "grunnlag",
}
_HEADERS_EN = {
    "at": "no.",
    "figure": "figure",
    "unit_id": "unit",
    "publisher": "publisher",
    "published_period": "period",
    "published": "published",
    "our_period": "our period",
    "ours": "ours",
    "difference": "difference",
    "comparable": "basis",
}
