"""The fast order is the plain order, and the hash sees content only."""

from __future__ import annotations

from datetime import date

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from orchestration.canonical import hash_ordered, ordered

TEXT = st.one_of(st.none(), st.text(alphabet="aAøÅ-_0 ", max_size=4))
ROWS = st.lists(
    st.tuples(TEXT, st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(-5, 2**40)),
    max_size=30,
)
SCHEMA = {"name": pl.String, "day": pl.Date, "count": pl.Int64}


@given(ROWS)
def test_packed_keys_order_rows_as_a_plain_sort_does(rows: list[tuple[object, ...]]) -> None:
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    key = ["name", "day", "count"]
    assert ordered(frame, key).equals(frame.sort(key, nulls_last=True))
    assert (
        ordered(frame, ["day", "name"])
        .select("day", "name")
        .equals(frame.sort("day", "name", nulls_last=True).select("day", "name"))
    )


@given(ROWS)
def test_the_hash_does_not_see_the_order_of_rows(rows: list[tuple[object, ...]]) -> None:
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    key = list(SCHEMA)
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=1)
    assert hash_ordered({"t": ordered(frame, key)}) == hash_ordered({"t": ordered(shuffled, key)})


def test_every_kind_of_change_changes_the_hash() -> None:
    frame = pl.DataFrame(
        {"name": ["a", None], "day": [date(2026, 1, 1)] * 2, "n": [1, None], "x": [0.5, None]}
    )
    base = hash_ordered({"t": frame})
    changed = [
        frame.with_columns(pl.col("name").fill_null("")),
        frame.with_columns(pl.col("n").fill_null(0)),
        frame.with_columns(pl.col("x").fill_null(0.0)),
        frame.with_columns(pl.col("x") + 2e-6),
        frame.with_columns(pl.col("n").cast(pl.Float64)),
        frame.with_columns(pl.col("day").dt.offset_by("1d")),
        frame.rename({"n": "m"}),
        frame.head(1),
    ]
    hashes = {hash_ordered({"t": item}) for item in changed} | {hash_ordered({"u": frame})}
    assert base not in hashes
    assert len(hashes) == len(changed) + 1
    assert hash_ordered({"t": frame.with_columns(pl.col("x") + 1e-9)}) == base
