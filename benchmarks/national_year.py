"""`make bench`: a national year from files to release, against the floor, on this machine.

In one run: generate a year and one more day at scale 1.0 (kept between runs), load the same files
into DuckDB tables and nothing else (the floor), run the pipeline from files to release, then run it
again with the one more day. Writes `reports/bench.md` and `reports/bench.json`.
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib.metadata
import json
import os
import platform
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.measure import Measured, run

ROOT = Path(__file__).parents[1]
TARGET_RATIO = 4.0
TARGET_BYTES = 4 * 1024**3
TARGET_DAY_SECONDS = 15.0
# What disclosure control and comparison may add to the time of everything else.
TARGET_ADDED = 0.30
ADDED_STEPS = ("disclosure", "comparison")
PACKAGES = ("duckdb", "polars", "pandera", "dbt-core", "dbt-duckdb", "dagster", "pyarrow")


def main() -> None:
    """Run the benchmark with the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=ROOT / "data" / "bench", help="Work folder.")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--start", default="2025-10-01")
    parser.add_argument("--report", type=Path, default=ROOT / "reports")
    arguments = parser.parse_args()
    figures = measure(arguments.work, arguments.start, arguments.days, arguments.scale)
    arguments.report.mkdir(parents=True, exist_ok=True)
    (arguments.report / "bench.json").write_text(json.dumps(figures, indent=2), "utf-8")
    text = as_markdown(figures)
    (arguments.report / "bench.md").write_text(text, "utf-8")
    print(text)
    missed = [name for name, target in figures["targets"].items() if not target["met"]]
    sys.exit(1 if missed else 0)


def measure(work: Path, start: str, days: int, scale: float) -> dict[str, Any]:
    """All figures of one run."""
    extracts = work / f"extracts_{start}_{days + 1}_{scale:g}"
    generation = _generate(extracts, start, days + 1, scale)
    home = work / "home"
    shutil.rmtree(home, ignore_errors=True)
    year, last = _split(extracts / "inbox", start, days)
    _link(year, home / "inbox")

    database = work / "floor.duckdb"
    database.unlink(missing_ok=True)
    floor = _python(["-m", "benchmarks.floor", str(home / "inbox"), str(database)], {})
    _must(floor)
    database.unlink(missing_ok=True)

    env = {"AKUTT_HOME": str(home), "AKUTT_PSEUDONYM_KEY": "benchmark-key-of-no-other-use-000000"}
    pipeline = _akutt(["run"], env)
    _must(pipeline)
    _link(last, home / "inbox")
    one_day = _akutt(["run"], env)
    _must(one_day)

    ratio = pipeline.wall_seconds / floor.wall_seconds
    added = added_share(steps(pipeline.output), pipeline.wall_seconds)
    return {
        "made_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "extracts": {
            "start": start,
            "days": days,
            "scale": scale,
            "files": len(year),
            "bytes": sum(path.stat().st_size for path in year),
        },
        "generation": generation,
        "floor": {**_figures(floor), "sources": json.loads(floor.output.splitlines()[-1])},
        "pipeline": {**_figures(pipeline), "steps": steps(pipeline.output)},
        "one_more_day": {**_figures(one_day), "steps": steps(one_day.output)},
        "targets": {
            "pipeline_to_floor": _target(ratio, TARGET_RATIO),
            "peak_memory_bytes": _target(pipeline.peak_bytes, TARGET_BYTES),
            "added_by_disclosure_and_comparison": _target(added, TARGET_ADDED),
            "one_more_day_seconds": _target(one_day.wall_seconds, TARGET_DAY_SECONDS),
        },
    }


def steps(output: str) -> dict[str, float]:
    """Seconds per step, from the lines `NAVN / NAME: ... på SECONDS s` that `akutt run` prints."""
    found: dict[str, float] = {}
    for name, seconds in re.findall(r"^\S+ / (\w+): .* på ([\d.]+) s", output, re.MULTILINE):
        found[name] = found.get(name, 0.0) + float(seconds)
    return found


def added_share(seconds: Mapping[str, float], wall_seconds: float) -> float:
    """What disclosure control and comparison take, as a share of all the rest."""
    added = sum(seconds.get(name, 0.0) for name in ADDED_STEPS)
    return added / (wall_seconds - added)


def _generate(extracts: Path, start: str, days: int, scale: float) -> dict[str, Any] | None:
    if (extracts / "complete").exists():
        return None
    shutil.rmtree(extracts, ignore_errors=True)
    command = ["generate", str(extracts), "--start", start, "--days", str(days)]
    measured = _akutt([*command, "--scale", str(scale)], {})
    _must(measured)
    (extracts / "complete").touch()
    return _figures(measured)


def _split(inbox: Path, start: str, days: int) -> tuple[list[Path], list[Path]]:
    """The files of the year, and those of the one more day."""
    end = (dt.date.fromisoformat(start) + dt.timedelta(days=days)).isoformat()
    files = [path for path in sorted(inbox.glob("*/*")) if path.is_file()]
    last = [path for path in files if end in path.name]
    return [path for path in files if end not in path.name], last


def _link(files: list[Path], inbox: Path) -> None:
    for path in files:
        target = inbox / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, target)


def _python(arguments: list[str], env: dict[str, str]) -> Measured:
    return run([sys.executable, *arguments], {**os.environ, **env}, ROOT)


def _akutt(arguments: list[str], env: dict[str, str]) -> Measured:
    return _python(["-m", "orchestration.cli.main", *arguments], env)


def _must(measured: Measured) -> None:
    if measured.returncode:
        print(measured.output[-8_000:], file=sys.stderr)
        raise SystemExit(f"a step of the benchmark failed with status {measured.returncode}")


def _figures(measured: Measured) -> dict[str, Any]:
    return {
        "wall_seconds": round(measured.wall_seconds, 2),
        "cpu_seconds": round(measured.cpu_seconds, 2),
        "peak_bytes": measured.peak_bytes,
    }


def _target(value: float, limit: float) -> dict[str, Any]:
    return {"value": round(value, 2), "limit": limit, "met": value <= limit}


def _machine() -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "system": platform.platform(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "memory_bytes": memory,
        "python": platform.python_version(),
    }


def as_markdown(figures: dict[str, Any]) -> str:
    """The report for people."""
    floor, pipeline, day = figures["floor"], figures["pipeline"], figures["one_more_day"]
    extracts, targets = figures["extracts"], figures["targets"]
    machine = figures["machine"]
    lines = [
        "# Benchmark: a national year from files to release",
        "",
        f"{figures['made_at']}, {machine['cores']} cores, "
        f"{machine['memory_bytes'] / 1024**3:.0f} GiB, Python {machine['python']}, "
        f"{machine['system']}",
        "",
        ", ".join(f"{name} {version}" for name, version in figures["versions"].items()),
        "",
        f"{extracts['files']} files, {extracts['bytes'] / 1e9:.2f} GB, {extracts['days']} days "
        f"from {extracts['start']} at scale {extracts['scale']:g}.",
        "",
        "| measured in one run | wall s | CPU s | peak memory |",
        "|---|---:|---:|---:|",
    ]
    named = {
        "floor: files into DuckDB tables": floor,
        "pipeline: files to release": pipeline,
        "one more day": day,
    }
    if figures["generation"] is not None:
        named = {"generating the extracts and their truth": figures["generation"], **named}
    lines += [
        f"| {name} | {item['wall_seconds']:.1f} | {item['cpu_seconds']:.1f} | "
        f"{item['peak_bytes'] / 1024**3:.2f} GiB |"
        for name, item in named.items()
    ]
    lines += ["", "| target | value | limit | met |", "|---|---:|---:|---|"]
    lines += [
        f"| {name} | {item['value']:,} | {item['limit']:,} | {'yes' if item['met'] else 'no'} |"
        for name, item in targets.items()
    ]
    lines += [
        "",
        "## Where the time goes",
        "",
        "| step | year s | one more day s |",
        "|---|---:|---:|",
    ]
    names = dict.fromkeys([*pipeline["steps"], *day["steps"]])
    lines += [
        f"| {name} | {pipeline['steps'].get(name, 0):.1f} | {day['steps'].get(name, 0):.1f} |"
        for name in names
    ]
    lines += ["", "| floor, by source | s | rows |", "|---|---:|---:|"]
    lines += [
        f"| {name} | {item['seconds']:.1f} | {item['rows']:,.0f} |"
        for name, item in floor["sources"].items()
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
