"""Numbers: one reading, by the marks the source declares."""

from __future__ import annotations

import polars as pl
import pytest

from ingestion.numbers import Marks, plain_number, whole_number

NORWEGIAN = Marks(decimal=",", thousands=".")
POINT = Marks()


def number(text: str, marks: Marks) -> float | None:
    value: float | None = (
        pl.DataFrame({"t": [text]}).select(plain_number(pl.col("t"), marks)).item()
    )
    return value


def whole(text: str, marks: Marks = POINT) -> int | None:
    value: int | None = pl.DataFrame({"t": [text]}).select(whole_number(pl.col("t"), marks)).item()
    return value


@pytest.mark.parametrize(
    ("text", "marks", "value"),
    [
        ("1.234", NORWEGIAN, 1234.0),
        ("1.234,5", NORWEGIAN, 1234.5),
        ("12.34", NORWEGIAN, None),
        ("0.001", NORWEGIAN, None),
        ("1.2345", NORWEGIAN, None),
        ("1234,5", NORWEGIAN, 1234.5),
        ("1.234", Marks(decimal=","), None),
        ("7,25", Marks(decimal=","), 7.25),
        ("7.25", Marks(decimal=","), None),
        ("7.25", Marks(decimal=",", machine=True), 7.25),
        ("7,25", Marks(decimal=",", machine=True), 7.25),
        ("1 234,5", Marks(decimal=",", thousands=" "), 1234.5),
        ("1 234,5", Marks(decimal=",", thousands=" "), 1234.5),
        ("1,234.5", Marks(thousands=","), 1234.5),
        ("-3", POINT, -3.0),
        ("nan", POINT, None),
        ("inf", POINT, None),
        ("1e16", POINT, None),
        ("1_000", POINT, None),
        ("١٢", POINT, None),
        ("0x10", POINT, None),
        ("", POINT, None),
        (".", POINT, None),
    ],
)
def test_a_number_is_read_by_its_marks_or_not_at_all(
    text: str, marks: Marks, value: float | None
) -> None:
    assert number(text, marks) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("1.0", 1), ("1.5", None), ("+2", 2), ("99999999999999999999", None), ("1e3", None)],
)
def test_whole_numbers(text: str, value: int | None) -> None:
    assert whole(text) == value
