"""Keys of figures as numbers: comparing columns of text for a million rows takes long."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from orchestration.disclosure.periods import NONE, Ints
from reporting.columns import KEY

_TEXTS = {
    name: pl.Categorical(pl.Categories(name, "figures"))
    for name in ("kpi_id", "segment", "period_grain", "level", "unit_id")
}


def coded(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with the texts of its keys as categories, the same ones for every frame."""
    return frame.cast({name: kind for name, kind in _TEXTS.items() if name in frame.columns})


def plain(frame: pl.DataFrame) -> pl.DataFrame:
    """The inverse of `coded`."""
    return frame.cast({name: pl.String for name in _TEXTS if name in frame.columns})


def numbered(frames: Sequence[pl.DataFrame], **numbers: Sequence[str]) -> list[pl.DataFrame]:
    """Coded frames with a column more per set of key columns: equal where the key is."""
    names = [name for name in KEY if any(name in key for key in numbers.values())]
    codes = {name: pl.col(name).to_physical().cast(pl.Int64) for name in names}
    most = pl.concat([frame.select(code.max() for code in codes.values()) for frame in frames])
    sizes = {name: int(str(most[name].max() or 0)) + 1 for name in names}
    found = {}
    for number, key in numbers.items():
        found[number] = pl.lit(0, dtype=pl.Int64)
        for name in key:
            found[number] = found[number] * sizes[name] + codes[name]
    return [frame.with_columns(**found) for frame in frames]


def lines_of(frame: pl.DataFrame, names: Sequence[str], keys: Sequence[tuple[object, ...]]) -> Ints:
    """Which of some keys each row of a frame has; NONE where it has none of them."""
    lines = pl.DataFrame(keys, schema=list(names), orient="row").cast(
        {name: frame.schema[name] for name in names}
    )
    found: Ints = (
        frame.select(names)
        .join(lines.with_row_index("_line"), on=names, how="left", maintain_order="left")["_line"]
        .cast(pl.Int64)
        .fill_null(NONE)
        .to_numpy()
    )
    return found


def at_lines(keys: Sequence[tuple[object, ...]], names: Sequence[str], lines: Ints) -> pl.DataFrame:
    """Some of the keys, one per line asked for."""
    return pl.DataFrame(keys, schema=list(names), orient="row")[lines]
