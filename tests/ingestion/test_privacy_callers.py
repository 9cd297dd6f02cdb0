"""Callers and their pseudonyms: one caller is one, nobody is no one, one lake has one key."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.errors import KeyChangedError, KeyMissingError
from ingestion.privacy import Pseudonymiser, check_key, key_fingerprint, key_from_environment

KEY = b"only-for-tests-0123456789abcdefgh"


def pseudonyms(numbers: list[str | None], key: bytes = KEY) -> list[str | None]:
    return Pseudonymiser(key).series(pl.Series(numbers, dtype=pl.String)).to_list()


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=100), st.from_regex(r"\+[1-9][0-9]{7,14}", fullmatch=True))
def test_pseudonym_is_hmac_sha256(key: bytes, number: str) -> None:
    expected = hmac.new(key, number.encode(), hashlib.sha256).hexdigest()[:32]
    assert pseudonyms([number], key) == [expected]


@settings(deadline=None, max_examples=30)
@given(st.integers(20_000_000, 99_999_999).map(str))
def test_one_norwegian_number_is_one_caller(n: str) -> None:
    spellings: list[str | None] = [
        f"+47{n}", n, f"0047{n}", f"47{n}", f"{n[:3]} {n[3:5]} {n[5:]}", f"(+47) {n}", f" {n} ",
        f"+47-{n[:2]}.{n[2:4]}.{n[4:6]}.{n[6:]}", f"{n[:3]}\u00a0{n[3:5]}\u00a0{n[5:]}",
        "".join(chr(0xFF10 + int(digit)) for digit in n), f"{n}.0", f"+47{n}.0", f"tel:+47{n}",
    ]  # fmt: skip
    found = pseudonyms(spellings)
    assert set(found) == {found[0]}
    expected = hmac.new(KEY, f"+47{n}".encode(), hashlib.sha256).hexdigest()[:32]
    assert found[0] == expected


def test_foreign_numbers_keep_their_country() -> None:
    swedish = pseudonyms(["+46701234567", "0046701234567", "+46 (0)70-123 45 67", "46701234567"])
    assert swedish[0] == swedish[1] == swedish[2] != swedish[3]
    assert len(set(pseudonyms(["+4698765432", "+4798765432", "+4598765432"]))) == 3


def test_short_numbers_and_texts_stay_what_they_are() -> None:
    found = pseudonyms(["113", "1 13", " 113 ", "amk_oslo", "amk_oslo "])
    assert found[0] == found[1] == found[2]
    assert found[3] == found[4] != found[0]
    assert found[3] == hmac.new(KEY, b"amk_oslo", hashlib.sha256).hexdigest()[:32]


@pytest.mark.parametrize(
    "nobody",
    ["Anonym", "ANONYMOUS", "anonymous caller", "Hemmelig", "hemmelig nummer", "Skjult", "Ukjent",
     "unknown", "Private", "private number", "Withheld", "Restricted", "", "  ", "-", "0", "0000",
     "N/A", "null", "Unavailable", "+", "\u00a0", "Hemmelig\u00a0nummer"],
)  # fmt: skip
def test_hidden_numbers_are_nobody(nobody: str) -> None:
    found = pseudonyms([nobody, "+4798765432", None])
    assert found[0] is None and found[1] is not None and found[2] is None


def test_series_keeps_name_length_and_order() -> None:
    values = pl.Series("innringer", ["b", "98765432", None, "a", "+4798765432", "b"])
    found = Pseudonymiser(KEY).series(values)
    assert found.name == "innringer"
    assert [value is None for value in found] == [False, False, True, False, False, False]
    assert found[0] == found[5] and found[1] == found[4] and found[0] != found[3]


def test_a_missing_key_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AKUTT_PSEUDONYM_KEY", raising=False)
    with pytest.raises(KeyMissingError, match="AKUTT_PSEUDONYM_KEY mangler"):
        key_from_environment()
    monkeypatch.setenv("AKUTT_PSEUDONYM_KEY", "short")
    with pytest.raises(KeyMissingError):
        key_from_environment()


def test_a_lake_is_filled_with_one_key(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    check_key(lake, KEY)
    check_key(lake, KEY)
    path = lake / "key_fingerprint.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text())["fingerprint"] == key_fingerprint(KEY)
    assert KEY.decode() not in path.read_text()
    with pytest.raises(KeyChangedError, match=r"annen AKUTT_PSEUDONYM_KEY.*another AKUTT"):
        check_key(lake, KEY + b"x")
    assert [item.name for item in lake.iterdir()] == [path.name]


def test_a_damaged_fingerprint_vouches_for_no_key(tmp_path: Path) -> None:
    (tmp_path / "key_fingerprint.json").write_text("{")
    with pytest.raises(KeyChangedError, match=r"kan ikke leses.*cannot be read"):
        check_key(tmp_path, KEY)
