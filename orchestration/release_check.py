"""What can be wrong with a release, from its files alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from orchestration import atomic, release_content
from orchestration.canonical import hash_ordered, ordered
from orchestration.disclosure.limits import shown_from
from orchestration.release_files import CHECKSUMS, DATABASE, sha256
from orchestration.suppression import HIDDEN_COLUMNS, SUPPRESSED, SuppressionPolicy, too_small
from reporting.audience import OPEN


def problems_of(folder: Path, metadata: Mapping[str, Any]) -> list[str]:
    """Everything wrong with a release: files, row counts, content hash, small numbers."""
    import duckdb

    checksums = atomic.read_json(folder / CHECKSUMS)
    if not isinstance(checksums, dict):
        return [f"{CHECKSUMS} is missing or unreadable"]
    problems = []
    present = {path.name for path in folder.iterdir()} - {CHECKSUMS}
    problems += [f"{name} is missing" for name in sorted(set(checksums) - present)]
    problems += [f"{name} is not part of the release" for name in sorted(present - set(checksums))]
    problems += [
        f"{name} has changed"
        for name in sorted(present & set(checksums))
        if sha256(folder / name) != checksums[name]
    ]
    if problems:
        return problems
    tables: dict[str, pl.DataFrame] = {}
    connection = duckdb.connect(str(folder / DATABASE), read_only=True)
    try:
        for name, stated in metadata["tables"].items():
            tables[name] = pl.read_parquet(folder / f"{name}.parquet")
            in_database = connection.execute(f'select count(*) from "{name}"').fetchall()
            counts = {"parquet": tables[name].height, "duckdb": in_database[0][0]}
            problems += [
                f"{name}: {count} rows in {where}, {stated['rows']} stated"
                for where, count in counts.items()
                if count != stated["rows"]
            ]
        values = connection.sql("select * from kpi_values").pl()
    finally:
        connection.close()
    policy = SuppressionPolicy.from_description(dict(metadata["suppression"]))
    problems += suppression_problems(to_pass_on(values), tables["kpi_registry"], policy)
    problems += _rights(folder, str(metadata.get("audience") or OPEN))
    order = metadata.get("row_order", release_content.FIRST_KPI_KEY)
    if hash_content(tables, order) != metadata["content_hash"]:
        problems.append("the content hash does not match the tables")
    if hash_content({"kpi_values": values}) != hash_content({"kpi_values": tables["kpi_values"]}):
        problems.append("kpi_values differs between Parquet and DuckDB")
    return problems


def to_pass_on(values: pl.DataFrame) -> pl.DataFrame:
    """The figures that are not for one audience only: those that everyone may see."""
    if "is_small" not in values.columns:
        return values
    return values.filter(~pl.col("is_small")).drop("is_small")


def _rights(folder: Path, audience: str) -> list[str]:
    """Others than the owner who may read what is not for everyone."""
    if audience == OPEN or os.name != "posix":
        return []
    paths = (folder, folder.parent, *folder.iterdir())
    found = [path.name for path in paths if stat.S_IMODE(path.stat().st_mode) & 0o077]
    return [f"{name} can be read by others than its owner" for name in sorted(found)]


def suppression_problems(
    values: pl.DataFrame, registry: pl.DataFrame, policy: SuppressionPolicy
) -> list[str]:
    """Small numbers that are visible, and hidden cells that still carry a number."""
    keys = pl.Schema({name: values.schema[name] for name in ("kpi_id", "kpi_version")})
    kinds = release_content.kpi_kinds(registry).cast(keys, strict=False)
    joined = values.join(kinds, on=list(keys), how="left").with_columns(
        pl.col("status").cast(pl.String)
    )
    visible = joined.filter((pl.col("status") != SUPPRESSED) & too_small(policy)).height
    extreme = joined.filter(_shows_extreme(kinds, policy)).height
    hidden = joined.filter(pl.col("status") == SUPPRESSED)
    leaking = hidden.filter(pl.any_horizontal(pl.col(*HIDDEN_COLUMNS).is_not_null())).height
    return [
        *([f"{visible} cells show a small number"] if visible else []),
        *([f"{extreme} limits are too near single observations"] if extreme else []),
        *([f"{leaking} suppressed cells still carry a number"] if leaking else []),
    ]


def _shows_extreme(kinds: pl.DataFrame, policy: SuppressionPolicy) -> pl.Expr:
    """Limits of percentiles with too few observations beyond them."""
    percentiles = kinds.select("percentile", "sensitivity").drop_nulls("percentile").unique()
    found = pl.lit(False)
    for percentile, sensitivity in percentiles.sort(pl.all()).iter_rows():
        at_levels = policy.too_small[sensitivity].at
        elsewhere = ~pl.col("level").is_in(list(at_levels))
        places = [(pl.col("level") == level, level) for level in at_levels]
        for there, level in [(elsewhere, ""), *places]:
            beyond = policy.of(sensitivity, level).min_beyond_percentile
            here = there & (pl.col("percentile") == percentile)
            here &= pl.col("sensitivity") == sensitivity
            for side, least in zip(("lower", "upper"), shown_from(percentile, beyond), strict=True):
                found |= here & pl.col(side).is_not_null() & (pl.col("n") < least)
    return found


def hash_content(
    tables: Mapping[str, pl.DataFrame], kpi_key: Sequence[str] = release_content.KPI_KEY
) -> str:
    """A hash of what the tables say, whatever the order of their rows."""
    content = {n: t for n, t in tables.items() if n not in release_content.NOT_CONTENT}
    return hash_ordered(in_order(content, kpi_key))


def in_order(
    tables: Mapping[str, pl.DataFrame], kpi_key: Sequence[str] = release_content.KPI_KEY
) -> dict[str, pl.DataFrame]:
    return {
        name: ordered(frame, release_content.key_of(name, frame, kpi_key))
        for name, frame in tables.items()
    }
