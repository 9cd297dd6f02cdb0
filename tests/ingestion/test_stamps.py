"""Stamps: read only when the whole text fits, whatever the parser would take."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.stamps import clock_milliseconds, clock_time, has_clock, iso_moment, moment

SECONDS = "%Y-%m-%d %H:%M:%S"


def one(text: str, *formats: str) -> dt.datetime | None:
    value: dt.datetime | None = moment(pl.Series([text]), formats)[0]
    return value


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("2026-01-15 04:00:0", SECONDS),
        ("2026-01-15 04:0:00", SECONDS),
        ("26-01-15 04:00:00", SECONDS),
        ("2026-01-15 04:00:00.1", "%Y-%m-%d %H:%M:%S%.3f"),
        ("2026-01-15 04:00:00.12", "%Y-%m-%d %H:%M:%S%.3f"),
        ("2026-01-15 04:00:00Z", SECONDS),
        ("2026-01-15 04:00:60", SECONDS),
        ("2026-01-15\t04:00:00", SECONDS),
        ("2026 1 11230", "%Y%m%d%H%M"),
        ("2026-01-15 04:01: 5", SECONDS),
        ("15.1.+2026", "%d.%m.%Y"),
        ("2026011504000", "%Y%m%d%H%M%S"),
        ("202611504000", "%Y%m%d%H%M%S"),
        ("2026-13-01 04:00:00", SECONDS),
        ("2026-02-30 04:00:00", SECONDS),
        ("2026-01-15 24:00:00", SECONDS),
        ("", SECONDS),
        ("2026-01-1", "%Y-%m-%dx"),
    ],
)
def test_what_does_not_fit_whole_is_no_stamp(text: str, form: str) -> None:
    assert one(text, form) is None


@pytest.mark.parametrize(
    ("text", "form", "value"),
    [
        ("2026-01-15 04:00:01", SECONDS, dt.datetime(2026, 1, 15, 4, 0, 1)),
        ("1/5/2026 4:07:01 PM", "%m/%d/%Y %I:%M:%S %p", dt.datetime(2026, 1, 5, 16, 7, 1)),
        ("15.01.2026 4:00", "%d.%m.%Y %H:%M", dt.datetime(2026, 1, 15, 4)),
        ("15JAN26:04:00:01", "%d%b%y:%H:%M:%S", dt.datetime(2026, 1, 15, 4, 0, 1)),
        ("2026-01-15T04:00:01+01:00", "%Y-%m-%dT%H:%M:%S%z", dt.datetime(2026, 1, 15, 3, 0, 1)),
        ("2026-01-15", "%Y-%m-%d", dt.datetime(2026, 1, 15)),
        ("2026-01-15 04:00:01\t", SECONDS, dt.datetime(2026, 1, 15, 4, 0, 1)),
        ("2026-01-15T04:00:01+01:00", "%Y-%m-%dT%H:%M:%S%:z", dt.datetime(2026, 1, 15, 3, 0, 1)),
        ("20260115040001", "%Y%m%d%H%M%S", dt.datetime(2026, 1, 15, 4, 0, 1)),
    ],
)
def test_what_fits_is_read(text: str, form: str, value: dt.datetime) -> None:
    assert one(text, form) == value


def test_two_formats_in_one_column_are_tried_in_order() -> None:
    texts = pl.Series(["2026-01-15 04:00:01", "15.01.2026 04:02", None, "tull"])
    assert moment(texts, [SECONDS, "%d.%m.%Y %H:%M"]).to_list() == [
        dt.datetime(2026, 1, 15, 4, 0, 1),
        dt.datetime(2026, 1, 15, 4, 2),
        None,
        None,
    ]


@given(st.lists(st.datetimes(dt.datetime(1950, 1, 1), dt.datetime(2100, 1, 1)), max_size=20))
def test_what_typed_cells_are_written_as_is_read_back(values: list[dt.datetime]) -> None:
    texts = pl.Series("t", [v.isoformat(sep=" ") for v in values], dtype=pl.String)
    assert iso_moment(texts).to_list() == values


@given(st.datetimes(dt.datetime(1950, 1, 1), dt.datetime(2100, 1, 1)), st.integers(1, 18))
def test_a_stamp_that_is_cut_off_is_never_another_time(value: dt.datetime, cut: int) -> None:
    text = value.strftime(SECONDS)
    assert one(text[:-cut], SECONDS) is None


def test_clock_times_keep_the_width_of_minutes_and_seconds() -> None:
    texts = pl.Series(["0:00:01", "10:00:01", "10:00:1", "25:00:00", None])
    seconds = clock_time(texts, "%H:%M:%S").dt.total_seconds().to_list()
    assert seconds == [1, 36_001, None, None, None]


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("0:00:07", 7_000),
        ("02:05", 125_000),
        ("26:10:00", 94_200_000),
        ("0:00:01,5", 1_500),
        ("0:61:00", None),
        ("12", None),
        ("1:2:3", None),
        ("١:02:03", None),
    ],
)
def test_durations_written_as_a_clock(text: str, milliseconds: float | None) -> None:
    assert pl.select(clock_milliseconds(pl.lit(text))).item() == milliseconds


def test_a_format_without_a_time_of_day_is_known() -> None:
    assert has_clock("%d.%m.%Y %H:%M") and not has_clock("%d.%m.%Y")


CLOCKS = ("%H:%M:%S", "%H%M", "%H.%M", "%T", "%H:%M:%S%.3f", "%H%M%S%3f")


@given(
    st.sampled_from(CLOCKS),
    st.lists(
        st.one_of(
            st.none(),
            st.tuples(
                st.integers(0, 26), st.integers(0, 62), st.integers(0, 62), st.integers(0, 999)
            ),
        ),
        min_size=1,
        max_size=20,
    ),
)
def test_clock_times_that_look_alike_are_read_as_others_are(
    form: str, parts: list[tuple[int, int, int, int] | None]
) -> None:
    def written(part: tuple[int, int, int, int]) -> str:
        hour, minute, second, rest = part
        spelled = {"%T": "%H:%M:%S", "%R": "%H:%M"}.get(form, form)
        for mark, text in (
            ("%H", f"{hour:02}"),
            ("%M", f"{minute:02}"),
            ("%S", f"{second:02}"),
            ("%.3f", f".{rest:03}"),
            ("%3f", f"{rest:03}"),
        ):
            spelled = spelled.replace(mark, text)
        return spelled

    def meant(part: tuple[int, int, int, int]) -> dt.timedelta | None:
        hour, minute, second, rest = part
        has_second = "%S" in form or form == "%T"
        if hour > 23 or minute > 59 or (has_second and second > 59):
            return None
        return dt.timedelta(
            hours=hour,
            minutes=minute,
            seconds=second if has_second else 0,
            milliseconds=rest if "3f" in form else 0,
        )

    texts = pl.Series([part and written(part) for part in parts], dtype=pl.String)
    found = clock_time(texts, form).to_list()
    assert found == [part and meant(part) for part in parts]
    # One of another length, and each is parsed by itself.
    uneven = pl.concat([texts, pl.Series(["9"])])
    assert clock_time(uneven, form).to_list() == [*found, None]
