"""What a campaign found: counts per format, mutator and outcome, and every violation."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_KEPT = 400
_EXAMPLES = 15


@dataclass
class Tally:
    """Counts of one campaign."""

    seed: int
    mutants: int = 0
    not_judged: int = 0
    cells: int = 0
    cells_unknown: int = 0
    outcomes: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    cases: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    violations: list[dict[str, Any]] = field(default_factory=list)
    absent: Counter[str] = field(default_factory=Counter)
    problems: dict[str, str] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)
    shown: float = field(default_factory=time.monotonic)

    def add(self, message: dict[str, Any]) -> None:
        """Count what a worker says."""
        if "absent" in message:
            self.absent[message["absent"]] += len(message["seeds"])
        if "problem" in message and message["case"] not in self.problems:
            self.problems[message["case"]] = message["problem"]
            self._violation(message["seeds"][0], message["case"], message["kind"], [],
                            "valid file not taken in", message["problem"])  # fmt: skip
        for result in message.get("results", ()):
            self._count(result)

    def _count(self, result: dict[str, Any]) -> None:
        self.mutants += 1
        self.cases[result["case"]] += 1
        self.cells += result["cells"]
        self.cells_unknown += result["cells_unknown"]
        self.not_judged += not result["judged"]
        outcome = result["outcome"] if result["judged"] else "not judged"
        short = "refused" if outcome.startswith("refused") else outcome
        if short == "refused":
            self.codes[outcome.removeprefix("refused ")] += 1
        for name in result["mutators"]:
            self.outcomes[result["kind"], name, "violation" if result["faults"] else short] += 1
        if result["faults"]:
            kind, detail = result["faults"][0]
            self._violation(result["seed"], result["case"], result["kind"], result["mutators"],
                            kind, detail)  # fmt: skip

    def _violation(
        self, seed: int, case: str, form: str, mutators: list[str], kind: str, detail: str
    ) -> None:
        self.kinds[kind, form] += 1
        self.violations.append(
            {"seed": seed, "case": case, "format": form, "mutators": mutators, "kind": kind,
             "detail": detail}
        )  # fmt: skip
        # At once, as a campaign may be broken off.
        print(f"VIOLATION {seed} {case}: {kind}: {detail}", file=sys.stderr, flush=True)

    def add_death(self, seed: int, phase: str, code: int | None) -> None:
        """A mutant that ended its process: by itself, or because it did not come to an end."""
        from tests.fuzz import mutate

        mutate.load()
        mutant = mutate.make(seed)
        self.mutants += 1
        self.cases[mutant.case.name] += 1
        if phase == "oracle":
            self.not_judged += 1
            return
        kind = "did not end" if code == -9 else f"killed the process ({code})"
        for name in mutant.mutators:
            self.outcomes[mutant.case.kind, name, "violation"] += 1
        self._violation(seed, mutant.case.name, mutant.case.kind, list(mutant.mutators), kind, "")

    def show(self) -> None:
        """One line on where the campaign is."""
        self.shown = time.monotonic()
        minutes = (self.shown - self.started) / 60
        print(f"{self.mutants} mutants, {minutes:.1f} min, {len(self.violations)} violations, "
              f"{self.not_judged} not judged", file=sys.stderr, flush=True)  # fmt: skip

    def keep_examples(self, scratch: Path) -> None:
        """The first mutant of each kind of violation and format, cut down, in the scratch folder.

        Each in a process of its own, as some of them kill it.
        """
        seen: set[tuple[str, str]] = set()
        for violation in self.violations:
            place = violation["kind"], violation["format"]
            if place in seen or len(seen) >= _EXAMPLES or not violation["mutators"]:
                continue
            seen.add(place)
            command = [sys.executable, "-m", "tests.fuzz.minimal", str(violation["seed"]),
                       str(scratch)]  # fmt: skip
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=120)
            except subprocess.TimeoutExpired:
                continue
            if done.returncode == 0:
                violation["example"] = done.stdout.strip()


def write_report(tally: Tally, folder: Path) -> Path:
    """`fuzz.json` and `fuzz.md`; returns the second."""
    folder.mkdir(parents=True, exist_ok=True)
    minutes = (time.monotonic() - tally.started) / 60
    data = {
        "seed": tally.seed,
        "mutants": tally.mutants,
        "minutes": round(minutes, 1),
        "not_judged": tally.not_judged,
        "values_compared": tally.cells - tally.cells_unknown,
        "values_not_judged": tally.cells_unknown,
        "formats_without_reader": dict(tally.absent),
        "sources_not_tried": tally.problems,
        "sources": dict(sorted(tally.cases.items())),
        "refusal_codes": dict(tally.codes.most_common()),
        "outcomes": [
            {"format": form, "mutator": name, "outcome": outcome, "count": count}
            for (form, name, outcome), count in sorted(tally.outcomes.items())
        ],
        "violation_kinds": [
            {"kind": kind, "format": form, "count": count}
            for (kind, form), count in tally.kinds.most_common()
        ],
        "violations": tally.violations[:_KEPT],
    }
    (folder / "fuzz.json").write_text(json.dumps(data, ensure_ascii=False, indent=1), "utf-8")
    path = folder / "fuzz.md"
    path.write_text("\n".join(_lines(tally, minutes)) + "\n", "utf-8")
    return path


def _lines(tally: Tally, minutes: float) -> list[str]:
    share = tally.not_judged / max(tally.mutants, 1)
    lines = [
        "# Mutation campaign",
        "",
        f"Seed {tally.seed}: {tally.mutants} mutants in {minutes:.1f} minutes, "
        f"**{len(tally.violations)} violations**.",
        f"The oracle could not tell for {tally.not_judged} mutants ({share:.2%}), and for "
        f"{tally.cells_unknown} of {tally.cells} values of accepted rows.",
        "",
    ]
    if tally.absent:
        lines += [f"Without a reader: {', '.join(sorted(tally.absent))}.", ""]
    if tally.kinds:
        lines += ["## Violations", "", "| kind | format | mutants | first seed | detail |",
                  "|---|---|---:|---|---|"]  # fmt: skip
        for (kind, form), count in tally.kinds.most_common():
            first = next(v for v in tally.violations if v["kind"] == kind and v["format"] == form)
            detail = str(first["detail"]).replace("|", "/").replace("\n", " ")[:120]
            lines.append(f"| {kind} | {form} | {count} | {first['seed']} | {detail} |")
        lines += ["", "One again: `python -m tests.fuzz.campaign --only SEED`.", ""]
    lines += ["## Refusals", "", "| code | mutants |", "|---|---:|"]
    lines += [f"| {code} | {count} |" for code, count in tally.codes.most_common()]
    lines += ["", "## Outcomes", ""]
    columns = ("as is", "some rejected", "all rejected", "refused", "not taken", "not judged",
               "violation")  # fmt: skip
    lines += [f"| format | mutator | {' | '.join(columns)} |",
              f"|---|---|{'---:|' * len(columns)}"]  # fmt: skip
    for form, name in sorted({(form, name) for form, name, _ in tally.outcomes}):
        counts = [tally.outcomes[form, name, column] for column in columns]
        lines.append(f"| {form} | {name} | {' | '.join(map(str, counts))} |")
    return lines
