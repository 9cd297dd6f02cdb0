"""KOSTRA groups from a KLASS 112 file into the seed `kostra_groups.csv`.

Statistics Norway (SSB) exports KLASS 112 as CSV in two forms, separated by semicolons or commas:
the classification (code, parentCode, level, name; the members of a group have its code as parent)
and a correspondence table (sourceCode, sourceName, targetCode, targetName). Both are read, and what
a file cannot mean is refused with its row.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from orchestration.atomic import write_text
from orchestration.paths import DBT_PROJECT

SEEDS = DBT_PROJECT / "seeds"
SEED = SEEDS / "kostra_groups.csv"
COLUMNS = ("municipality_code", "group_code", "group_name", "valid_from", "valid_to")
_CLASSIFICATION = ("code", "parentcode", "name")
_CORRESPONDENCE = ("sourcecode", "sourcename", "targetcode", "targetname")
_OPEN = date(9999, 12, 31)


@dataclass(frozen=True)
class Finding:
    """What is wrong, where, and by which rule."""

    row: int | None
    rule: str
    nb: str
    en: str


@dataclass(frozen=True)
class Member:
    """A municipality in a group for a time; valid_to is exclusive, None while it stands."""

    municipality_code: str
    group_code: str
    group_name: str
    valid_from: date
    valid_to: date | None


@dataclass(frozen=True)
class Reading:
    """What a file says: members, what refuses it, and what its reader should know."""

    members: tuple[Member, ...]
    errors: tuple[Finding, ...]
    warnings: tuple[Finding, ...]


@dataclass(frozen=True)
class Codes:
    """Municipality codes of every vintage: first day, and first day no longer in force."""

    periods: Mapping[str, tuple[date, date]]

    def in_force(self, on: date) -> set[str]:
        return {code for code, (start, end) in self.periods.items() if start <= on < end}

    @classmethod
    def from_seeds(cls, seeds: Path = SEEDS) -> Codes:
        """From the municipalities in force and the list of changes."""
        starts: dict[str, date] = {}
        ends: dict[str, date] = {}
        old: dict[str, set[date]] = {}
        new: dict[str, set[date]] = {}
        for change in _rows(seeds / "municipality_changes.csv"):
            on = date.fromisoformat(change["change_date"])
            old.setdefault(change["old_code"], set()).add(on)
            new.setdefault(change["new_code"], set()).add(on)
        for code in {row["municipality_code"] for row in _rows(seeds / "municipalities.csv")}:
            old.setdefault(code, set())
        for code in old.keys() | new.keys():
            # A merger that keeps a code lists it both as an old and as a new one.
            made = new.get(code, set()) - old.get(code, set())
            ended = old.get(code, set()) - new.get(code, set())
            starts[code] = min(made, default=date(2000, 1, 1))
            ends[code] = max(ended, default=_OPEN)
        return cls({code: (starts[code], ends[code]) for code in starts})


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


class _Reader:
    """One pass over a file; findings gather on the way."""

    def __init__(
        self, path: Path, codes: Codes, valid_from: date | None, valid_to: date | None
    ) -> None:
        self.path = path
        self.codes = codes
        self.valid_from = valid_from
        self.valid_to = valid_to
        self.errors: list[Finding] = []
        self.warnings: list[Finding] = []

    @cached_property
    def lines(self) -> list[tuple[int, dict[str, str]]]:
        """Row number (the header is row 1) and cells by lower-case column name."""
        raw = self.path.read_bytes()
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = raw.decode("cp1252", errors="replace")
        header = text.splitlines()[0] if text.strip() else ""
        separator = max(";,\t", key=header.count)
        reader = csv.reader(io.StringIO(text), delimiter=separator)
        names = [name.strip().lower() for name in next(reader, [])]
        return [
            (number, dict(zip(names, (cell.strip() for cell in cells), strict=False)))
            for number, cells in enumerate(reader, 2)
            if any(cell.strip() for cell in cells)
        ]

    def error(self, row: int | None, rule: str, nb: str, en: str) -> None:
        self.errors.append(Finding(row, rule, nb, en))

    def read(self) -> Reading:
        columns = set(self.lines[0][1]) if self.lines else set()
        if columns.issuperset(_CLASSIFICATION):
            members = list(self._classified())
        elif columns.issuperset(_CORRESPONDENCE):
            members = list(self._corresponding())
        else:
            members = []
            self.error(
                1,
                "KOSTRA_COLUMNS",
                "Filen har verken kolonnene code, parentCode og name eller sourceCode, sourceName, "
                "targetCode og targetName.",
                "The file has neither the columns code, parentCode and name nor sourceCode, "
                "sourceName, targetCode and targetName.",
            )
        self._twice(members)
        self._missing(members)
        if not members and not self.errors:
            self.error(None, "KOSTRA_EMPTY", "Ingen kommuner i filen.", "No municipalities.")
        return Reading(
            tuple(member for _, member in members), tuple(self.errors), tuple(self.warnings)
        )

    def _classified(self) -> Iterator[tuple[int, Member]]:
        groups = {
            cells["code"]: cells["name"] for _, cells in self.lines if not cells["parentcode"]
        }
        for row, cells in self.lines:
            parent = cells["parentcode"]
            if parent and parent not in groups:
                self.error(
                    row,
                    "KOSTRA_GROUP_UNKNOWN",
                    f"Gruppen {parent} står ikke i filen.",
                    f"Group {parent} is not in the file.",
                )
            elif parent:
                yield from self._member(row, cells, cells["code"], parent, groups[parent])
            elif _municipality(cells["code"]):
                self.error(
                    row,
                    "KOSTRA_NO_GROUP",
                    f"Kommunen {cells['code']} har ingen gruppe.",
                    f"Municipality {cells['code']} has no group.",
                )

    def _corresponding(self) -> Iterator[tuple[int, Member]]:
        # Either side may be the municipality.
        sides = ("source", "target")
        place = max(
            sides,
            key=lambda side: sum(
                _municipality(cells[f"{side}code"]) in self.codes.periods for _, cells in self.lines
            ),
        )
        group = sides[1 - sides.index(place)]
        for row, cells in self.lines:
            if not cells[f"{group}code"]:
                self.error(
                    row,
                    "KOSTRA_NO_GROUP",
                    f"Kommunen {cells[f'{place}code']} har ingen gruppe.",
                    f"Municipality {cells[f'{place}code']} has no group.",
                )
                continue
            yield from self._member(
                row, cells, cells[f"{place}code"], cells[f"{group}code"], cells[f"{group}name"]
            )

    def _member(
        self, row: int, cells: Mapping[str, str], code: str, group: str, name: str
    ) -> Iterator[tuple[int, Member]]:
        start = self._date(row, cells.get("validfrom", "")) or self.valid_from
        end = self._date(row, cells.get("validto", "")) or self.valid_to
        municipality = _municipality(code)
        if municipality not in self.codes.periods:
            self.error(
                row,
                "KOSTRA_CODE_UNKNOWN",
                f"{code} er ikke et kommunenummer.",
                f"{code} is not a municipality code.",
            )
        elif start is None:
            self.error(
                row,
                "KOSTRA_DATE_MISSING",
                "Gyldig fra mangler; oppgi --valid-from.",
                "Valid from is missing; give --valid-from.",
            )
        elif end is not None and end <= start:
            self.error(
                row,
                "KOSTRA_DATE_ORDER",
                f"Gyldig til {end} er ikke etter gyldig fra {start}.",
                f"Valid to {end} is not after valid from {start}.",
            )
        elif municipality not in self.codes.in_force(start):
            self.error(
                row,
                "KOSTRA_CODE_NOT_IN_FORCE",
                f"Kommunenummer {municipality} gjaldt ikke {start}.",
                f"Municipality code {municipality} was not in force on {start}.",
            )
        else:
            yield row, Member(municipality, group, name or group, start, end)

    def _date(self, row: int, text: str) -> date | None:
        if not text:
            return None
        try:
            return date.fromisoformat(text[:10])
        except ValueError:
            self.error(
                row,
                "KOSTRA_DATE",
                f"{text} er ikke en dato (ÅÅÅÅ-MM-DD).",
                f"{text} is not a date (YYYY-MM-DD).",
            )
            return None

    def _twice(self, members: Sequence[tuple[int, Member]]) -> None:
        ordered = sorted(members, key=lambda m: (m[1].municipality_code, m[1].valid_from, m[0]))
        for (_, earlier), (row, later) in pairwise(ordered):
            if earlier.municipality_code == later.municipality_code and later.valid_from < (
                earlier.valid_to or _OPEN
            ):
                self.error(
                    row,
                    "KOSTRA_TWICE",
                    f"Kommunen {later.municipality_code} står i to grupper samtidig.",
                    f"Municipality {later.municipality_code} is in two groups at a time.",
                )

    def _missing(self, members: Iterable[tuple[int, Member]]) -> None:
        listed: dict[date, set[str]] = {}
        for _, member in members:
            listed.setdefault(member.valid_from, set()).add(member.municipality_code)
        if listed:
            first = min(listed)
            absent = sorted(self.codes.in_force(first) - set().union(*listed.values()))
            if absent:
                shown = ", ".join(absent[:10]) + (" …" if len(absent) > 10 else "")
                self.warnings.append(
                    Finding(
                        None,
                        "KOSTRA_MISSING",
                        f"{len(absent)} kommuner som gjaldt {first}, har ingen gruppe: {shown}",
                        f"{len(absent)} municipalities in force on {first} have no group: {shown}",
                    )
                )


def _municipality(code: str) -> str:
    """Four digits; a leading zero that a spreadsheet dropped is put back. Else empty."""
    return code.zfill(4) if re.fullmatch(r"\d{3,4}", code) else ""


def read_klass(
    path: Path,
    codes: Codes | None = None,
    valid_from: date | None = None,
    valid_to: date | None = None,
) -> Reading:
    """Members of KOSTRA groups in a KLASS file.

    Args:
        valid_from: for rows that have no date of their own.
        valid_to: likewise, exclusive.
    """
    return _Reader(path, codes or Codes.from_seeds(), valid_from, valid_to).read()


def load_seed(seed: Path = SEED) -> list[Member]:
    """What the seed holds."""
    return [
        Member(
            row["municipality_code"],
            row["group_code"],
            row["group_name"],
            date.fromisoformat(row["valid_from"]),
            date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
        )
        for row in _rows(seed)
    ]


def merged(kept: Iterable[Member], new: Sequence[Member]) -> list[Member]:
    """The members of a new version beside the older ones, which it ends or replaces."""
    first = min(member.valid_from for member in new)
    older = [
        Member(
            member.municipality_code,
            member.group_code,
            member.group_name,
            member.valid_from,
            min(member.valid_to or _OPEN, first),
        )
        for member in kept
        if member.valid_from < first
    ]
    return sorted([*older, *new], key=lambda m: (m.valid_from, m.municipality_code))


def write_seed(members: Sequence[Member], seed: Path = SEED) -> None:
    """Write the seed whole."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for member in members:
        writer.writerow(
            (
                member.municipality_code,
                member.group_code,
                member.group_name,
                member.valid_from.isoformat(),
                member.valid_to.isoformat() if member.valid_to else "",
            )
        )
    write_text(seed, text.getvalue())
