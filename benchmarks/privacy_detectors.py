"""Both errors of the detectors: what they miss, and which good deliveries they refuse.

Run as `python -m benchmarks.privacy_detectors --samples 1000000 --deliveries 10000`. Everything is
made up here, from the published rules, with nothing of the detectors' own code; seeded.
"""

from __future__ import annotations

import argparse
import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from ingestion.privacy import ColumnUse, personal_rows

ROWS = 300
_CHUNK = 20_000
_FIRST_WEIGHTS = np.array([3, 7, 6, 1, 8, 9, 4, 5, 2])
_SECOND_WEIGHTS = np.array([5, 4, 3, 2, 7, 6, 5, 4, 3, 2])

# --- what must be found -------------------------------------------------------------------------

# Added to day and month of birth.
SERIES = {
    "fødselsnummer": (0, 0),
    "D-number": (40, 0),
    "H-number": (0, 40),
    "month + 20": (0, 20),
    "month + 65": (0, 65),
    "synthetic (month + 80)": (0, 80),
    "synthetic D-number": (40, 80),
}
_NO_BREAK, _THIN, _NARROW, _ZERO_WIDTH = "\u00a0", "\u2009", "\u202f", "\u200b"
_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d"


def _other_digits(zero: str) -> Callable[[str], str]:
    return lambda n: "".join(chr(ord(zero) + int(digit)) for digit in n)


def _float(n: str) -> str:
    return f"{n[0]}.{n[1:].rstrip('0') or '0'}e{len(n) - 1}"


IDENTITY_SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda n: n,
    "6 5": lambda n: f"{n[:6]} {n[6:]}",
    "6 3 2": lambda n: f"{n[:6]} {n[6:9]} {n[9:]}",
    "dotted date": lambda n: f"{n[:2]}.{n[2:4]}.{n[4:6]} {n[6:]}",
    "slashes": lambda n: f"{n[:2]}/{n[2:4]}/{n[4:6]}-{n[6:]}",
    "full year": lambda n: f"{n[:2]}.{n[2:4]}.19{n[4:6]} {n[6:]}",
    "year first": lambda n: f"19{n[4:6]}-{n[2:4]}-{n[:2]} {n[6:]}",
    "dashes of nine kinds": lambda n: f"{n[:6]}{_DASHES[int(n[5]) % 9]}{n[6:]}",
    "no-break space": lambda n: f"{n[:6]}{_NO_BREAK}{n[6:]}",
    "thin spaces": lambda n: f"{n[:6]}{_THIN}{n[6:9]}{_NARROW}{n[9:]}",
    "zero-width space": lambda n: f"{n[:6]}{_ZERO_WIDTH}{n[6:]}",
    "every digit apart": lambda n: " ".join(n),
    "4 4 3": lambda n: f"{n[:4]} {n[4:8]} {n[8:]}",
    "thousands": lambda n: f"{n[:2]} {n[2:5]} {n[5:8]} {n[8:]}",
    "full-width digits": _other_digits("\uff10"),
    "Arabic digits": _other_digits("\u0660"),
    "Devanagari digits": _other_digits("\u0966"),
    "letters before": lambda n: f"fnr{n}",
    "letters around": lambda n: f"a{n}b",
    "text around": lambda n: f"pasient (f.nr {n}), kjent fra før",
    "separators around": lambda n: f"2026-{n}_7",
    "float": lambda n: f"{n}.0",
    "exponent": _float,
    "underscore": lambda n: f"{n[:6]}_{n[6:]}",
    "colon": lambda n: f"{n[:6]}:{n[6:]}",
    "bar": lambda n: f"{n[:6]} | {n[6:]}",
    "arrow": lambda n: f"{n[:6]} => {n[6:]}",
    "pnr": lambda n: f"{n[:6]} pnr {n[6:]}",
    "personnr.": lambda n: f"født {n[:6]}, personnr. {n[6:]}",
    "accents on digits": lambda n: "".join(f"{digit}\u0301" for digit in n),
    "six blanks": lambda n: f"{n[:6]}{' ' * 6}{n[6:]}",
    "a word between": lambda n: f"{n[:6]} and {n[6:]}",
    "a dot between all": lambda n: ".".join(n),
    "an underscore between all": lambda n: "_".join(n),
    "3.3.3.2": lambda n: f"{n[:3]}.{n[3:6]}.{n[6:9]}.{n[9:]}",
}
PHONE_SPELLINGS: dict[str, Callable[[str], str]] = {
    "bare": lambda n: n,
    "3 2 3": lambda n: f"{n[:3]} {n[3:5]} {n[5:]}",
    "2 2 2 2": lambda n: f"{n[:2]} {n[2:4]} {n[4:6]} {n[6:]}",
    "dotted pairs": lambda n: f"{n[:2]}.{n[2:4]}.{n[4:6]}.{n[6:]}",
    "slashes": lambda n: f"{n[:3]}/{n[3:5]}/{n[5:]}",
    "+47": lambda n: f"+47{n}",
    "+47 grouped": lambda n: f"+47 {n[:3]} {n[3:5]} {n[5:]}",
    "(+47)": lambda n: f"(+47){n}",
    "(+47) grouped": lambda n: f"(+47) {n[:2]} {n[2:4]} {n[4:6]} {n[6:]}",
    "0047": lambda n: f"0047{n}",
    "0047 grouped": lambda n: f"0047 {n[:3]} {n[3:5]} {n[5:]}",
    "47": lambda n: f"47{n}",
    "no-break spaces": lambda n: f"{n[:3]}{_NO_BREAK}{n[3:5]}{_NO_BREAK}{n[5:]}",
    "dashes": lambda n: f"{n[:3]}-{n[3:5]}-{n[5:]}",
    "full-width digits": _other_digits("\uff10"),
    "text around": lambda n: f"ring {n} ved ankomst",
    "letters before": lambda n: f"tlf.{n}",
    "float": lambda n: f"{n}.0",
    "Swedish, +": lambda n: f"+46 70 {n[:3]} {n[3:5]} {n[5:7]}",
    "Danish, 00": lambda n: f"0045{n}",
    "British, +": lambda n: f"+44 20 {n[:4]} {n[4:]}",
    "American, +": lambda n: f"+1 (212) 5{n[:2]}-{n[2:6]}",
    "Polish, 00": lambda n: f"0048 6{n[:2]} {n[2:5]} {n[5:]}",
}
EMAIL_SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda n: f"person{n}@example.no",
    "dotted": lambda n: f"kari.{n}@mail.example.com",
    "capitals": lambda n: f"KARI{n}@EXAMPLE.NO",
    "in brackets": lambda n: f"Kari <k{n}@example.org>",
    "text around": lambda n: f"svar til k_{n}@example.no innen fredag",
    "tag": lambda n: f"k+{n}@example.co.uk",
    "Norwegian letters": lambda n: f"bjørg{n}@blåbær.example.no",
    "blanks": lambda n: f"kari{n} @ example.no",
    "(at)": lambda n: f"kari{n}(at)example.no",
    "full-width": lambda n: f"kari{n}＠example.no",
    "spoken": lambda n: f"kari{n} at example dot no",
    "spoken, in brackets": lambda n: f"kari{n}(alfa)example(punktum)no",
}


def with_check_digits(nine: np.ndarray, first_remainder: np.ndarray) -> np.ndarray:
    """Rows of eleven digits; rows for which no check digits exist are left out."""
    first = (first_remainder - nine @ _FIRST_WEIGHTS) % 11
    ten = np.column_stack([nine, first])
    second = -(ten @ _SECOND_WEIGHTS) % 11
    return np.column_stack([ten, second])[(first < 10) & (second < 10)]


def identity_numbers(rng: np.random.Generator, count: int, kind: str, rule: int) -> list[str]:
    """Made-up numbers of one kind; `rule` 2032 draws the first remainder from 1, 2 and 3."""
    found: list[str] = []
    while len(found) < count:
        nine = rng.integers(0, 10, (count, 9))
        if kind == "FH-number":
            nine[:, 0] = rng.integers(8, 10, count)
        else:
            shift, series = SERIES[kind]
            day = rng.integers(1, 29, count) + shift
            month = rng.integers(1, 13, count) + series
            nine[:, 0], nine[:, 1] = day // 10, day % 10
            nine[:, 2], nine[:, 3] = month // 10, month % 10
        remainder = rng.integers(1, 4, count) if rule == 2032 else np.zeros(count, dtype=int)
        rows = with_check_digits(nine, remainder)
        found += ["".join(map(str, row)) for row in rows.tolist()]
    return found[:count]


def phone_numbers(rng: np.random.Generator, count: int) -> list[str]:
    """Made-up subscriber numbers: eight digits, the first 2 to 9, none that begins with 20."""
    numbers = rng.integers(21_000_000, 100_000_000, count)
    return [str(number) for number in numbers]


@dataclass(frozen=True)
class Found:
    """How many made-up values of one kind were found."""

    kind: str
    values: int
    found: int
    missed: tuple[str, ...]


def detection(samples: int, seed: int) -> Iterator[Found]:
    """Values of each kind in every spelling, in text columns, each judged by itself."""
    rng = np.random.default_rng(seed)
    kinds = [(name, rule) for name in SERIES for rule in (2026, 2032)] + [("FH-number", 2026)]
    each = -(-samples // (len(kinds) * len(IDENTITY_SPELLINGS)))
    for name, rule in kinds:
        code = "FILE_IDENTITY_NUMBER"
        numbers = identity_numbers(rng, each * len(IDENTITY_SPELLINGS), name, rule)
        label = f"{name}, check digits of {rule}"
        yield _share_found(label, code, numbers, IDENTITY_SPELLINGS)
    phones = phone_numbers(rng, samples)
    yield _share_found("phone numbers", "FILE_PHONE_NUMBER", phones, PHONE_SPELLINGS)
    yield _share_found("e-mail addresses", "FILE_EMAIL", phones, EMAIL_SPELLINGS)


def _share_found(
    kind: str, code: str, numbers: list[str], spellings: dict[str, Callable[[str], str]]
) -> Found:
    found, missed = 0, []
    names = list(spellings)
    for start in range(0, len(numbers), _CHUNK):
        chunk = numbers[start : start + _CHUNK]
        texts = [
            spellings[names[(start + at) % len(names)]](number) for at, number in enumerate(chunk)
        ]
        hits = personal_rows(pl.Series(texts), ColumnUse("text")).get(code)
        marks = [False] * len(texts) if hits is None else hits.to_list()
        found += sum(marks)
        missed += [names[(start + at) % len(names)] for at, mark in enumerate(marks) if not mark]
    return Found(kind, len(numbers), found, tuple(sorted(set(missed))))


def single_leaks(deliveries: int, seed: int) -> Iterator[Found]:
    """One identity or phone number in a delivery whose keys are of another kind."""
    rng = np.random.default_rng(seed)
    hosts = ("8 digits", "9 digits", "10 digits, letters before", "UUID", "hexadecimal, 32")
    numbers = identity_numbers(rng, deliveries, "synthetic (month + 80)", 2032)
    phones = phone_numbers(rng, deliveries)
    spelled = list(IDENTITY_SPELLINGS.values())
    for code, leaks in (("FILE_IDENTITY_NUMBER", numbers), ("FILE_PHONE_NUMBER", phones)):
        for host in hosts:
            found = 0
            for at, number in enumerate(leaks):
                keys = GOOD[host].make(rng)
                leak = f"+47{number}" if code.endswith("PHONE_NUMBER") else number
                if code == "FILE_IDENTITY_NUMBER":
                    leak = spelled[at % len(spelled)](number)
                keys[int(rng.integers(0, len(keys)))] = leak
                found += code in personal_rows(pl.Series(keys), ColumnUse("key"))
            kind = "identity number" if code == "FILE_IDENTITY_NUMBER" else "+47"
            yield Found(f"one {kind} among keys: {host}", len(leaks), found, ())


# --- what must not be refused -------------------------------------------------------------------


@dataclass(frozen=True)
class Good:
    """Deliveries of one kind of key: what they are for, and how one is made."""

    use: ColumnUse
    make: Callable[[np.random.Generator], list[str]]


def _random(digits: int, before: str = "", after: str = "") -> Callable[..., list[str]]:
    def make(rng: np.random.Generator) -> list[str]:
        numbers = rng.integers(0, 10**digits, ROWS)
        return [f"{before}{number:0{digits}d}{after}" for number in numbers]

    return make


def _below(limit: int) -> Callable[..., list[str]]:
    return lambda rng: [str(number) for number in rng.integers(1, limit, ROWS)]


def _counter(digits: int, step: int = 1) -> Callable[..., list[str]]:
    def make(rng: np.random.Generator) -> list[str]:
        start = int(rng.integers(10 ** (digits - 1), 10**digits - step * ROWS))
        return [str(start + step * at) for at in range(ROWS)]

    return make


def _hexadecimal(digits: int) -> Callable[..., list[str]]:
    return lambda rng: [rng.bytes(digits // 2).hex() for _ in range(ROWS)]


def _alphabet(letters: str, size: int) -> Callable[..., list[str]]:
    def make(rng: np.random.Generator) -> list[str]:
        return [
            "".join(letters[i] for i in row) for row in rng.integers(0, len(letters), (ROWS, size))
        ]

    return make


def _uuids(rng: np.random.Generator) -> list[str]:
    return [str(uuid.UUID(bytes=rng.bytes(16), version=4)) for _ in range(ROWS)]


def _stamps(form: str, *, one_day: bool = True) -> Callable[..., list[str]]:
    def make(rng: np.random.Generator) -> list[str]:
        day = dt.datetime(2010, 1, 1) + dt.timedelta(days=int(rng.integers(0, 7_000)))
        span = 86_400 if one_day else 86_400 * 900
        seconds = np.sort(rng.integers(0, span, ROWS))
        return [(day + dt.timedelta(seconds=int(second))).strftime(form) for second in seconds]

    return make


def _dated(form: str, digits: int) -> Callable[..., list[str]]:
    """A day of its own for every key, and a number after it."""

    def make(rng: np.random.Generator) -> list[str]:
        days = _stamps(form, one_day=False)(rng)
        return [
            f"{day}{number:0{digits}d}"
            for day, number in zip(days, rng.integers(0, 10**digits, ROWS), strict=True)
        ]

    return make


def _dated_counter(form: str, digits: int) -> Callable[..., list[str]]:
    """The day of the delivery, and 1, 2, 3."""

    def make(rng: np.random.Generator) -> list[str]:
        day = _stamps(form)(rng)[0]
        return [f"{day}{number:0{digits}d}" for number in range(1, ROWS + 1)]

    return make


def _epoch(factor: int) -> Callable[..., list[str]]:
    def make(rng: np.random.Generator) -> list[str]:
        start = int(rng.integers(1_262_304_000, 1_893_456_000)) * factor
        return [str(start + int(extra)) for extra in rng.integers(0, 86_400 * factor, ROWS)]

    return make


def _own_check_digit(rng: np.random.Generator) -> list[str]:
    """Eleven digits of which the last is a check digit, as of bank accounts."""
    ten = rng.integers(0, 10, (3 * ROWS, 10))
    last = -(ten @ _SECOND_WEIGHTS) % 11
    rows = np.column_stack([ten, last])[last < 10][:ROWS]
    return ["".join(map(str, row)) for row in rows.tolist()]


def _few(make: Callable[..., list[str]], different: int) -> Callable[..., list[str]]:
    """Few units on many rows."""

    def again(rng: np.random.Generator) -> list[str]:
        units = make(rng)[:different]
        return [units[at] for at in rng.integers(0, different, ROWS)]

    return again


def _municipalities(rng: np.random.Generator) -> list[str]:
    return [f"{number:04d}" for number in rng.integers(301, 5_637, ROWS)]


_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_KEY, _UNIT, _STAMP = ColumnUse("key"), ColumnUse("unit"), ColumnUse("timestamp")
_ELEVEN = ColumnUse("key", form=r"\d{11}")
GOOD: dict[str, Good] = {
    "8 digits": Good(_KEY, _random(8)),
    "9 digits": Good(_KEY, _random(9)),
    "10 digits": Good(_KEY, _random(10)),
    "11 digits": Good(_KEY, _random(11)),
    "11 digits, declared": Good(_ELEVEN, _random(11)),
    "12 digits": Good(_KEY, _random(12)),
    "8 digits, a counter": Good(_KEY, _counter(8)),
    "9 digits, a counter": Good(_KEY, _counter(9)),
    "10 digits, a counter": Good(_KEY, _counter(10)),
    "11 digits, a counter": Good(_KEY, _counter(11)),
    "11 digits, a counter in steps of 7": Good(_KEY, _counter(11, 7)),
    "10 digits, declared": Good(ColumnUse("key", form=r"\d{10}"), _random(10)),
    "any number below 10^11": Good(_KEY, _below(10**11)),
    "any number below 10^12": Good(_KEY, _below(10**12)),
    "any number below 10^13": Good(_KEY, _below(10**13)),
    "10 digits, letters before": Good(_KEY, _random(10, "O-")),
    "11 digits, letters before": Good(_KEY, _random(11, "AMK-")),
    "11 digits as floats": Good(_KEY, _random(11, after=".0")),
    "11 digits with a check digit": Good(_KEY, _own_check_digit),
    "ddmmyy and 5 digits": Good(_KEY, _dated("%d%m%y", 5)),
    "ddmmyy and 5 digits, declared": Good(_ELEVEN, _dated("%d%m%y", 5)),
    "ddmmyy-5 digits": Good(_KEY, _dated("%d%m%y-", 5)),
    "yymmdd and 5 digits": Good(_KEY, _dated("%y%m%d", 5)),
    "yyyymmdd and 3 digits": Good(_KEY, _dated("%Y%m%d", 3)),
    "yyyy-mm-dd-3 digits": Good(_KEY, _dated("%Y-%m-%d-", 3)),
    "day of delivery and 1, 2, 3 (11 digits)": Good(_KEY, _dated_counter("%d%m%y", 5)),
    "day of delivery and 1, 2, 3 (10 digits)": Good(_KEY, _dated_counter("%y%m%d", 4)),
    "UUID": Good(_KEY, _uuids),
    "hexadecimal, 11": Good(_KEY, lambda rng: [x[:11] for x in _hexadecimal(12)(rng)]),
    "hexadecimal, 12": Good(_KEY, _hexadecimal(12)),
    "hexadecimal, 16": Good(_KEY, _hexadecimal(16)),
    "hexadecimal, 32": Good(_KEY, _hexadecimal(32)),
    "hexadecimal, 64": Good(_KEY, _hexadecimal(64)),
    "26 letters and digits": Good(_KEY, _alphabet(_LETTERS, 26)),
    "11 letters and digits": Good(_KEY, _alphabet(_LETTERS, 11)),
    "epoch, seconds": Good(_KEY, _epoch(1)),
    "epoch, milliseconds": Good(_KEY, _epoch(1_000)),
    "epoch, seconds, a stamp": Good(_STAMP, _epoch(1)),
    "20260115120001": Good(_KEY, _stamps("%Y%m%d%H%M%S")),
    "260115120001": Good(_KEY, _stamps("%y%m%d%H%M%S")),
    "1501261200": Good(_KEY, _stamps("%d%m%y%H%M")),
    "20260115-120001": Good(_KEY, _stamps("%Y%m%d-%H%M%S")),
    "ISO stamp": Good(_STAMP, _stamps("%Y-%m-%dT%H:%M:%S.%fZ")),
    "date and time": Good(_STAMP, _stamps("%d.%m.%Y %H:%M:%S")),
    "compact date": Good(_STAMP, _stamps("%Y%m%d", one_day=False)),
    "stamp with month first": Good(_STAMP, _stamps("%m/%d/%Y %I:%M:%S %p")),
    "interval in milliseconds": Good(_STAMP, _below(10**8)),
    "municipality code": Good(ColumnUse("text"), _municipalities),
    "8-digit units, 3": Good(_UNIT, _few(_random(8), 3)),
    "8-digit units, 40": Good(_UNIT, _few(_random(8), 40)),
    "8-digit units, 40 in a row": Good(_UNIT, _few(_counter(8), 40)),
    "9-digit units, 40": Good(_UNIT, _few(_random(9), 40)),
    "0047 and 8 digits": Good(_KEY, _random(8, "0047")),
    "0047- and 8 digits": Good(_KEY, _random(8, "0047-")),
    "0047- and 4 digits, 12 units": Good(_UNIT, _few(_random(4, "0047-"), 12)),
    "0047- and 8 digits, 12 units": Good(_UNIT, _few(_random(8, "0047-"), 12)),
    "filled with zeros": Good(_KEY, lambda rng: [f"00{n:08d}" for n in range(ROWS)]),
}


def false_refusals(deliveries: int, seed: int, kinds: list[str] | None = None) -> Iterator[Found]:
    """Deliveries of 300 rows with keys of one kind each: how many are called personal."""
    rng = np.random.default_rng(seed)
    for kind in kinds or list(GOOD):
        good = GOOD[kind]
        refused = sum(
            bool(personal_rows(pl.Series(good.make(rng)), good.use)) for _ in range(deliveries)
        )
        yield Found(kind, deliveries, refused, ())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1_000_000, help="values of each kind")
    parser.add_argument("--deliveries", type=int, default=10_000, help="deliveries of each kind")
    parser.add_argument("--kinds", nargs="*", help="only these kinds of good deliveries")
    parser.add_argument("--seed", type=int, default=2026)
    arguments = parser.parse_args()
    if not arguments.kinds:
        _print_found(arguments)
    print("\n| good deliveries | deliveries | refused |\n|---|---:|---:|")
    for found in false_refusals(arguments.deliveries, arguments.seed, arguments.kinds):
        print(f"| {found.kind} | {found.values:,} | {found.found} |", flush=True)


def _print_found(arguments: argparse.Namespace) -> None:
    print("| made up | values | missed | in spellings |\n|---|---:|---:|---|")
    for found in detection(arguments.samples, arguments.seed):
        missed = found.values - found.found
        spellings = ", ".join(found.missed) or "–"
        print(f"| {found.kind} | {found.values:,} | {missed} | {spellings} |", flush=True)
    print("\n| one in a delivery | deliveries | missed |\n|---|---:|---:|")
    for found in single_leaks(min(arguments.deliveries, 2_000), arguments.seed):
        print(f"| {found.kind} | {found.values:,} | {found.values - found.found} |", flush=True)


if __name__ == "__main__":
    main()
