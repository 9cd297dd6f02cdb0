"""Detectors and pseudonyms. Every number here is synthetic (month + 80) or made up."""

from __future__ import annotations

import hashlib
import hmac

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.errors import KeyMissingError
from ingestion.privacy import (
    Pseudonymiser,
    identity_number_rows,
    is_identity_number,
    key_from_environment,
    masked,
    phone_number_rows,
)

_WEIGHTS_1 = (3, 7, 6, 1, 8, 9, 4, 5, 2)
_WEIGHTS_2 = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)


def with_control_digits(nine: str, first_remainder: int = 0) -> str | None:
    """Nine digits with control digits such that the first remainder is as asked; None if none."""
    digits = [int(digit) for digit in nine]
    total = sum(w * d for w, d in zip(_WEIGHTS_1, digits, strict=True))
    first = (first_remainder - total) % 11
    if first == 10:
        return None
    digits.append(first)
    second = -sum(w * d for w, d in zip(_WEIGHTS_2, digits, strict=True)) % 11
    return None if second == 10 else nine + f"{first}{second}"


@given(
    day=st.integers(1, 28),
    month=st.integers(1, 12),
    rest=st.integers(0, 99_999),
    remainder=st.integers(0, 3),
    d_number=st.booleans(),
)
def test_synthetic_numbers_of_both_rules_are_found(
    day: int, month: int, rest: int, remainder: int, d_number: bool
) -> None:
    nine = f"{day + 40 * d_number:02d}{month + 80:02d}{rest:05d}"
    number = with_control_digits(nine, remainder)
    if number is not None:
        assert is_identity_number(number)
        spaced = f"ref {number[:6]} {number[6:]}"
        assert identity_number_rows(pl.Series([number, spaced, "ref 1"])).to_list() == [
            True,
            True,
            False,
        ]


@given(st.integers(0, 99_999_999_999))
def test_a_changed_control_digit_is_not_an_identity_number(number: int) -> None:
    digits = f"{number:011d}"
    if is_identity_number(digits):
        assert not is_identity_number(digits[:10] + str((int(digits[10]) + 1) % 10))


@pytest.mark.parametrize(
    "value",
    ["00000000000", "99999999999", "15990112345678", "a15896912345", "1234567890", ""],
)
def test_ordinary_ids_are_let_through(value: str) -> None:
    assert identity_number_rows(pl.Series([value])).to_list() == [False]


@pytest.mark.parametrize(
    ("value", "is_id", "found"),
    [
        ("+4799999999", True, True),
        ("004799999999", True, True),
        ("+47 999 99 999", True, True),
        ("99999999", True, False),
        ("99999999", False, True),
        ("99 99 99 99", False, True),
        ("1234567", False, False),
        ("10000000", False, False),
        ("bil-99999999", False, False),
        ("hendelse 2026-01-01", False, False),
    ],
)
def test_phone_numbers(value: str, is_id: bool, found: bool) -> None:
    assert phone_number_rows(pl.Series([value]), is_id=is_id).to_list() == [found]


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=100), st.text("0123456789+", min_size=1, max_size=16))
def test_pseudonym_is_hmac_sha256(key: bytes, number: str) -> None:
    expected = hmac.new(key, number.encode(), hashlib.sha256).hexdigest()[:32]
    assert Pseudonymiser(key).series(pl.Series([number])).to_list() == [expected]


def test_pseudonyms_keep_nulls_and_ignore_spacing() -> None:
    series = Pseudonymiser(b"k" * 32).series(pl.Series(["+47 11", None, "+4711"]))
    assert series[0] == series[2] != None  # noqa: E711
    assert series[1] is None


def test_a_missing_key_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AKUTT_PSEUDONYM_KEY", raising=False)
    with pytest.raises(KeyMissingError, match="AKUTT_PSEUDONYM_KEY mangler"):
        key_from_environment()
    monkeypatch.setenv("AKUTT_PSEUDONYM_KEY", "short")
    with pytest.raises(KeyMissingError):
        key_from_environment()


def test_masking_shows_nothing_but_length() -> None:
    assert masked("+4712345678") == "•••(11)"
    assert masked(None) is None
