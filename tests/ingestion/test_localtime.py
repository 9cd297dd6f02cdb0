"""Local time: the doubled and the missing hour, against the standard library."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.localtime import in_shift, local_date, shifts, to_utc


def test_oslo_shifts_of_2025() -> None:
    spring, autumn = shifts("Europe/Oslo", 2025)
    assert (spring.start, spring.end, spring.doubled) == (
        dt.datetime(2025, 3, 30, 2),
        dt.datetime(2025, 3, 30, 3),
        False,
    )
    assert (autumn.start, autumn.end, autumn.doubled) == (
        dt.datetime(2025, 10, 26, 2),
        dt.datetime(2025, 10, 26, 3),
        True,
    )


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_a_zone_without_summer_time_has_no_shifts(zone: str) -> None:
    assert shifts(zone, 2025) == ()


@given(st.datetimes(dt.datetime(2010, 1, 1), dt.datetime(2035, 1, 1)))
def test_every_utc_instant_survives_the_round_trip_or_is_flagged(instant: dt.datetime) -> None:
    oslo = ZoneInfo("Europe/Oslo")
    local = instant.replace(tzinfo=dt.UTC).astimezone(oslo).replace(tzinfo=None)
    years = [local.year]
    frame = pl.DataFrame({"local": [local]}, schema={"local": pl.Datetime("us")})
    back, doubled = frame.select(
        to_utc(pl.col("local"), "Europe/Oslo", "earliest", years).alias("back"),
        in_shift(pl.col("local"), "Europe/Oslo", years, doubled=True).alias("doubled"),
    ).row(0)
    first = local.replace(tzinfo=oslo, fold=0).utcoffset()
    second = local.replace(tzinfo=oslo, fold=1).utcoffset()
    assert doubled == (first != second)
    assert back == instant or (doubled and instant - back == dt.timedelta(hours=1))


@pytest.mark.parametrize(("policy", "hour"), [("earliest", 0), ("latest", 1)])
def test_the_doubled_hour_follows_the_policy(policy: str, hour: int) -> None:
    frame = pl.DataFrame({"local": [dt.datetime(2025, 10, 26, 2, 30)]})
    utc = frame.select(to_utc(pl.col("local"), "Europe/Oslo", policy, [2025])).item()  # type: ignore[arg-type]
    assert utc == dt.datetime(2025, 10, 26, hour, 30)


def test_an_hour_that_does_not_exist_is_null_and_flagged() -> None:
    frame = pl.DataFrame({"local": [dt.datetime(2025, 3, 30, 2, 30)]})
    utc, flagged = frame.select(
        to_utc(pl.col("local"), "Europe/Oslo", "earliest", [2025]),
        in_shift(pl.col("local"), "Europe/Oslo", [2025], doubled=False).alias("gap"),
    ).row(0)
    assert utc is None
    assert flagged


def test_local_date_changes_at_local_midnight() -> None:
    frame = pl.DataFrame({"utc": [dt.datetime(2026, 1, 1, 22, 59), dt.datetime(2026, 1, 1, 23, 0)]})
    assert frame.select(local_date(pl.col("utc"), "Europe/Oslo")).to_series().to_list() == [
        dt.date(2026, 1, 1),
        dt.date(2026, 1, 2),
    ]
