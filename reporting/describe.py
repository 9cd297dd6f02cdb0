"""What goes along with exported figures: definitions, versions, breaks, statuses, the release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reporting.columns import COLUMNS, PART_COLUMNS, PARTIAL, PROVISIONAL, STATUSES
from reporting.dimensions import dimensions
from reporting.hiding import in_words
from reporting.metrics import BREAK_COLUMNS, break_rows
from reporting.query import KpiQuery
from reporting.reader import Release

if TYPE_CHECKING:
    import polars as pl

DEFINITION = (
    "kpi_id",
    "version",
    "name_nb",
    "name_en",
    "definition_nb",
    "definition_en",
    "formula",
    "numerator_nb",
    "numerator",
    "denominator_nb",
    "denominator",
    "exclusions_nb",
    "exclusions",
    "unit",
    "direction",
    "target",
    "target_source",
    "valid_from",
    "in_force_from",
    "in_force_before",
    "owner",
    "status",
    "status_reason",
)
_SERIES = ("kpi_id", "kpi_version", "segment", "level", "unit_id")


def brief(release: Release) -> dict[str, Any]:
    """What a reader must be told even where nothing is explained."""
    return {
        "release_id": release.release_id,
        "audience": release.audience,
        "is_synthetic": bool(release.metadata.get("is_synthetic")),
    }


def describe(
    release: Release, frame: pl.DataFrame, query: str, *, rows_in_all: int | None = None
) -> dict[str, Any]:
    """Everything that a reader of the exported rows needs beside them, ready for JSON."""
    rows = frame.height if rows_in_all is None else rows_in_all
    policy = dict(release.metadata.get("suppression") or {})
    return {
        **brief(release),
        "created_at": release.metadata.get("created_at"),
        "content_hash": release.metadata.get("content_hash"),
        "period_start": release.metadata.get("period_start"),
        "period_end": release.metadata.get("period_end"),
        "query": query,
        "row_count": frame.height,
        "row_count_in_all": rows,
        "is_complete": frame.height == rows,
        "kpis": _kpis(release, frame),
        "breaks": _breaks(release, frame),
        "statuses": _statuses(frame),
        "periods": _periods(frame),
        "suppression": policy,
        "hidden": in_words(policy, _families(release, frame)),
        "columns": [
            {"name": name, "heading_nb": known.nb, "nb": known.meaning_nb, "en": known.meaning_en}
            if (known := COLUMNS.get(name) or PART_COLUMNS.get(name))
            else {"name": name}
            for name in frame.columns
        ],
    }


def definitions(release: Release, kpis: Sequence[tuple[str, int]]) -> list[dict[str, Any]]:
    """The definition of each KPI and version, in that order."""
    known = dimensions(release)
    found = []
    for kpi_id, version in kpis:
        if kpi_id not in known.kpis:
            continue
        row = dict(known.definition(kpi_id, version))
        for period in known.in_force(kpi_id):
            if period.number == version:
                row["in_force_from"], row["in_force_before"] = period.first, period.before
        found.append({name: _plain(row.get(name)) for name in DEFINITION})
    return found


def _families(release: Release, frame: pl.DataFrame) -> set[str] | None:
    """The families of the KPIs in the rows; None where the rows are not about KPIs."""
    if "kpi_id" not in frame.columns:
        return None
    known = dimensions(release).kpis
    ids = frame["kpi_id"].unique().drop_nulls().to_list()
    return {str(known[kpi][-1].get("relation")) for kpi in ids if kpi in known}


def _kpis(release: Release, frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Per KPI and version in the rows: the definition, and its coverage here."""
    import polars as pl

    if "kpi_id" not in frame.columns:
        return []
    if "kpi_version" not in frame.columns:
        known = dimensions(release).kpis
        present = [kpi for kpi in frame["kpi_id"].unique().sort().to_list() if kpi in known]
        return definitions(release, [(kpi, known[kpi][-1]["version"]) for kpi in present])
    keys = frame.select("kpi_id", "kpi_version").unique().drop_nulls().sort(pl.all())
    found = definitions(release, [(str(kpi), int(version)) for kpi, version in keys.iter_rows()])
    if "coverage" in frame.columns:
        coverage = {
            (kpi, version): (low, middle)
            for kpi, version, low, middle in frame.group_by("kpi_id", "kpi_version")
            .agg(pl.col("coverage").min().alias("low"), pl.col("coverage").median().alias("mid"))
            .iter_rows()
        }
        for row in found:
            low, middle = coverage[(row["kpi_id"], row["version"])]
            row["coverage_lowest"], row["coverage_median"] = low, middle
    return found


def _breaks(release: Release, frame: pl.DataFrame) -> list[dict[str, Any]]:
    """The breaks of the series that are in the rows."""
    import polars as pl

    if not set(_SERIES) <= set(frame.columns):
        return []
    series = frame.select(_SERIES).unique().drop_nulls()
    wanted = KpiQuery(kpis=series["kpi_id"].unique().to_list())
    rows = break_rows(release, wanted) if series.height else []
    if not rows:
        return []
    breaks = pl.DataFrame(rows, schema=dict.fromkeys(BREAK_COLUMNS), infer_schema_length=None)
    breaks = breaks.with_columns(pl.col("kpi_version").cast(series.schema["kpi_version"]))
    touched = breaks.join(series, on=list(_SERIES), how="semi")
    found = [{key: _plain(value) for key, value in row.items()} for row in touched.to_dicts()]
    # A break that is planned after the last day with figures has not touched them yet.
    last = release.metadata.get("period_end")
    return [row for row in found if not last or str(row["break_date"]) <= str(last)]


def _statuses(frame: pl.DataFrame) -> list[dict[str, Any]]:
    counts: Mapping[str, int] = {}
    if "status" in frame.columns:
        counts = dict(frame.group_by("status").len().iter_rows())
    return [
        {"status": status, "rows": counts.get(status, 0), "nb": nb, "en": en}
        for status, (nb, en) in STATUSES.items()
        if counts.get(status) or status in ("ok", "suppressed", "no_data")
    ]


def _periods(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """How many rows are of a part of their period, and of one that is not settled."""
    import polars as pl

    found = []
    for column, marked, heading, (nb, en) in (
        ("is_partial", pl.col("is_partial"), "Ufullstendig / partial", PARTIAL),
        ("maturity", pl.col("maturity") == "provisional", "Foreløpig / provisional", PROVISIONAL),
    ):
        rows = frame.filter(marked).height if column in frame.columns else 0
        if rows:
            found.append({"heading": heading, "rows": rows, "nb": nb, "en": en})
    return found


def _plain(value: object) -> object:
    """Dates as text; the rest as it is."""
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
