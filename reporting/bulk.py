"""A whole release as files for other tools: CSV, XLSX or Parquet, described for machines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from reporting.audience import OPEN, keep_private
from reporting.board import NothingToShowError, board
from reporting.datapackage import write_package
from reporting.describe import describe
from reporting.dimensions import QueryError, dimensions
from reporting.export import SHEET_ROWS, WORKBOOK_OPTIONS, dumped, write_about, write_sheet
from reporting.hiding import in_words
from reporting.numbers import spaced
from reporting.query import KpiQuery, query
from reporting.reader import Release

if TYPE_CHECKING:
    import polars as pl

FORMATS = ("csv", "xlsx", "parquet")
LAYOUTS = ("family", "table")
# Days and weeks are most of the rows, and few need all of them; running periods repeat the months.
DEFAULT_GRAINS = ("month", "quarter", "tertial", "year")
_BOARD_LEVELS = ("national", "region", "health_trust", "county", "central", "base")
_FIGURES = ("kpi_values", "kpi_comparisons", "kpi_trends")
_LONGEST_SHEET_NAME = 31
_METADATA = "metadata.json"


def export_release(
    release: Release,
    folder: Path,
    fmt: str = "csv",
    *,
    layout: Literal["family", "table"] | str = "family",
    grains: Sequence[str] = DEFAULT_GRAINS,
    say: Callable[[str], None] = lambda _: None,
) -> list[Path]:
    """Write the release into an empty folder; returns the files.

    By family: one file per family of KPIs with names, targets, breaks and comparison on each row,
    official versions only. By table: the tables as they are.
    """
    if fmt not in FORMATS:
        raise QueryError(f"format {fmt!r}: {', '.join(FORMATS)}")
    if layout not in LAYOUTS:
        raise QueryError(f"layout {layout!r}: {', '.join(LAYOUTS)}")
    if folder.exists() and any(folder.iterdir()):
        raise QueryError(f"{folder} er ikke tom / is not empty")
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[Path, Any] = {}
    abouts = []
    if layout == "family":
        for family, kpis in _families(release).items():
            frames = [_figures(release, kpis, grain) for grain in grains]
            frame = _stacked(frames)
            about = describe(release, frame, f"family {family}, {', '.join(grains)}")
            abouts.append(about)
            target = folder / f"kpi_values_{family}.{fmt}"
            _write_family(frame, fmt, about, target)
            files[target] = None if fmt == "xlsx" else frame.schema
            say(f"{target.name}: {spaced(frame.height)}")
            if fmt == "xlsx" and "month" in grains:
                files |= _write_board(release, family, kpis, folder, say)
    for name in sorted(set(release.columns) - {"release_info"}):
        if layout == "family" and name in _FIGURES:
            continue
        frame = _table(release, name, grains)
        target = folder / f"{name}.{fmt}"
        about = describe(release, frame, f"table {name}")
        if layout == "table" and name == "kpi_values":
            abouts.append(about)
        _write_family(frame, fmt, about, target)
        files[target] = None if fmt == "xlsx" else frame.schema
        say(f"{target.name}: {spaced(frame.height)}")
    (folder / _METADATA).write_text(dumped(_whole(release, abouts, grains)), encoding="utf-8")
    package = write_package(folder, release.metadata, files)
    keep_private([folder, *folder.iterdir()], release.audience)
    return [*files, folder / _METADATA, package]


def _write_board(
    release: Release,
    family: str,
    kpis: Sequence[str],
    folder: Path,
    say: Callable[[str], None],
) -> dict[Path, None]:
    """The same figures as a board reads them, without municipalities; nothing when none are."""
    target = folder / f"board_{family}.xlsx"
    try:
        target.write_bytes(board(release, KpiQuery(kpis=kpis, levels=_BOARD_LEVELS)))
    except NothingToShowError:
        return {}
    say(target.name)
    return {target: None}


def _families(release: Release) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for kpi_id, versions in dimensions(release).kpis.items():
        found.setdefault(str(versions[-1]["family"]), []).append(kpi_id)
    return found


def _figures(release: Release, kpis: Sequence[str], grain: str) -> pl.DataFrame:
    wanted = KpiQuery(kpis=kpis, grain=grain, peers=True, trends=True)
    frame = query(release, wanted)
    # A KPI without a source is one row in all, not one per grain.
    return frame if grain == DEFAULT_GRAINS[0] else frame.drop_nulls("period_start")


def _stacked(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    import polars as pl

    return pl.concat(frames)


def _table(release: Release, name: str, grains: Sequence[str]) -> pl.DataFrame:
    import polars as pl

    where = "true"
    if release.has(name, "period_grain"):
        where = f"period_grain in ({', '.join(repr(grain) for grain in grains)})"
    frame = release.sql(f'select * from "{name}" where {where}')
    # The open tables are as they are in the release; of others each file says whom it is for.
    is_open = release.audience == OPEN
    return frame if is_open else frame.with_columns(pl.lit(release.audience).alias("audience"))


def _write_family(frame: pl.DataFrame, fmt: str, about: dict[str, Any], target: Path) -> None:
    if fmt == "csv":
        frame.write_csv(target)
    elif fmt == "parquet":
        frame.write_parquet(
            target, metadata={name: about[name] for name in ("release_id", "audience")}
        )
    else:
        _write_workbook(frame, about, target)


def _write_workbook(frame: pl.DataFrame, about: dict[str, Any], target: Path) -> None:
    """A sheet per KPI, because a family has more rows than one sheet can hold."""
    import xlsxwriter

    with xlsxwriter.Workbook(target, {**WORKBOOK_OPTIONS, "in_memory": False}) as workbook:
        parts = {"Data": frame}
        if {"kpi_id", "period_start"} <= set(frame.columns) and frame.height:
            parts = {
                str(kpi): part
                for (kpi,), part in frame.partition_by(
                    "kpi_id", as_dict=True, maintain_order=True
                ).items()
            }
        for name, part in parts.items():
            if part.height > SHEET_ROWS:
                raise QueryError(
                    f"{name}: {spaced(part.height)} rader får ikke plass i et ark; velg CSV. / "
                    "rows do not fit in a sheet; choose CSV."
                )
            write_sheet(workbook, name[:_LONGEST_SHEET_NAME], part)
        write_about(workbook, about)


def _whole(
    release: Release, abouts: Sequence[dict[str, Any]], grains: Sequence[str]
) -> dict[str, Any]:
    """What the folder says about itself: the definitions and breaks of all its files."""
    first = abouts[0]
    kept = (
        *("release_id", "audience", "created_at", "content_hash", "period_start", "period_end"),
        "is_synthetic",
    )
    return {
        **{name: first[name] for name in kept},
        "grains": list(grains),
        "kpis": [kpi for about in abouts for kpi in about["kpis"]],
        "breaks": [row for about in abouts for row in about["breaks"]],
        "statuses": first["statuses"],
        "periods": first["periods"],
        "suppression": first["suppression"],
        "hidden": in_words(first["suppression"]),
        "columns": first["columns"],
        "release": dict(release.metadata),
    }
