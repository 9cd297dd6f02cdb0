"""What a source says of whole records before they are mapped: which are its own, and wide rows."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from ingestion.readers.raw import ROW_NUMBER, RawFile
from ingestion.sources.spec import SourceSpec
from ingestion.stamps import WHITE


def shaped(raw: RawFile, spec: SourceSpec) -> RawFile:
    """The records of the source, one row per unit.

    Records that `where` leaves out are counted, not lost. A wide row with several units becomes one
    row per unit that has any value; a wide row without units stays one row, to be rejected.
    """
    if spec.where or spec.where_not:
        raw = _own_records(raw, spec)
    if spec.explode:
        raw = _one_row_per_unit(raw, spec)
    return raw


def _own_records(raw: RawFile, spec: SourceSpec) -> RawFile:
    def text(name: str) -> pl.Expr:
        # Empty is a text too, so that records without a value can be told apart by ''.
        return pl.col(name).cast(pl.String).str.strip_chars(WHITE).fill_null("")

    kept = [text(name).is_in(texts) for name, texts in spec.where.items()]
    dropped = [text(name).is_in(texts) for name, texts in spec.where_not.items()]
    mask = raw.frame.select(
        pl.all_horizontal(*kept, *(~drop for drop in dropped)).alias("own")
    ).to_series()
    frame = raw.frame.filter(mask)
    numbers = set(frame[ROW_NUMBER])
    return replace(
        raw,
        frame=frame,
        record_hash=None if raw.record_hash is None else raw.record_hash.filter(mask),
        marks={code: [n for n in rows if n in numbers] for code, rows in raw.marks.items()},
        left_out=raw.left_out + raw.frame.height - frame.height,
    )


def _one_row_per_unit(raw: RawFile, spec: SourceSpec) -> RawFile:
    made = list(spec.explode[0])
    mapped = spec.mapped_columns()
    plain = [name for name in raw.frame.columns if name in mapped or name == ROW_NUMBER]
    plain = [name for name in plain if name not in made]
    source = raw.frame.with_row_index("_at")
    parts = [
        source.select(
            "_at",
            pl.lit(position).alias("_part"),
            *plain,
            *(pl.col(part[name]).alias(name) for name in made),
        )
        for position, part in enumerate(spec.explode)
    ]
    filled = pl.any_horizontal(
        pl.col(name).cast(pl.String).str.strip_chars(WHITE).fill_null("") != "" for name in made
    )
    units = [part.filter(filled) for part in parts]
    taken = pl.concat([unit["_at"] for unit in units]).unique()
    bare = parts[0].filter(~pl.col("_at").is_in(taken.implode()))
    rows = pl.concat([*units, bare], how="vertical_relaxed").sort("_at", "_part")
    record_hash = None
    if raw.record_hash is not None:
        record_hash = rows.select(
            pl.struct(raw.record_hash.gather(rows["_at"]).alias("h"), "_part")
        ).to_series()
    order = [name for name in mapped if name in rows.columns]
    return replace(raw, frame=rows.select(*order, ROW_NUMBER), record_hash=record_hash)
