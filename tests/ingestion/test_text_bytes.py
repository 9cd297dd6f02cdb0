"""What columns of text look like, against a look at each text."""

from __future__ import annotations

import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.stamps import WHITE
from ingestion.text_bytes import has_any_of, highest_of_shape, may_have_blank_ends

TEXTS = st.lists(
    st.none()
    | st.text(alphabet="0129-: TZé\u00a0\t", max_size=5)
    | st.text(alphabet="2ab\t", min_size=11, max_size=14)
    | st.sampled_from(["", "2029"]),
    max_size=600,
)
STAMPS = st.lists(
    st.none() | st.from_regex(r"\A[0-9]{2}:[0-9]{2}\Z") | st.sampled_from(["1a:00", "10:0"]),
    max_size=20,
)


@given(TEXTS, st.integers(0, 3))
def test_no_blank_end_is_overlooked(texts: list[str | None], start: int) -> None:
    column = pl.Series(texts, dtype=pl.String).slice(start)
    has_some = any(text is not None and text != text.strip(WHITE) for text in texts[start:])
    assert may_have_blank_ends(column) or not has_some
    assert not may_have_blank_ends(pl.Series(["", None, "a b", "12:30", "2026-01-31 12:30"]))


@pytest.mark.parametrize("end", ["", " ", "\u00a0"])
def test_ends_of_long_texts_of_many_files(end: str) -> None:
    files = [
        pl.Series([f"a text that is long {file} {row}" for row in range(9)]) for file in range(9)
    ]
    files[4] = files[4].scatter(5, f"a text that is long{end}")
    assert may_have_blank_ends(pl.concat(files, rechunk=True).slice(7)) == bool(end)


@given(TEXTS, st.integers(0, 3), st.sets(st.sampled_from(["", "2029", "0", "é"]), min_size=1))
def test_a_word_is_found_where_it_is(texts: list[str | None], start: int, words: set[str]) -> None:
    column = pl.concat(
        [pl.Series(texts[:start], dtype=pl.String), pl.Series(texts[start:], dtype=pl.String)]
    )
    assert has_any_of(column, words) == any(text in words for text in texts)


@given(STAMPS, st.integers(0, 3), st.sampled_from([1, 300]))
def test_what_fits_the_highest_fits_all(texts: list[str | None], start: int, times: int) -> None:
    texts = texts[start:] * times
    highest = highest_of_shape(pl.Series(texts, dtype=pl.String))
    filled = [text for text in texts if text is not None]
    shapes = {re.sub("[0-9]", "0", text) for text in filled}
    assert (highest is not None) == (len(shapes) == 1)
    for pattern in (r"[0-2][0-9]:[0-5][0-9]", r"[0-9]+:[0-4][0-9]", r"[a-z0-9:]+"):
        fits_all = all(re.fullmatch(pattern, text) for text in filled)
        if highest is not None:
            assert bool(re.fullmatch(pattern, highest)) == fits_all


def test_texts_without_one_shape() -> None:
    assert highest_of_shape(pl.Series([], dtype=pl.String)) is None
    assert highest_of_shape(pl.Series([None, None], dtype=pl.String)) is None
    assert highest_of_shape(pl.Series(["", ""])) is None
    assert highest_of_shape(pl.Series(["é0", "é1"])) is None
    assert highest_of_shape(pl.Series(["2026-01-31", None, "1999-12-05"])) == "2999-12-35"
