"""Mutants: a seed decides the source, the valid file, and what is done to it at which layer.

A file is made in layers: a table of cells, its content (text, workbook or Parquet), the archive
around it, and the name. A mutator works on one of them.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.fuzz import write
from tests.fuzz.cases import DAYS, Case, all_cases, header_on
from tests.fuzz.table import Table, valid_table

TEXT = frozenset({"csv", "fixed", "jsonl", "json", "xml"})
_COUNTS = (1, 2, 5, 5, 6, 8, 8, 10, 12, 24)


@dataclass
class Draft:
    """A file on its way. `parts` are the members of a workbook that is not yet zipped."""

    case: Case
    day: dt.date
    name: str
    table: Table
    payload: bytes = b""
    parts: dict[str, bytes] = field(default_factory=dict)
    data: bytes = b""


Mutator = Callable[[Draft, random.Random], None]


@dataclass(frozen=True)
class Mutant:
    """One file to be judged."""

    seed: int
    case: Case
    day: dt.date
    name: str
    data: bytes
    mutators: tuple[str, ...]
    original: bytes


@dataclass(frozen=True)
class Entry:
    """A mutator, the layer it works on, and the formats it fits (all when empty)."""

    name: str
    layer: str
    run: Mutator
    formats: frozenset[str]
    weight: float

    def fits(self, case: Case) -> bool:
        form = case.spec.format
        return not self.formats or bool(self.formats & {form.type, form.compression})


ENTRIES: list[Entry] = []
LAYERS = ("table", "payload", "parts", "packed", "file", "name")


def mutator(layer: str, *formats: str, weight: float = 1.0) -> Callable[[Mutator], Mutator]:
    """Register a mutator under the name of its function."""

    def register(run: Mutator) -> Mutator:
        ENTRIES.append(Entry(run.__name__, layer, run, frozenset(formats), weight))
        return run

    return register


def make(seed: int) -> Mutant:
    """The mutant of a seed. Every hundredth is not mutated at all: it must be read in full."""
    cases = all_cases()
    return make_of(cases[seed % len(cases)], seed)


def make_of(case: Case, seed: int, chosen: list[Entry] | None = None) -> Mutant:
    """The mutant of a seed for one source, by these mutators when they are given."""
    rng = random.Random(seed)
    day = rng.choice(DAYS)
    count = rng.choice(_COUNTS)
    table = valid_table(case.spec, day, count, rng)
    renamed = header_on(case.spec, day)
    table.names = [renamed.get(name, name) for name in table.names]
    draft = Draft(case, day, case.file_name(day, f"m{seed}"), table)
    if chosen is None:
        chosen = [] if rng.random() < 0.01 else _choose(case, rng)
    original = _build(Draft(case, day, draft.name, table.copy()), [], rng)
    data = _build(draft, chosen, rng)
    names = tuple(entry.name for entry in chosen) or ("untouched",)
    return Mutant(seed, case, day, draft.name, data, names, original)


def _choose(case: Case, rng: random.Random) -> list[Entry]:
    fitting = [entry for entry in ENTRIES if entry.fits(case)]
    wanted = rng.choices((1, 2, 3), (70, 22, 8))[0]
    weights = [entry.weight for entry in fitting]
    chosen = rng.choices(fitting, weights, k=wanted)
    return sorted(chosen, key=lambda entry: LAYERS.index(entry.layer))


def _build(draft: Draft, chosen: list[Entry], rng: random.Random) -> bytes:
    kind, spec = draft.case.spec.format.type, draft.case.spec

    def apply(layer: str) -> None:
        for number, entry in enumerate(chosen):
            if entry.layer != layer:
                continue
            try:
                entry.run(draft, rng)
            except Exception:
                # What an earlier mutator left may have nothing for this one to work on.
                if number == 0:
                    raise

    apply("table")
    if kind in ("xlsx", "ods"):
        make_parts = write.xlsx_parts if kind == "xlsx" else write.ods_parts
        draft.parts = {
            name: text.encode(errors="replace")
            for name, text in make_parts(draft.table, spec).items()
        }
        apply("parts")
        draft.payload = write.zipped(draft.parts)
    else:
        draft.payload = write.payload(draft.table, spec)
    apply("payload")
    draft.data = write.packed(draft.payload, spec)
    apply("packed")
    apply("file")
    apply("name")
    return draft.data


def load() -> None:
    """Import the modules that register mutators."""
    from tests.fuzz import biff, mutate_files, mutate_tables, mutate_texts  # noqa: F401
