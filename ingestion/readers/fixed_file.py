"""Fixed width: each column is the characters from a first to a last one of a line."""

from __future__ import annotations

import polars as pl

from ingestion.errors import FileRefusedError
from ingestion.readers.lines import (
    blank,
    count_records,
    ends_with_cr,
    line_start,
    no_final_line_end,
    split_lines,
)
from ingestion.readers.raw import (
    FAULTS_TOLD,
    NO_FINAL_NEWLINE,
    ROW_NUMBER,
    ROW_UNREADABLE,
    RawFile,
    check_count,
    check_size,
    ids_recur,
    numbered,
    refuse_missing,
)
from ingestion.sources.spec import SourceSpec


def read_fixed(
    payload: bytes, spec: SourceSpec, renames: dict[str, str], *, hashed: bool = False
) -> RawFile:
    """Read UTF-8 lines of fixed width into text columns, blanks around the values and all.

    There is no line of names: the `header_row - 1` first lines are skipped. A line that ends before
    the last required column does, or has text after the last column, is a broken record.

    Args:
        renames: names in `format.fields` to the names that the source uses.
        hashed: give `record_hash` also when no id recurs (several members are compared).

    Raises:
        FileRefusedError: no line at all, or a mapped column that `format.fields` does not place.
    """
    if ends_with_cr(payload, quoted=False):
        payload = payload.replace(b"\r", b"\n")
    fields = {renames.get(name, name): span for name, span in spec.format.fields.items()}
    required = spec.required_raw_columns()
    refuse_missing(
        (name for name in required if name not in fields),
        [name for name in fields if name not in spec.raw_columns()],
    )
    start = line_start(payload, spec.format.header_row)
    if start is None:
        if payload and spec.format.header_row > 1:
            start = len(payload)
        else:
            raise FileRefusedError("FILE_EMPTY", "filen har ingen linjer", "there are no lines")
    records = pl.DataFrame({"line": pl.Series(split_lines(payload, start), dtype=pl.String)})
    records = (
        records.filter(~blank(records["line"]))
        .with_columns(pl.col("line").str.strip_chars_end("\r"))
        .with_row_index(ROW_NUMBER, offset=1)
        .with_columns(pl.col(ROW_NUMBER).cast(pl.Int64))
    )
    check_size(records.height, len(fields))
    check_count(records.height, count_records(payload, start))
    shortest = max((fields[name][1] for name in required), default=1)
    longest = max(last for _, last in fields.values())
    line = pl.col("line")
    whole = records.select(
        (line.str.len_chars() >= shortest)
        & (line.str.slice(longest).str.strip_chars() == "")
        & ~line.str.contains("\r", literal=True)
    ).to_series()
    good, broken = records.filter(whole), records.filter(~whole)
    size = f"{shortest}-{longest}" if shortest < longest else f"{longest}"
    lengths = broken.head(FAULTS_TOLD).select(ROW_NUMBER, line.str.len_chars())
    frame = numbered(
        good.select(
            line.str.slice(first - 1, last - first + 1).replace("", None).alias(name)
            for name, (first, last) in fields.items()
            if name in spec.raw_columns()
        ),
        spec,
    ).with_columns(good[ROW_NUMBER])
    return RawFile(
        frame[[*spec.raw_columns(), ROW_NUMBER]],
        tuple((number, ROW_UNREADABLE) for number in broken[ROW_NUMBER]),
        record_hash=(
            good["line"].str.strip_chars_end(" ").hash().alias("record_hash")
            if hashed or ids_recur(frame, spec)
            else None
        ),
        findings={NO_FINAL_NEWLINE: 1} if no_final_line_end(payload) else {},
        faults={
            number: (
                f"{length} tegn, ventet {size}",
                f"{length} characters, expected {size}",
            )
            for number, length in lengths.iter_rows()
        },
    )
