"""The campaign: `python -m tests.fuzz.campaign --mutants N --seed S --minutes M`.

Workers judge mutants, each many; a worker that dies or hangs is replaced, and the mutants it had in
hand are halved until the one that did it is found. Exit code 1 on any violation.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.fuzz.report import Tally, write_report

ROOT = Path(__file__).parents[2]
CHUNK = 1_350
HANG_SECONDS = 400.0
# Seeds of one campaign do not meet those of another.
SPAN = 10_000_000


class Worker:
    """One process and the mutants it has in hand."""

    module = ("-m", "tests.fuzz.worker")

    def __init__(self, scratch: Path) -> None:
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "POLARS_MAX_THREADS": "1",
            "FUZZ_SCRATCH": str(scratch),
            # What the process for typed formats may use: less than this one, which starts it.
            "AKUTT_READER_SECONDS": "30",
            "AKUTT_READER_MEMORY_MB": "2500",
        }
        self._log = (scratch / "workers.log").open("a")
        self.process = subprocess.Popen(
            [sys.executable, *self.module],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True, cwd=ROOT,
            env=environment,
        )  # fmt: skip

    def ask(self, seeds: list[int]) -> Iterator[dict[str, Any]]:
        """The messages about these mutants; ends early when the process dies or hangs."""
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(seeds) + "\n")
            self.process.stdin.flush()
        except OSError:
            return
        while True:
            alarm = threading.Timer(HANG_SECONDS, self.process.kill)
            alarm.start()
            line = self.process.stdout.readline()
            alarm.cancel()
            if not line.endswith("\n"):
                return
            message = json.loads(line)
            yield message
            if "end" in message:
                return

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._log.close()


class Campaign:
    """Seeds waiting, seeds done, and what was found."""

    def __init__(
        self, mutants: int, seed: int, minutes: float, scratch: Path, workers: int
    ) -> None:
        self.wanted, self.scratch, self._workers = mutants, scratch, workers
        self.deadline = time.monotonic() + minutes * 60
        self.tally = Tally(seed)
        self._next = itertools.count(seed * SPAN)
        self._again: deque[list[int]] = deque()
        self._lock = threading.Lock()
        self._asked = 0

    def chunk(self) -> list[int] | None:
        """What to judge next; nothing when there are enough, or the time is over."""
        with self._lock:
            if self._again:
                return self._again.popleft()
            # Mutants that could not be tried are made up for.
            left = self.wanted - self.tally.mutants - self._asked
            if left <= 0 or time.monotonic() > self.deadline:
                return None
            size = min(CHUNK, max(-(-left // self._workers), 26))
            self._asked += size
            return [next(self._next) for _ in range(size)]

    def work(self) -> None:
        """One worker after the other, until there is nothing more to judge."""
        worker = Worker(self.scratch)
        while (seeds := self.chunk()) is not None:
            if not self._judge(worker, seeds):
                worker.close()
                worker = Worker(self.scratch)
        worker.close()

    def _judge(self, worker: Worker, seeds: list[int]) -> bool:
        waiting, begun, phase, ended = set(seeds), [], "", False
        for message in worker.ask(seeds):
            phase = message.get("phase", phase)
            begun = message.get("begin", begun)
            ended = "end" in message
            with self._lock:
                self.tally.add(message)
            waiting -= set(message.get("seeds", []))
        with self._lock:
            self._asked -= min(self._asked, len(seeds))
            if ended:
                if time.monotonic() - self.tally.shown > 30:
                    self.tally.show()
                return True
            hand = [seed for seed in begun if seed in waiting]
            rest = sorted(waiting - set(hand))
            if len(hand) == 1:
                self.tally.add_death(hand[0], phase, worker.process.wait(30))
            elif hand:
                middle = len(hand) // 2
                self._again += [hand[:middle], hand[middle:]]
            if rest and rest != sorted(seeds):
                self._again.append(rest)
            elif rest:
                raise RuntimeError(f"workers die at once: see {self.scratch / 'workers.log'}")
        return False


def run(mutants: int, seed: int, minutes: float, scratch: Path, workers: int = 2) -> Tally:
    """Judge mutants until there are enough or the time is over."""
    campaign = Campaign(mutants, seed, minutes, scratch, workers)
    threads = [threading.Thread(target=campaign.work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return campaign.tally


def only(seed: int, scratch: Path) -> bool:
    """Judge one mutant in this process, and say all about it; True when it is without fault."""
    os.environ["FUZZ_SCRATCH"] = str(scratch)
    from tests.fuzz import mutate
    from tests.fuzz.run import run_group

    mutate.load()
    mutant = mutate.make(seed)
    path = scratch / f"{seed}_{mutant.case.name}.{mutant.case.extension}"
    path.write_bytes(mutant.data)
    path.with_name(f"{path.name}.original").write_bytes(mutant.original)
    print(f"{mutant.name!r}: {mutant.case.name}, {mutant.case.kind}, {', '.join(mutant.mutators)}")
    print(f"{path}\n{path}.original")
    result = run_group(mutant.case, [mutant])[0]
    print(f"outcome: {result.verdict.outcome}; the oracle could tell: {result.verdict.judged}")
    for kind, detail in result.verdict.faults:
        print(f"VIOLATION {kind}: {detail}")
    return not result.verdict.faults


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.campaign", description=__doc__)
    parser.add_argument("--mutants", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=50.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--scratch", type=Path, help="folder for mutants and logs")
    parser.add_argument("--only", type=int, metavar="SEED", help="one mutant, by the seed reported")
    parser.add_argument("--reports", type=Path, default=ROOT / "reports")
    options = parser.parse_args()
    scratch = options.scratch or Path(tempfile.gettempdir()) / "akutt-fuzz"
    scratch.mkdir(parents=True, exist_ok=True)
    if options.only is not None:
        return 0 if only(options.only, scratch) else 1
    tally = run(options.mutants, options.seed, options.minutes, scratch, options.workers)
    write_report(tally, options.reports)
    tally.keep_examples(scratch)
    for left in scratch.glob("fuzz-*"):
        shutil.rmtree(left, ignore_errors=True)
    path = write_report(tally, options.reports)
    tally.show()
    print(f"{path}: {len(tally.violations)} violations")
    return 1 if tally.violations or not tally.mutants else 0


if __name__ == "__main__":
    sys.exit(main())
