"""A process that judges mutants: seeds in on standard input, results out as JSON lines.

A mutant may kill the process that reads it. What is begun is said before it is begun, so that the
campaign knows which mutants were in hand.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

MEMORY_BYTES = 12 * 1024**3


def bound_memory() -> None:
    """A mutant that asks for all memory ends this process and not the machine."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def main() -> None:
    # The protocol has this stream alone; what a library prints goes to the log.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    bound_memory()

    from tests.fuzz import mutate
    from tests.fuzz.cases import without_reader
    from tests.fuzz.run import case_problem, run_group

    mutate.load()

    def say(**message: Any) -> None:
        out.write(json.dumps(message) + "\n")
        out.flush()

    for line in sys.stdin:
        groups: dict[str, list[mutate.Mutant]] = {}
        for seed in json.loads(line):
            mutant = mutate.make(seed)
            groups.setdefault(mutant.case.name, []).append(mutant)
        for mutants in groups.values():
            case, seeds = mutants[0].case, [mutant.seed for mutant in mutants]
            if case.spec.format.type in without_reader():
                say(absent=case.spec.format.type, seeds=seeds)
                continue
            say(begin=seeds, phase="untouched")
            if problem := case_problem(case):
                say(problem=problem, case=case.name, kind=case.kind, seeds=seeds)
                continue
            results = run_group(case, mutants, lambda phase: say(phase=phase))
            say(
                seeds=seeds,
                results=[
                    {
                        "seed": result.seed, "case": result.case, "kind": result.kind,
                        "mutators": result.mutators, "outcome": result.verdict.outcome,
                        "judged": result.verdict.judged, "faults": result.verdict.faults,
                        "cells": result.verdict.cells,
                        "cells_unknown": result.verdict.cells_unknown,
                    }
                    for result in results
                ],
            )  # fmt: skip
        say(end=True)


if __name__ == "__main__":
    main()
