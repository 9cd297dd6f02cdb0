"""`python -m tests.personal.campaign --values 1000000`: from deliveries to the release, nothing.

Takes deliveries in, runs the pipeline with Dagster, shows, checks and exports what a user can, and
looks for every planted value in what was written and said. Exit code 1 when one is found more often
than values that were put nowhere.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import yaml

from tests.fuzz.cases import all_cases
from tests.personal.plant import Planted, deliveries
from tests.personal.search import found_in, texts_of

ROOT = Path(__file__).parents[2]
_OLD = 1_700_000_000


def deliver(home: Path, values: int, seed: int, planted: Planted) -> int:
    """Write sources and files; returns the number of files."""
    sources = home / "sources"
    sources.mkdir(parents=True, exist_ok=True)
    for case in all_cases():
        if case.name.startswith("fz_"):
            told = case.spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)
            (sources / f"{case.name}.yaml").write_text(yaml.safe_dump(told), encoding="utf-8")
    files = 0
    for delivery in deliveries(values, seed, planted):
        path = home / "inbox" / delivery.source / delivery.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(delivery.data)
        os.utime(path, (_OLD, _OLD))
        files += 1
    return files


def commands(home: Path) -> list[list[str]]:
    """What a user may ask for, that shows what was delivered."""
    out = home / "shown"
    delivered = sorted((home / "inbox").glob("*/*"))
    some = delivered[:: max(1, len(delivered) // 25)]
    checks = [["source", "check", str(path), "--source", path.parent.name] for path in some]
    drafts = [["source", "new", f"ny_{at}", "--sample", str(path), "--contract", "call",
               "--output", str(out / "drafts")] for at, path in enumerate(some[:8])]  # fmt: skip
    return [
        ["run"],
        ["quarantine", "show"],
        ["quarantine", "show", "--raw", "--limit", "100000"],
        ["quarantine", "export", str(out / "rejects.xlsx")],
        ["readiness"],
        ["doctor"],
        ["docs", "build", str(out / "docs")],
        ["release", "export", str(out / "export")],
        *checks,
        *drafts,
    ]


def release_what_passed(home: Path) -> None:
    """A release of the files that were taken in whole: rejected rows hold a release back."""
    passed = home / "passed"
    for receipts in home.glob("lake/*/*/receipts.json"):
        for receipt in json.loads(receipts.read_text("utf-8")):
            if receipt["accepted"] and not receipt["rejected"] and not receipt["refusal_code"]:
                file = home / "inbox" / receipt["source"] / receipt["file_name"]
                if file.exists():
                    to = passed / "inbox" / receipt["source"] / file.name
                    to.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(file, to)
    shutil.copytree(home / "sources", passed / "sources")
    out = str(passed / "shown" / "export")
    run_commands(passed, [["run"], ["release", "export", out], ["readiness", "list"]])


def run_commands(home: Path, listed: list[list[str]]) -> None:
    """Run each; what it says is written beside what it writes."""
    (home / "shown").mkdir(exist_ok=True)
    environment = {**os.environ, "AKUTT_HOME": str(home), "PYTHONPATH": str(ROOT),
                   "AKUTT_PSEUDONYM_KEY": "only-for-tests-0123456789abcdefgh"}  # fmt: skip
    for number, words in enumerate(listed):
        done = subprocess.run(
            [sys.executable, "-m", "orchestration.cli.main", *words],
            cwd=home, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        said = home / "shown" / f"{number:03d}_{'_'.join(words[:2])}.txt"
        said.write_text(f"{done.returncode}\n{done.stdout}\n{done.stderr}", encoding="utf-8")


def search(home: Path, planted: Planted) -> dict[str, Counter[str]]:
    """What is found, per folder of the home."""
    found: dict[str, Counter[str]] = {}
    for path in sorted(home.rglob("*")):
        inside = path.relative_to(home).parts
        if {"inbox", "sources"} & set(inside[:2]) or not path.is_file():
            continue
        room = " ".join(inside[:2]) if inside[0] == "passed" else inside[0]
        counts = found.setdefault(room, Counter())
        counts["files"] += 1
        for text in texts_of(path):
            hits = found_in(text, planted)
            if any(not name.endswith("nowhere") for name in hits):
                print(f"  {path.relative_to(home)}: {dict(hits)}", file=sys.stderr)
            counts.update(hits)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--values", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--home", type=Path, default=None, help="keep what is written here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = arguments.home or Path(scratch)
        planted = Planted()
        start = time.monotonic()
        files = deliver(home, arguments.values, arguments.seed, planted)
        print(f"{planted.values:,} values in {files:,} files, {time.monotonic() - start:.0f} s")
        run_commands(home, commands(home))
        release_what_passed(home)
        print(f"taken in, run and shown, {time.monotonic() - start:.0f} s")
        for (kind, place), count in sorted(planted.counts.items()):
            print(f"| {kind} | {place} | {count:,} |")
        found = search(home, planted)
        for folder, counts in found.items():
            print(f"| {folder} | {dict(counts)} |")
        total = sum(found.values(), Counter())
        print(f"found {dict(total)}, {time.monotonic() - start:.0f} s")
        return int(
            total["email"] > 0
            or total["identity"] > 3 * total["identity, put nowhere"]
            or total["phone"] > 3 * total["phone, put nowhere"] + 3
        )


if __name__ == "__main__":
    sys.exit(main())
