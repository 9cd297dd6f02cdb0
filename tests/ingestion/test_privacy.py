"""Detectors, masks and names. Every number here is synthetic (month + 80) or made up."""

from __future__ import annotations

import string
import unicodedata

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.privacy_detectors import (
    EMAIL_SPELLINGS,
    GOOD,
    IDENTITY_SPELLINGS,
    PHONE_SPELLINGS,
    detection,
    false_refusals,
    phone_numbers,
    single_leaks,
)
from contracts import FILE_RULES
from ingestion.personal import showable
from ingestion.privacy import (
    CODES,
    ColumnUse,
    is_identity_number,
    masked,
    masked_where,
    may_be_personal,
    personal_rows,
    personal_text,
    safe,
    shape,
)
from tests.personal.plant import HOST, Planted
from tests.personal.search import found_in

_WEIGHTS_1 = (3, 7, 6, 1, 8, 9, 4, 5, 2)
_WEIGHTS_2 = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
KINDS = ("key", "code", "timestamp", "flag", "unit", "number", "text")


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


def made_up(count: int, *, first_day: int = 1) -> list[str]:
    """Identity numbers that nobody has, one after the other."""
    found: list[str] = []
    serial = 0
    while len(found) < count:
        number = with_control_digits(
            f"{first_day + serial % 9:02d}{81 + serial % 12}70{serial:03d}"
        )
        found += [number] if number else []
        serial += 1
    return found


NUMBER = made_up(1, first_day=12)[0]


def found(
    values: list[str | None], kind: str = "text", form: str | None = None
) -> dict[str, list[int]]:
    """The rows that are hit, per code."""
    rows = personal_rows(pl.Series(values, dtype=pl.String), ColumnUse(kind, form))
    return {code: hits.arg_true().to_list() for code, hits in rows.items()}


identity_numbers = st.builds(
    lambda day, series, month, rest, remainder: with_control_digits(
        f"{day:02d}{month + series:02d}{rest:05d}", remainder
    ),
    st.integers(1, 28) | st.integers(41, 68),
    st.sampled_from([0, 20, 40, 65, 80]),
    st.integers(1, 12),
    st.integers(0, 99_999),
    st.integers(0, 3),
).filter(lambda number: number is not None)


# --- identity numbers ---------------------------------------------------------------------------


@settings(deadline=None)
@given(number=identity_numbers, kind=st.sampled_from(KINDS), data=st.data())
def test_numbers_of_every_series_and_rule_are_found_in_every_spelling_and_kind_of_column(
    number: str, kind: str, data: st.DataObject
) -> None:
    assert is_identity_number(number)
    spelled = data.draw(st.sampled_from(list(IDENTITY_SPELLINGS.values())))(number)
    assert found(["amk_oslo", "a17", spelled, None], kind)["FILE_IDENTITY_NUMBER"] == [2]
    text = safe(spelled)
    assert number[:6] not in text and number[6:] not in text and "•••" in text


@settings(deadline=None)
@given(st.integers(0, 99_999_999_999))
def test_a_changed_control_digit_is_not_an_identity_number(number: int) -> None:
    digits = f"{number:011d}"
    if is_identity_number(digits):
        assert not is_identity_number(digits[:10] + str((int(digits[10]) + 1) % 10))


def test_fh_numbers_begin_with_8_or_9_and_follow_the_rule_in_force_only() -> None:
    for nine in ("812345678", "998765432", "900000017"):
        now, later = with_control_digits(nine), with_control_digits(nine, 2)
        assert now is None or is_identity_number(now)
        assert later is None or not is_identity_number(later)
    assert is_identity_number(with_control_digits("812345678") or with_control_digits("812345679"))


@settings(deadline=None)
@given(
    st.text(alphabet=[chr(code) for code in range(0x110000) if chr(code).isdecimal()][:600])
    .filter(lambda text: len(text) > 10)
    .map(lambda text: text[:10])
)
def test_digits_of_every_script_are_digits(text: str) -> None:
    digits = "".join(str(unicodedata.digit(character)) for character in NUMBER)
    others = "".join(
        chr(ord(character) - unicodedata.digit(character) + int(digit))
        for character, digit in zip(text + "\uff10", digits, strict=True)
    )
    assert found([others, "a1"], "key") == {"FILE_IDENTITY_NUMBER": [0]}


@pytest.mark.parametrize(
    "value",
    [
        f"1{NUMBER}",
        f"{NUMBER}7",
        f"2026{NUMBER}15",
        f"3f{NUMBER}9c1",
        "00000000000",
        "99999999999",
        "15990112345678",
        "20260115120001",
        "2026-01-15 12:00:01.250",
        "15.01.2026 12:00",
        "1768478400123",
        "",
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_ordinary_ids_and_stamps_are_let_through(value: str, kind: str) -> None:
    assert found([value], kind) == {}


def test_integers_that_lost_their_zero_are_judged_together() -> None:
    numbers = made_up(3)
    assert all(number.startswith("0") for number in numbers)
    short = [number[1:] for number in numbers]
    assert found(short, "key") == {"FILE_IDENTITY_NUMBER": [0, 1, 2]}
    assert found([f"{number}.0" for number in short], "text") == {"FILE_IDENTITY_NUMBER": [0, 1, 2]}
    # One number of ten digits is one of many that look so by chance.
    assert found([short[0], "1234567890", "1234567891"], "key") == {}


def test_an_identity_number_among_other_keys_is_found() -> None:
    rng = np.random.default_rng(3)
    for kind in ("8 digits", "10 digits, letters before", "UUID", "hexadecimal, 32"):
        keys = GOOD[kind].make(rng)
        keys[117] = NUMBER
        assert found(keys, "key") == {"FILE_IDENTITY_NUMBER": [117]}, kind


def test_keys_of_eleven_digits_are_judged_by_the_share_that_is_valid() -> None:
    rng = np.random.default_rng(4)
    own = [f"{number:011d}" for number in rng.integers(0, 10**11, 300)]
    assert any(map(is_identity_number, own))
    for form in (None, r"\d{11}"):
        assert found(own, "key", form) == {}
        mixed = own[:270] + made_up(30, first_day=12)
        rows = found(mixed, "key", form)["FILE_IDENTITY_NUMBER"]
        assert set(range(270, 300)) <= set(rows)
    # Outside the declared form, one is enough.
    assert found([*own, f"fnr {NUMBER}"], "key", r"\d{11}") == {"FILE_IDENTITY_NUMBER": [300]}
    assert found(made_up(3), "key", r"\d{11}") == {"FILE_IDENTITY_NUMBER": [0, 1, 2]}


# --- phone numbers ------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    number=st.integers(21_000_000, 99_999_999).map(str),
    spelling=st.sampled_from(list(PHONE_SPELLINGS)),
    kind=st.sampled_from(["text", "unit", "code", "flag"]),
)
def test_phone_numbers_are_found_in_every_spelling(number: str, spelling: str, kind: str) -> None:
    values = ["amk_oslo", "a17", PHONE_SPELLINGS[spelling](number)]
    assert found(values, kind)["FILE_PHONE_NUMBER"] == [2]
    assert number not in safe(values[2]) and "•••" in safe(values[2])


@pytest.mark.parametrize(
    ("value", "kind", "hit"),
    [
        ("+4799999999", "key", True),
        ("004799999999", "key", True),
        ("4799999999", "key", True),
        ("+47 999 99 999", "key", True),
        ("99999999", "key", False),
        ("99999999", "text", True),
        ("99 99 99 99", "text", True),
        ("1234567", "text", False),
        ("10000000", "text", False),
        ("20260115", "text", False),
        ("bil-99999999", "text", False),
        ("hendelse 2026-01-01", "text", False),
        ("2024-2026", "text", False),
        ("+01:00", "text", False),
        ("0047-0012", "unit", False),
    ],
)
def test_phone_numbers_by_kind_of_column(value: str, kind: str, hit: bool) -> None:
    assert found([value, "a1", "b2"], kind) == ({"FILE_PHONE_NUMBER": [0]} if hit else {})


def test_integer_keys_that_are_phone_numbers_with_country_code_are_found() -> None:
    numbers = ["4790000001", "4790000002", "4790000003"]
    assert found(numbers, "key") == {"FILE_PHONE_NUMBER": [0, 1, 2]}


def test_eight_digit_keys_that_begin_as_mobile_numbers_do_are_phone_numbers() -> None:
    rng = np.random.default_rng(5)
    mobile = [
        f"{first}{rest:07d}"
        for first, rest in zip(
            rng.choice(["4", "9"], 100), rng.integers(0, 10**7, 100), strict=True
        )
    ]
    assert found(mobile, "key") == {"FILE_PHONE_NUMBER": list(range(100))}
    assert found(GOOD["8 digits"].make(rng), "key") == {}


# --- other clues --------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.integers(0, 10**6).map(str), st.sampled_from(list(EMAIL_SPELLINGS)))
def test_email_addresses_are_found(number: str, spelling: str) -> None:
    text = EMAIL_SPELLINGS[spelling](number)
    assert found(["x", text])["FILE_EMAIL"] == [1]
    assert found(["x", "y", text], "key") in ({}, {"FILE_EMAIL": [2]})
    assert "@" not in safe(text) and "＠" not in safe(text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("59.9139, 10.7522", "FILE_COORDINATE"),
        ("10.7522 59.9139", "FILE_COORDINATE"),
        ("59,9139;10,7522", "FILE_COORDINATE"),
        ("59°54'50\"N 10°45'8\"E", "FILE_COORDINATE"),
        ("32V 597000 6643000", "FILE_COORDINATE"),
        ("6643000 597000", "FILE_COORDINATE"),
        ("Storgata 5", "FILE_ADDRESS"),
        ("Nedre Slottsgate 12B, inngang bak", "FILE_ADDRESS"),
        ("bor i Fjellveien 101", "FILE_ADDRESS"),
        ("Postboks 123", "FILE_ADDRESS"),
        ("Kari Nordmann", "FILE_PERSON_NAME"),
        ("NORDMANN, KARI", "FILE_PERSON_NAME"),
        ("pasienten heter ola hansen", "FILE_PERSON_NAME"),
        ("Anne-Marie Ødegård", "FILE_PERSON_NAME"),
    ],
)
def test_places_and_names_are_found_outside_keys_and_codes(text: str, code: str) -> None:
    for kind in ("text", "unit"):
        assert code in found(["amk_oslo", text], kind)
    for kind in ("key", "code"):
        assert found(["amk_oslo", text], kind) == {}
    assert safe(text) != text


@pytest.mark.parametrize(
    "text",
    [
        "amk_oslo", "Oslo universitetssykehus", "St. Olavs hospital", "Ambulansestasjon Nord",
        "Dag Vakt", "0301 Oslo", "Bil 3 Bergen", "AMK Innlandet", "Haukeland", "Gate 5",
        "12,5 km", "113", "59.91", "Legevakt Sør 2", "LA Stavanger", "Båt 12",
    ],
)  # fmt: skip
def test_units_and_municipalities_are_no_persons(text: str) -> None:
    assert found([text]) == {}
    assert safe(text) == text


# --- good deliveries ----------------------------------------------------------------------------

# No one of these may be refused: of the measured kinds, a slice.


def test_no_unit_is_called_by_digits_in_groups_after_0047() -> None:
    assert found(["0047-912-34-567"], "unit") == {"FILE_PHONE_NUMBER": [0]}
    assert found(["0047-91234567"], "unit") == {}


@pytest.mark.parametrize("kind", list(GOOD))
def test_good_deliveries_are_not_refused(kind: str) -> None:
    assert [item.found for item in false_refusals(8, 11, [kind])] == [0]


def test_a_slice_of_the_measured_values_is_found() -> None:
    assert [item for item in detection(3_000, 12) if item.found < item.values] == []
    assert [item for item in single_leaks(12, 13) if item.found < item.values] == []


def test_the_cheap_test_never_hides_what_is_found() -> None:
    for kind in KINDS:
        for value in (NUMBER, "+4798765432", "１４８５７１１００１４", "Kari Nordmann"):
            use = ColumnUse(kind)
            series = pl.Series([value, "a"])
            assert may_be_personal(series, use) or personal_rows(series, use) == {}
    assert not may_be_personal(pl.Series([None, "a"]), ColumnUse("text"))
    assert personal_rows(pl.Series([None, None], dtype=pl.String), ColumnUse("text")) == {}


def test_a_column_of_addresses_is_no_column_of_call_ids() -> None:
    call_ids = [f"{number:016x}@pbx.example.no" for number in range(7_000, 7_060)]
    assert found(call_ids, "key") == {}
    addresses = [f"kari.{number}@example.no" for number in range(60)]
    assert set(found(addresses, "key")) == {"FILE_EMAIL"}
    assert set(found([*call_ids, addresses[0]], "key")) == {"FILE_EMAIL"}


# --- names, masks, shapes -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("calls_2026-01-15_20260115120000.csv", None),
        ("hdo_iccs_calls_2026-01-15_corrected.csv.gz", None),
        ("calls_00012345.csv", None),
        ("uttrekk 98765432.csv", None),
        ("26_01_15_12.csv", None),
        ("vehicle.position.lat", None),
        ("Ark1", None),
        (f"journal_{NUMBER}.csv", "FILE_IDENTITY_NUMBER"),
        (f"fnr{NUMBER}", "FILE_IDENTITY_NUMBER"),
        ("samtaler +47 987 65 432.xlsx", "FILE_PHONE_NUMBER"),
        ("Kari_Nordmann_2026-01-15.csv", "FILE_PERSON_NAME"),
        ("kari@example.no", "FILE_EMAIL"),
        ("Storgata 5.xlsx", "FILE_ADDRESS"),
        ("59.9139, 10.7522", "FILE_COORDINATE"),
    ],
)
def test_names_of_files_and_columns(name: str, code: str | None) -> None:
    assert personal_text(name) == code


def test_a_number_in_two_parts_is_found_in_a_name_and_a_day_with_a_sequence_number_is_none() -> (
    None
):
    apart = f"{NUMBER[:6]}_{NUMBER[6:]}"
    assert personal_text(f"ambulanse_{apart}.csv") == "FILE_IDENTITY_NUMBER"
    assert NUMBER[6:] not in safe(f"ambulanse_{apart}.csv")
    names = [
        f"ambulanse_{day}_{number:05d}.csv" for day in ("150126", "260115") for number in range(500)
    ]
    assert {personal_text(name) for name in names} == {None}


@settings(deadline=None)
@given(st.text(max_size=300), st.integers(1, 250))
def test_safe_text_is_one_visible_line_within_its_limit(text: str, limit: int) -> None:
    shown = safe(text, limit)
    assert len(shown) <= limit
    assert shown.isprintable()


def test_safe_keeps_what_is_not_personal() -> None:
    text = "prove_2026-01-15.csv: 301 rader, kl. 12:00:01 (a15896912345x7) 20260115120001"
    assert safe(text) == text
    assert safe("a\x1b[31mb\nc\u202ed") == "a\\x1b[31mb\\nc\\u202ed"
    assert safe(f"kolonne {NUMBER[:6]}\u00a0{NUMBER[6:]} og 98765432") == "kolonne ••• og •••"
    # Eleven digits are hidden also when a digit is wrong.
    assert "•••" in safe("14057112345")


def test_masking_shows_nothing_but_length() -> None:
    assert masked("+4712345678") == "•••(11)"
    assert masked(None) is None
    values = pl.Series("a", ["x", NUMBER, None])
    shown = masked_where(values, pl.Series([False, True, True]))
    assert shown.to_list() == ["x", "•••(11)", None]
    assert shown.name == "a"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("encoding", ["utf-8", "cp865"])
def test_nothing_personal_is_shown_of_a_rejected_row_in_any_spelling(
    kind: str, encoding: str
) -> None:
    """Also where an encoding has lost a blank or an at sign, and a question mark is left."""
    rng = np.random.default_rng(7)
    numbers = made_up(60)
    callers = [f"{'49'[at % 2]}{number[1:]}" for at, number in enumerate(phone_numbers(rng, 60))]
    for values, spellings in (
        (numbers, IDENTITY_SPELLINGS),
        (callers, PHONE_SPELLINGS),
        (callers, EMAIL_SPELLINGS),
    ):
        planted = Planted(identity={*numbers}, phones={*callers})
        for name, spelled in spellings.items():
            texts = [spelled(value).replace("example", HOST) for value in values]
            read = [text.encode(encoding, "replace").decode(encoding) for text in texts]
            for text in showable(pl.Series(read), ColumnUse(kind)):
                assert not found_in(text.casefold(), planted), (name, text)


@pytest.mark.parametrize("kind", ["timestamp", "number", "flag", "code", "text"])
def test_an_email_address_that_a_field_has_cut_is_not_shown(kind: str) -> None:
    spoken = {"spoken", "spoken, in brackets"}  # cut before the dot they are words
    for name, spelled in EMAIL_SPELLINGS.items():
        whole = spelled("40123456").removesuffix(" innen fredag")
        for cut in range(whole.find("example") + 3, len(whole)) if name not in spoken else ():
            (shown,) = showable(pl.Series([whole[:cut]]), ColumnUse(kind))
            assert "exa" not in shown.casefold(), (name, whole[:cut])


def test_what_one_looks_for_in_a_rejected_row_is_shown() -> None:
    told = ["2026-01-15 04:00:00.123", "15.01.2026", "15.1.26 4:00", "04:00:0", "RØD", "17", "12,5"]
    assert showable(pl.Series(told), ColumnUse("timestamp")).to_list() == told


@settings(deadline=None)
@given(st.text(max_size=60))
def test_a_shape_says_no_letter_and_no_digit(text: str) -> None:
    drawn = shape(text)
    assert len(drawn) <= 40
    assert not set(drawn) & (set(string.ascii_letters + string.digits) - set("Aa9"))


def test_shape() -> None:
    assert shape("15MAR26:12:00:01") == "99AAA99:99:99:99"
    assert shape("Åse-1") == "Aaa-9"


def test_every_code_is_a_file_rule_with_both_languages() -> None:
    rules = {rule.code: rule for rule in FILE_RULES}
    for code in CODES:
        assert rules[code].kind == "privacy"
        assert rules[code].message_nb and rules[code].message_en
