"""The mapping language, one construct at a time."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest

from ingestion.mapping import map_records
from ingestion.privacy import Pseudonymiser
from tests.ingestion.conftest import KEY, call_source

DAY = dt.date(2026, 1, 15)


def mapped(raw: dict[str, Any], columns: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The record of one raw row; the test source's other columns come from constants."""
    base: dict[str, Any] = {
        "source_system": {"constant": "PROVE"},
        "source_id": {"constant": "a1"},
        "service_line": {"constant": "113"},
        "direction": {"constant": "INBOUND"},
        "channel": {"constant": "VOICE"},
        "central_id": {"constant": "amk_oslo"},
        "ring_start_at": {"hours_after_delivery": 12},
        "outcome": {"constant": "ABANDONED"},
        "is_test": {"constant": False},
    }
    spec = call_source(columns={**base, **columns}, **changes)
    frame = pl.DataFrame(raw).with_columns(pl.lit(DAY).alias("_delivered_on"))
    return map_records(frame, spec, Pseudonymiser(KEY).series).row(0, named=True)


def test_local_time_becomes_utc_and_keeps_milliseconds() -> None:
    columns = {"ring_start_at": {"from": ["d", "t"], "format": "%d.%m.%Y %H:%M:%S%.3f"}}
    record = mapped({"d": ["15.07.2026"], "t": ["12:00:10.423"]}, columns)
    assert record["ring_start_at"] == dt.datetime(2026, 7, 15, 10, 0, 10, 423_000)
    assert record["event_date"] == dt.date(2026, 7, 15)


@pytest.mark.parametrize(
    "mark", ["\x1c", "\x1f", "\x85", "\u00a0", "\ufeff", "\u200b", "\u2003", "\t"]
)
def test_no_white_space_around_a_value_makes_it_another(mark: str) -> None:
    columns = {
        "channel": {"from": "k", "codes": {"sms": "SMS", "*": "VOICE"}},
        "municipality_code": {"from": "m", "pad": 4},
        "ring_start_at": {"from": "t", "format": "%d.%m.%Y %H:%M"},
    }
    raw = {"k": [f"{mark}sms"], "m": [f"{mark} {mark}"], "t": [f"15.07.2026 12:00{mark}"]}
    record = mapped(raw, columns)
    assert record["channel"] == "SMS"
    assert record["municipality_code"] is None
    assert record["ring_start_at"] == dt.datetime(2026, 7, 15, 10, 0)


def test_event_date_is_the_local_date() -> None:
    columns = {"ring_start_at": {"from": "t", "format": "%Y-%m-%dT%H:%M:%S%.fZ", "utc": True}}
    record = mapped({"t": ["2026-01-15T23:30:00.000Z"]}, columns)
    assert record["event_date"] == dt.date(2026, 1, 16)


def test_an_offset_in_the_text_is_obeyed() -> None:
    columns = {"ring_start_at": {"from": "t", "format": "%Y-%m-%dT%H:%M:%S%.f%z"}}
    record = mapped({"t": ["2026-01-15T12:00:00.500+05:30"]}, columns)
    assert record["ring_start_at"] == dt.datetime(2026, 1, 15, 6, 30, 0, 500_000)


def test_a_clock_time_after_midnight_is_on_the_next_day() -> None:
    clock = {"format": "%Y-%m-%d %H:%M:%S"}
    columns = {
        "ring_start_at": {"from": ["d", "a"], **clock},
        "answered_at": {"from": ["d", "b"], **clock, "next_day_if_before": "ring_start_at"},
        "ended_at": {"from": ["d", "c"], **clock, "next_day_if_before": "ring_start_at"},
    }
    record = mapped(
        {"d": ["2026-01-15"], "a": ["23:59:58"], "b": ["00:00:03"], "c": ["23:59:50"]}, columns
    )
    assert record["answered_at"] == dt.datetime(2026, 1, 15, 23, 0, 3)
    # Eight seconds back is a clock error, not midnight: it is left for the order rule.
    assert record["ended_at"] < record["ring_start_at"]


@pytest.mark.parametrize(
    ("text", "decimal", "unit", "seconds"),
    [("127,250", ",", "s", 127.25), ("-3,5", ",", "s", -3.5), ("2.5", ".", "min", 150.0)],
)
def test_intervals_after_another_stamp(text: str, decimal: str, unit: str, seconds: float) -> None:
    record = mapped(
        {"x": [text]},
        {"answered_at": {"from": "x", "after": "ring_start_at", "unit": unit}},
        format={"type": "csv", "delimiter": ";", "decimal": decimal},
    )
    difference = record["answered_at"] - record["ring_start_at"]
    assert difference == dt.timedelta(seconds=seconds)


def test_epoch_milliseconds() -> None:
    record = mapped({"x": ["1767225600123"]}, {"ended_at": {"from": "x", "epoch": "ms"}})
    assert record["ended_at"] == dt.datetime(2026, 1, 1, 0, 0, 0, 123_000)


def test_coalesce_takes_the_first_value() -> None:
    part = {"format": "%Y-%m-%d %H:%M:%S", "nulls": ["-"]}
    columns = {"ended_at": {"coalesce": [{"from": "x", **part}, {"from": "y", **part}]}}
    record = mapped({"x": ["-"], "y": ["2026-01-15 13:00:00"]}, columns)
    assert record["ended_at"] == dt.datetime(2026, 1, 15, 12)
    assert not record["ended_at__unparsable"]


@pytest.mark.parametrize(
    ("test", "exercise", "expected"), [("false", "true", True), ("0", "0", False)]
)
def test_any_of_flags(test: str, exercise: str, expected: bool) -> None:
    record = mapped({"t": [test], "e": [exercise]}, {"is_test": {"any_of": ["t", "e"]}})
    assert record["is_test"] is expected


def test_codes_by_validity_date() -> None:
    codes = [
        {"valid_to": "2026-01-15", "map": {"1": "ABANDONED"}},
        {"valid_from": "2026-01-15", "map": {"1": "TECHNICAL"}},
    ]
    assert (
        mapped({"o": ["1"]}, {"outcome": {"from": "o", "codes": codes}})["outcome"] == "TECHNICAL"
    )


def test_a_code_outside_the_map_is_never_taken_for_a_contract_code() -> None:
    columns = {"outcome": {"from": "o", "codes": {"F": "ABANDONED"}}}
    assert mapped({"o": ["ANSWERED"]}, columns)["outcome"] == "?"
    assert (
        mapped(
            {"o": [None]},
            columns,
        )["outcome"]
        is None
    )


def test_star_and_empty_codes() -> None:
    columns = {"municipality_basis": {"from": "b", "codes": {"": "UNKNOWN", "*": "CATCHMENT"}}}
    assert mapped({"b": ["x"]}, columns)["municipality_basis"] == "CATCHMENT"
    assert mapped({"b": [""]}, columns)["municipality_basis"] == "UNKNOWN"


def test_lost_leading_zero_is_restored() -> None:
    assert (
        mapped({"k": ["301"]}, {"municipality_code": {"from": "k", "pad": 4}})["municipality_code"]
        == "0301"
    )


def test_unreadable_values_are_flagged_not_guessed() -> None:
    columns = {
        "ended_at": {"from": "t", "format": "%Y-%m-%d %H:%M:%S"},
        "revision": "r",
        "deleted": "d",
    }
    record = mapped({"t": ["i går"], "r": ["to"], "d": ["kanskje"]}, columns)
    for name in ("ended_at", "revision", "deleted"):
        assert record[name] is None
        assert record[f"{name}__unparsable"]


def test_defaults_fill_what_the_file_leaves_empty() -> None:
    record = mapped({"r": [None]}, {"revision": "r"})
    assert (record["revision"], record["deleted"], record["ts_quality"]) == (1, False, "SYSTEM")


def test_the_missing_hour_is_flagged_and_the_doubled_hour_too() -> None:
    columns = {"ring_start_at": {"from": "t", "format": "%Y-%m-%d %H:%M:%S"}}
    gap = mapped({"t": ["2025-03-30 02:30:00"]}, columns)
    assert gap["ring_start_at"] is None
    assert gap["ring_start_at__nonexistent"]
    assert not gap["ring_start_at__unparsable"]
    doubled = mapped({"t": ["2025-10-26 02:30:00"]}, columns)
    assert doubled["_time_ambiguous"]
    assert doubled["ring_start_at"] == dt.datetime(2025, 10, 26, 0, 30)


def test_the_extract_time_defaults_to_four_in_the_morning_after() -> None:
    record = mapped({"x": ["1"]}, {})
    assert record["extract_at"] == dt.datetime(2026, 1, 16, 3)


def test_pseudonyms_replace_numbers() -> None:
    record = mapped({"n": ["+4712345678"]}, {"caller_pseudonym": {"from": "n", "pseudonym": True}})
    assert len(record["caller_pseudonym"]) == 32
    assert "12345678" not in str(record)


def test_each_column_keeps_or_trims_white_space_for_itself() -> None:
    columns = {
        "source_id": {"from": "id", "trim": False},
        "chain_id": "id",
        "transferred_to": {"coalesce": [{"from": "no", "trim": False}, {"from": "id"}]},
        "ring_start_at": {"from": "t", "format": "%Y-%m-%d %H:%M:%S"},
    }
    raw = {"id": [" a1 "], "no": [" 7"], "t": [" 2026-01-15 12:00:00"]}
    record = mapped(raw, columns)
    assert (record["source_id"], record["chain_id"]) == (" a1 ", "a1")
    assert record["transferred_to"] == " 7"
    assert record["ring_start_at"] is not None


def test_a_date_without_a_time_of_day_is_one_whichever_map_gave_it() -> None:
    either = [
        {"from": "t", "format": "%Y-%m-%d %H:%M:%S"},
        {"from": "d", "format": "%Y-%m-%d"},
    ]
    for texts, expected in ((("2026-01-15 12:00:00", ""), False), (("", "2026-01-15"), True)):
        raw = dict(zip("td", ([text] for text in texts), strict=True))
        for parts in (either, either[::-1]):
            record = mapped(raw, {"ring_start_at": {"coalesce": parts}})
            assert record["ring_start_at__date_only"] is expected


@pytest.mark.parametrize(
    ("clock", "texts"),
    [("%H.%M", "15.01.2026 08.15"), ("%H%M", "15.01.2026 0815")],
)
def test_a_clock_is_one_however_it_is_written(clock: str, texts: str) -> None:
    columns = {"ring_start_at": {"from": "t", "format": [f"%d.%m.%Y {clock}", "%d.%m.%Y"]}}
    for text, expected in ((texts, False), ("15.01.2026", True)):
        record = mapped({"t": [text]}, columns)
        assert record["ring_start_at"] is not None
        assert record["ring_start_at__date_only"] is expected


def test_a_time_that_we_make_is_never_in_the_missing_hour() -> None:
    columns = {"extract_at": {"hours_after_delivery": 26.5}}
    day = (dt.date(2025, 3, 29) - DAY).total_seconds() / 3600
    record = mapped({"x": ["1"]}, {"extract_at": {"hours_after_delivery": day + 26.5}})
    assert not record["extract_at__nonexistent"]
    assert record["extract_at"] == dt.datetime(2025, 3, 30, 1, 30)
    assert mapped({"x": ["1"]}, columns)["extract_at"] == dt.datetime(2026, 1, 16, 1, 30)


def test_summer_time_before_1970() -> None:
    columns = {"ring_start_at": {"from": "t", "format": "%Y-%m-%d %H:%M"}}
    clock = {"zone": "Europe/London"}
    for text, hour in (("1962-01-15 12:00", 12), ("1962-07-15 12:00", 11)):
        record = mapped({"t": [text]}, columns, first_date="1960-01-01", clock=clock)
        assert record["ring_start_at"].hour == hour


def test_circular_references_are_an_error() -> None:
    columns = {
        "answered_at": {"from": "x", "after": "ended_at"},
        "ended_at": {"from": "x", "after": "answered_at"},
    }
    with pytest.raises(ValueError, match="circle"):
        mapped({"x": ["1"]}, columns)
