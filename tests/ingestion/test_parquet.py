"""Parquet: one spelling of every value whatever its type, and what is refused."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.errors import FileRefusedError
from ingestion.readers import RawFile, parquet_file, raw, read_bytes
from ingestion.readers.typed_text import as_text, float_text
from ingestion.sources.spec import SourceSpec
from tests.ingestion.conftest import HEADER, call_source

DAY = dt.date(2026, 1, 15)
NAMES = HEADER.split(";")


def source(**changes: Any) -> SourceSpec:
    return call_source(format={"type": "parquet"}, **changes)


def written(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def rows(count: int, **columns: pl.Series) -> pl.DataFrame:
    """A delivery with these columns as they are, and texts in the others."""
    base = {name: [f"{name}{index}" for index in range(count)] for name in NAMES}
    return pl.DataFrame({**base, **columns})


def read(data: bytes, spec: SourceSpec | None = None) -> RawFile:
    return read_bytes(data, spec or source(), DAY)


def refusal(data: bytes) -> FileRefusedError:
    with pytest.raises(FileRefusedError) as caught:
        read(data)
    return caught.value


def test_what_is_no_single_value_and_no_number_marks_its_row() -> None:
    odd = rows(
        3,
        sentral=pl.Series([["amk_oslo"], None, None]),
        kommune=pl.Series([301.0, float("nan"), None]),
        utfall=pl.Series(["[B]", "NaN", "B"]),
    )
    assert read(written(odd)).marks == {"ROW_VALUE_NESTED": [1], "ROW_CELL_ERROR": [2]}


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (pl.Series([127, None], dtype=pl.Int8), ["127", None]),
        (pl.Series([301, -5]), ["301", "-5"]),
        (pl.Series([2**63, 0], dtype=pl.UInt64), ["9223372036854775808", "0"]),
        (pl.Series([301.0, None, 0.1, 1e16, 1.5e-7, -0.0]),
         ["301", None, "0.1", "10000000000000000", "0.00000015", "0"]),
        (pl.Series([float("nan"), float("inf"), float("-inf")]), ["NaN", "inf", "-inf"]),
        (pl.Series([0.1, 301.0], dtype=pl.Float32), ["0.1", "301"]),
        (pl.Series([Decimal("301.00"), Decimal("0.10"), None]), ["301", "0.1", None]),
        (pl.Series([True, False, None]), ["true", "false", None]),
        (pl.Series(["01819010001"], dtype=pl.Categorical), ["01819010001"]),
        (pl.Series(["a"], dtype=pl.Enum(["a"])), ["a"]),
        (pl.Series([b"abc", b"\xff\xfe", None]), ["abc", "\ufffd\ufffd", None]),
        (pl.Series([dt.date(2026, 1, 15), None]), ["2026-01-15", None]),
        (pl.Series([dt.time(12, 0, 1), dt.time(0, 0, 0, 500_000)]), ["12:00:01", "00:00:00.500"]),
        (pl.Series([dt.timedelta(hours=26, minutes=10), dt.timedelta(seconds=-1)]),
         ["26:10:00", "-00:00:01"]),
        (pl.Series([[1, 2], [], None]), ["[1,2]", "[]", None]),
        (pl.Series([{"a": "01819010001", "b": 1}]), ['{"a":"01819010001","b":1}']),
        (pl.Series([None, None]), [None, None]),
    ],
)  # fmt: skip
def test_every_type_has_one_spelling(values: pl.Series, texts: list[str | None]) -> None:
    frame = read(written(rows(len(texts), kommune=values))).frame
    assert frame.schema["kommune"] == pl.String
    assert frame["kommune"].to_list() == texts


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Oslo"])
def test_stamps_stay_stamps_with_and_without_an_offset(unit: Any, zone: str | None) -> None:
    stamp = dt.datetime(2026, 1, 15, 12, 0, 1)
    values = pl.Series([stamp, None]).cast(pl.Datetime(unit)).dt.replace_time_zone(zone)
    frame = read(written(rows(2, start=values))).frame
    assert frame.schema["start"] == pl.Datetime("us", None if zone is None else "UTC")
    hour = 11 if zone == "Europe/Oslo" else 12
    first = frame["start"].dt.replace_time_zone(None)[0]
    assert first == stamp.replace(hour=hour)
    assert frame["start"][1] is None


@pytest.mark.parametrize("dtype", [pl.Datetime("ms"), pl.Datetime("us"), pl.Date])
def test_years_beyond_the_calendar_become_its_ends(dtype: Any) -> None:
    most = 2**31 - 1 if dtype == pl.Date else 2**62
    values = pl.Series([most, -most]).cast(pl.Int32 if dtype == pl.Date else pl.Int64).cast(dtype)
    texts = as_text(values).cast(pl.String).str.slice(0, 10).to_list()
    assert texts == ["9999-12-31", "0001-01-01"]


@given(st.lists(st.floats(width=64), min_size=1))
@settings(max_examples=50, deadline=None)
def test_the_text_of_a_float_is_that_float_without_an_exponent(values: list[float]) -> None:
    for value, text in zip(values, as_text(pl.Series(values, dtype=pl.Float64)), strict=True):
        assert "e" not in text
        assert float(text) == value or value != value
        assert not text.endswith(".0")


def test_maps_and_lists_of_stamps_are_text_too() -> None:
    kind = pa.map_(pa.string(), pa.int64())
    columns: dict[str, Any] = {name: pa.array(["x"]) for name in NAMES}
    columns["kommune"] = pa.array([[("a", 1)]], type=kind)
    columns["svar"] = pa.array([[dt.datetime(2026, 1, 15)]])
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    frame = read(buffer.getvalue()).frame
    assert frame["kommune"].to_list() == ['{"a":1}']
    assert frame["svar"].to_list() == ['["2026-01-15 00:00:00"]']


def test_a_dotted_name_is_a_field_of_a_struct() -> None:
    spec = source().model_dump(by_alias=True, exclude_defaults=True)
    spec["columns"]["municipality_code"] = {"from": "sted.kommune"}
    frame = (
        rows(2)
        .drop("kommune")
        .with_columns(sted=pl.Series([{"kommune": 301.0, "navn": "x"}, None]))
    )
    out = read(written(frame), source(columns=spec["columns"])).frame
    assert out["sted.kommune"].to_list() == ["301", None]
    assert "sted" not in out.columns


def test_a_field_of_a_struct_and_a_column_of_one_name_are_refused() -> None:
    headers = [{"rename": {"utfall2": "utfall", "sted.utfall": "utfall"}}]
    sted = pl.Series("sted", [{"utfall": "x"}])
    for frame in (rows(1), rows(1).rename({"utfall": "utfall2"})):
        with pytest.raises(FileRefusedError, match="FILE_COLUMN_DOUBLED"):
            read(written(frame.with_columns(sted)), source(headers=headers))
    alone = rows(1).drop("utfall").with_columns(sted)
    assert read(written(alone), source(headers=headers)).frame["utfall"].to_list() == ["x"]


def test_unmapped_columns_stay_in_the_reader_but_make_rows_different() -> None:
    same = pl.Series(["a1", "a1", "a1"])
    columns = {name: ["x"] * 3 for name in NAMES}
    frame = pl.DataFrame({**columns, "id": same, "annet": [[1], [2], [1]]})
    raw = read(written(frame))
    assert "annet" not in raw.frame.columns
    assert raw.record_hash is not None
    first, second, third = raw.record_hash
    assert first == third != second
    assert read(written(rows(3))).record_hash is None


def test_a_column_missing_or_renamed() -> None:
    assert refusal(written(rows(1).drop("utfall"))).code == "FILE_COLUMN_MISSING"
    spec = source(headers=[{"rename": {"resultat": "utfall"}}])
    frame = rows(1).rename({"utfall": "resultat"})
    assert read(written(frame), spec).frame["utfall"].to_list() == ["utfall0"]
    both = frame.with_columns(utfall=pl.lit("x"))
    with pytest.raises(FileRefusedError, match="FILE_COLUMN_DOUBLED"):
        read(written(both), spec)


def test_more_rows_than_a_delivery_has_are_refused_from_the_footer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unread(*_: Any, **__: Any) -> None:
        raise AssertionError("read although the footer says it is too large")

    monkeypatch.setattr(raw, "MAX_ROWS", 10)
    assert read(written(rows(10))).rows_read == 10
    monkeypatch.setattr(parquet_file.pl, "read_parquet", unread)
    assert refusal(written(rows(11))).code == "FILE_TOO_LARGE"


def test_other_rows_than_the_footer_says_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = pl.read_parquet
    monkeypatch.setattr(parquet_file.pl, "read_parquet", lambda *a, **k: whole(*a, **k).head(2))
    assert refusal(written(rows(3))).code == "FILE_COUNT_DIFFERS"


@pytest.mark.parametrize("step", range(7))
def test_damaged_files_are_refused_even_when_the_library_panics(step: int) -> None:
    data = bytearray(written(rows(50, kommune=pl.Series(range(50)))))
    seen = set()
    for at in range(4 + step, len(data), 41):
        damaged = bytes(data[:at]) + bytes([data[at] ^ 0xFF]) + bytes(data[at + 1 :])
        try:
            assert read(damaged).rows_read == 50
        except FileRefusedError as error:
            seen.add(error.code)
    assert "FILE_UNREADABLE" in seen
    assert seen <= {"FILE_UNREADABLE", "FILE_COLUMN_MISSING", "FILE_COUNT_DIFFERS",
                    "FILE_TOO_LARGE"}  # fmt: skip


def test_a_whole_single_is_the_number_it_holds() -> None:
    singles = pl.Series([9007199254740992.0, 16777217.0, 0.1, 301.0, None], dtype=pl.Float32)
    assert float_text(singles).to_list() == ["9007199254740992", "16777216", "0.1", "301", None]
