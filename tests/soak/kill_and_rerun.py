"""`make soak`: kill `akutt run` at random moments; the release must come out the same.

One home is run without disturbance, delivery by delivery, and the content hash of the release after
each delivery is written down. A second home gets the same deliveries, but its runs are killed
(SIGKILL to the whole process group) at random moments and started again. After each delivery the
disturbed home is run to the end, and its release must have the same content hash and pass
verification. All the while a reader in a process of its own opens and queries the current release;
it must never fail.

Half of the moments are uniform over the length of a run. The other half are drawn shortly after a
sign that a stage has begun (a batch being written, the warehouse changing, a release being built),
because the dangerous moments are short.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

KEY = "soak: synthetic callers only, no secret to keep"
START = date(2026, 3, 27)  # a change to summer time, a month's and a quarter's end
FIRST_DELIVERY_DAYS = 3
SEED = 11
_RUN_TIMEOUT_SECONDS = 900.0


@dataclass
class Tally:
    """What happened."""

    kills: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    compared: int = 0
    reads: int = 0
    releases_seen: int = 0
    problems: list[str] = field(default_factory=list)


# A stage of a run and the files that show that it has begun.
STAGES = {
    "writing a batch": "lake/*/.aside-*",
    "warehouse transaction": "warehouse/*.wal",
    "quality pages": "gx/.data_docs-*",
    "building the release": "releases/.building-*",
    "writing state": "state/*",
}


def _signs(home: Path, pattern: str) -> set[tuple[str, int]]:
    """The files of a stage, as they are now; an earlier killed run may have left some."""
    found = set()
    for path in home.glob(pattern):
        with suppress(FileNotFoundError):
            found.add((path.name, path.stat().st_mtime_ns))
    return found


def soak(kills: int, days: int, scale: float, seed: int, folder: Path) -> Tally:
    """Kill and run again until `kills` runs have been killed."""
    chance = random.Random(seed)
    deliveries = _deliveries(folder / "deliveries", days, scale)
    expected, seconds = _undisturbed(folder / "undisturbed", deliveries)
    tally = Tally()
    homes = 0
    while sum(tally.kills.values()) < kills and not tally.problems:
        homes += 1
        home = folder / f"disturbed_{homes}"
        with _reader(home, tally):
            for number, delivery in enumerate(deliveries):
                _deliver(delivery, home)
                wanted = chance.randint(1, 4)
                while wanted and sum(tally.kills.values()) < kills:
                    wanted -= 1
                    killed = _run_and_kill(home, seconds[number], chance)
                    if killed is None:
                        break
                    tally.kills[killed] += 1
                _run(home)
                tally.runs += 1
                _compare(home, number, expected[number], tally)
                done = sum(tally.kills.values())
                print(f"home {homes} delivery {number + 1}: {done}/{kills} killed", flush=True)
                if done >= kills or tally.problems:
                    break
        if not tally.problems:
            shutil.rmtree(home)
    return tally


def _deliveries(folder: Path, days: int, scale: float) -> list[list[Path]]:
    """The files of the first days together, then day by day."""
    from ingestion.synthetic import generate

    generate(folder, START, days, scale, SEED, truth=False)
    waves: list[list[Path]] = []
    for last in range(FIRST_DELIVERY_DAYS, days + 1):
        first = 0 if last == FIRST_DELIVERY_DAYS else last - 1
        wanted = {(START + timedelta(days=day)).isoformat() for day in range(first, last)}
        waves.append(
            [
                path
                for path in sorted(folder.glob("inbox/*/*"))
                if any(day in path.name for day in wanted)
            ]
        )
    return waves


def _deliver(files: list[Path], home: Path) -> None:
    for path in files:
        target = home / "inbox" / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)


def _undisturbed(home: Path, deliveries: list[list[Path]]) -> tuple[list[str], list[float]]:
    hashes, seconds = [], []
    for delivery in deliveries:
        _deliver(delivery, home)
        started = time.monotonic()
        _run(home)
        seconds.append(time.monotonic() - started)
        hashes.append(_content_hash(home))
        print(f"undisturbed: {seconds[-1]:.1f} s, content {hashes[-1][:12]}", flush=True)
    return hashes, seconds


def _environment(home: Path) -> dict[str, str]:
    return os.environ | {
        "AKUTT_HOME": str(home),
        "AKUTT_PSEUDONYM_KEY": KEY,
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "DO_NOT_TRACK": "1",
    }


def _start(home: Path) -> subprocess.Popen[bytes]:
    home.mkdir(parents=True, exist_ok=True)
    with (home / "soak.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "orchestration.cli.main", "run"],
            env=_environment(home),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _run(home: Path) -> None:
    process = _start(home)
    if process.wait(timeout=_RUN_TIMEOUT_SECONDS) != 0:
        tail = (home / "soak.log").read_text(errors="replace")[-3000:]
        raise SystemExit(f"akutt run failed in {home}:\n{tail}")


def _run_and_kill(home: Path, seconds: float, chance: random.Random) -> str | None:
    """Start a run and kill it; the name of the moment, or None when the run was done before."""
    moment = chance.choice(list(STAGES))
    before = _signs(home, STAGES[moment])
    process = _start(home)
    started = time.monotonic()
    if chance.random() < 0.5:
        _sleep_while(process, started + chance.uniform(0.0, seconds))
        moment = "any moment"
    else:
        while process.poll() is None and not _signs(home, STAGES[moment]) - before:
            time.sleep(0.002)
        _sleep_while(process, time.monotonic() + chance.expovariate(1 / 0.1))
    if process.poll() is not None:
        return None
    _kill(process)
    return moment


def _sleep_while(process: subprocess.Popen[bytes], until: float) -> None:
    while process.poll() is None and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, 0.02))


def _kill(process: subprocess.Popen[bytes]) -> None:
    if os.name == "nt":
        subprocess.run(
            ["taskkill", "/T", "/F", "/PID", str(process.pid)],
            check=False,
            capture_output=True,
        )
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _content_hash(home: Path) -> str:
    from orchestration.release import get_release

    return get_release(home / "releases").content_hash


def _compare(home: Path, number: int, expected: str, tally: Tally) -> None:
    from orchestration.release import verify_release

    tally.compared += 1
    found = _content_hash(home)
    if found != expected:
        tally.problems.append(
            f"{home.name} delivery {number + 1}: content {found[:12]}, undisturbed {expected[:12]}"
        )
    tally.problems += [f"{home.name}: {p}" for p in verify_release(home / "releases")]
    if list(home.glob("releases/.building-*")) or list(home.glob("lake/*/.aside-*")):
        tally.problems.append(f"{home.name}: leftovers of a killed run are still there")


_READER = """
import json, sys, time
from pathlib import Path
from reporting.reader import open_current
releases, stop, report = (Path(word) for word in sys.argv[1:])
reads, seen, problem = 0, set(), None
while not stop.exists() and problem is None:
    if not (releases / "current").exists() and not seen:
        time.sleep(0.02)  # nothing has been released in this home yet
        continue
    try:
        with open_current(releases) as release:
            rows = release.sql("select count(*) as n from kpi_values")["n"][0]
            if rows != release.metadata["tables"]["kpi_values"]["rows"]:
                problem = f"{release.release_id}: {rows} rows"
            release.sql("select sum(value) from kpi_values where kpi_id = 'calls_offered'")
            reads += 1
            seen.add(release.release_id)
    except BaseException as error:
        problem = repr(error)
    time.sleep(0.005)
report.write_text(json.dumps({"reads": reads, "seen": len(seen), "problem": problem}))
"""


@contextmanager
def _reader(home: Path, tally: Tally) -> Iterator[None]:
    """A reader that polls the current release of `home` until the block ends."""
    home.mkdir(parents=True, exist_ok=True)
    stop, report = home / "reader.stop", home / "reader.json"
    process = subprocess.Popen(
        [sys.executable, "-c", _READER, str(home / "releases"), str(stop), str(report)]
    )
    try:
        yield
    finally:
        stop.touch()
        process.wait(timeout=60)
        told = json.loads(report.read_text()) if report.is_file() else {"problem": "reader died"}
        tally.reads += told.get("reads", 0)
        tally.releases_seen += told.get("seen", 0)
        if told["problem"]:
            tally.problems.append(f"reader of {home.name}: {told['problem']}")


def main() -> int:
    """Entry point of `python -m tests.soak.kill_and_rerun`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=int(os.environ.get("SOAK_KILLS", "50")))
    parser.add_argument("--days", type=int, default=8, help="days of deliveries per home")
    parser.add_argument("--scale", type=float, default=0.002, help="1.0 is the national volume")
    parser.add_argument("--seed", type=int, default=None, help="the moments; random if not given")
    parser.add_argument("--folder", type=Path, default=None, help="kept when something is wrong")
    choice = parser.parse_args()
    seed = choice.seed if choice.seed is not None else random.SystemRandom().randrange(10**6)
    folder = choice.folder or Path(tempfile.mkdtemp(prefix="akutt-soak-"))
    print(f"seed {seed}, in {folder}", flush=True)
    started = time.monotonic()
    tally = soak(choice.kills, choice.days, choice.scale, seed, folder)
    print(f"\n{sum(tally.kills.values())} runs killed in {time.monotonic() - started:.0f} s:")
    for moment, count in tally.kills.most_common():
        print(f"  {count:4} {moment}")
    print(f"{tally.compared} releases compared with the undisturbed run")
    print(f"{tally.reads} reads of the current release, {tally.releases_seen} releases seen")
    if tally.problems:
        print("\nWRONG:\n- " + "\n- ".join(tally.problems))
        print(f"left for inspection: {folder}")
        return 1
    print("same content every time; no reader failed")
    if choice.folder is None:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
