"""Cut a mutant down while its violation stays: `python -m tests.fuzz.minimal SEED FOLDER`."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path

from tests.fuzz import mutate
from tests.fuzz.mutate import Mutant

_TRIES = 30


def minimal(mutant: Mutant) -> bytes:
    """The fewest lines of a text file, or the file as it is, that still give the violation."""
    from tests.fuzz.run import run_group

    form = mutant.case.spec.format
    faults = run_group(mutant.case, [mutant])[0].verdict.faults
    if not faults or form.compression != "none" or form.type not in ("csv", "fixed", "jsonl"):
        return mutant.data
    kind = faults[0][0]
    lines, size, tries = mutant.data.split(b"\n"), 0, 0
    size = max(1, len(lines) // 2)
    while size and tries < _TRIES:
        at, shrunk = 0, False
        while at < len(lines) and tries < _TRIES:
            fewer = lines[:at] + lines[at + size :]
            candidate = dataclasses.replace(mutant, data=b"\n".join(fewer))
            tries += 1
            found = run_group(mutant.case, [candidate])[0].verdict.faults
            if found and found[0][0] == kind:
                lines, shrunk = fewer, True
            else:
                at += size
        if not shrunk:
            size //= 2
    return b"\n".join(lines)


def main() -> int:
    seed, folder = int(sys.argv[1]), Path(sys.argv[2])
    os.environ["FUZZ_SCRATCH"] = str(folder)
    mutate.load()
    mutant = mutate.make(seed)
    path = folder / f"{seed}_{mutant.case.name}.{mutant.case.extension}"
    path.write_bytes(mutant.data)
    path.with_name(f"{path.name}.original").write_bytes(mutant.original)
    path.with_name(f"{path.name}.minimal").write_bytes(minimal(mutant))
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
