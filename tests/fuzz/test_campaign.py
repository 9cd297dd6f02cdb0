"""A small seeded part of the campaign; `make fuzz` is the long one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fuzz import mutate
from tests.fuzz.campaign import SPAN, Worker, run
from tests.fuzz.cases import Case, all_cases
from tests.fuzz.report import Tally, write_report

mutate.load()


@pytest.mark.slow
def test_mutated_files_lose_nothing_and_stop_nothing(tmp_path: Path) -> None:
    tally = run(mutants=12 * len(all_cases()), seed=3, minutes=5, scratch=tmp_path, workers=1)
    assert tally.violations == []
    assert not tally.absent
    assert set(tally.cases) == {case.name for case in all_cases()}
    assert tally.not_judged < 0.05 * tally.mutants
    assert tally.cells_unknown < 0.1 * tally.cells


def test_a_seed_gives_the_same_mutant_every_time() -> None:
    for seed in range(60):
        once, again = mutate.make(seed), mutate.make(seed)
        assert (once.name, once.data, once.mutators) == (again.name, again.data, again.mutators)


def test_every_mutator_changes_files_of_every_format_it_is_for() -> None:
    kinds = {case.kind: case for case in all_cases()}
    idle = [
        (entry.name, kind)
        for entry in mutate.ENTRIES
        for kind, case in kinds.items()
        if entry.fits(case) and not any(_changes(case, entry, seed) for seed in range(40))
    ]
    assert idle == []


def _changes(case: Case, entry: mutate.Entry, seed: int) -> bool:
    mutant = mutate.make_of(case, seed, [entry])
    return mutant.data != mutant.original or mutant.name != case.file_name(mutant.day, f"m{seed}")


_DIES = """
import json, os, sys
for line in sys.stdin:
    seeds = json.loads(line)
    print(json.dumps({"begin": seeds, "phase": "intake"}), flush=True)
    if %d in seeds:
        os.abort()
    results = [
        {"seed": seed, "case": "c", "kind": "csv", "mutators": ["m"], "outcome": "as is",
         "judged": True, "faults": [], "cells": 1, "cells_unknown": 0}
        for seed in seeds
    ]
    print(json.dumps({"seeds": seeds, "results": results}), flush=True)
    print(json.dumps({"end": True}), flush=True)
"""


def test_a_mutant_that_kills_its_process_is_found_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadly = 5 * SPAN + 17
    script = tmp_path / "worker.py"
    script.write_text(_DIES % deadly)
    monkeypatch.setattr(Worker, "module", (str(script),))
    tally = run(mutants=60, seed=5, minutes=1, scratch=tmp_path, workers=1)
    assert [violation["seed"] for violation in tally.violations] == [deadly]
    assert tally.violations[0]["kind"].startswith("killed the process")
    assert tally.mutants >= 60


def test_the_report_has_seed_counts_and_violations(tmp_path: Path) -> None:
    tally = Tally(seed=4)
    result = {"seed": 42, "case": "lat_requests", "kind": "csv", "mutators": ["row_dropped"],
              "outcome": "as is", "judged": True, "faults": [["records lost", "1 read, 2"]],
              "cells": 10, "cells_unknown": 1}  # fmt: skip
    tally.add({"results": [result, {**result, "seed": 43, "faults": []}], "seeds": [42, 43]})
    path = write_report(tally, tmp_path)
    data = json.loads((tmp_path / "fuzz.json").read_text("utf-8"))
    assert (data["seed"], data["mutants"], len(data["violations"])) == (4, 2, 1)
    assert data["violations"][0]["seed"] == 42
    assert "| records lost | csv | 1 | 42 |" in path.read_text("utf-8")
