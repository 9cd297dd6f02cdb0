"""A process that judges mutants: seeds in on standard input, results out as JSON lines.

A mutant may kill the process that reads it. What is begun is said before it is begun, so that the
campaign knows which mutants were in hand.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.fuzz.run import Result

MEMORY_BYTES = 12 * 1024**3


def bound_memory() -> None:
    """A mutant that asks for all memory ends this process and not the machine."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def as_json(result: Result) -> dict[str, Any]:
    """A result as the campaign counts it."""
    verdict = result.verdict
    return {
        "seed": result.seed,
        "case": result.case,
        "kind": result.kind,
        "mutators": result.mutators,
        "outcome": verdict.outcome,
        "judged": verdict.judged,
        "faults": verdict.faults,
        "cells": verdict.cells,
        "cells_unknown": verdict.cells_unknown,
    }


def main() -> None:
    # The protocol has this stream alone; what a library prints goes to the log.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    bound_memory()

    from tests.fuzz import mutate
    from tests.fuzz.cases import Case, without_reader
    from tests.fuzz.run import (
        UncaughtError,
        case_problem,
        judge_group,
        run_group,
        take_in,
        take_in_untouched,
    )

    mutate.load()

    def say(**message: Any) -> None:
        out.write(json.dumps(message) + "\n")
        out.flush()

    def say_phase(phase: str) -> None:
        say(phase=phase)

    for line in sys.stdin:
        groups: dict[Case, list[mutate.Mutant]] = {}
        contents: set[tuple[str, bytes]] = set()
        for seed in json.loads(line):
            mutant = mutate.make(seed)
            # Equal files of one source (of no records, say) are taken in once.
            if (content := (mutant.case.name, mutant.data)) not in contents:
                contents.add(content)
                groups.setdefault(mutant.case, []).append(mutant)
        for case in [case for case in groups if case.spec.format.type in without_reader()]:
            absent = groups.pop(case)
            say(absent=case.spec.format.type, seeds=[mutant.seed for mutant in absent])
        say(begin=[mutant.seed for mutants in groups.values() for mutant in mutants])
        say(phase="untouched")
        take_in_untouched(groups)
        for case in [case for case in groups if case_problem(case)]:
            seeds = [mutant.seed for mutant in groups.pop(case)]
            say(problem=case_problem(case), case=case.name, kind=case.kind, seeds=seeds)
        say(phase="intake")
        try:
            # All sources at once, which is much cheaper; one by one when that does not do.
            lake = take_in(groups)
        except UncaughtError:
            lake = None
        for case, mutants in groups.items():
            say(begin=[mutant.seed for mutant in mutants], phase="intake")
            if lake is None:
                results = run_group(case, mutants, say_phase)
            else:
                results = judge_group(case, mutants, lake, say_phase)
            say(seeds=[result.seed for result in results], results=list(map(as_json, results)))
        say(end=True)


if __name__ == "__main__":
    main()
