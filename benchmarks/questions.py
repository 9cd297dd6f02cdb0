"""The questions of docs/questions.md on the current release: seconds and rows of each answer.

    AKUTT_HOME=data python -m benchmarks.questions

Exit status 1 when a command fails. No rows are an answer too: nobody has got worse, say, or there
are no twelve months yet.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

DOCUMENT = Path(__file__).parents[1] / "docs" / "questions.md"


def questions() -> dict[str, list[str]]:
    """The commands per question, without the name of the program."""
    parts = re.split(r"^(?=\*\*\d\. )", DOCUMENT.read_text("utf-8"), flags=re.MULTILINE)[1:]
    found = {}
    for part in parts:
        (title,) = re.findall(r"\A\*\*(.+?)\*\*", part, re.DOTALL)
        blocks = re.findall(r"^```console\n(.*?)^```", part, re.MULTILINE | re.DOTALL)
        lines = "".join(blocks).splitlines()
        found[" ".join(title.split())] = [line.removeprefix("akutt ") for line in lines]
    return found


def rows(output: str) -> int:
    """How many rows an answer in JSON has."""
    answer = json.loads(output)
    if isinstance(answer, dict):
        answer = answer.get("rows", answer.get("cells", []))
    return len(answer)


def main() -> int:
    """Ask them all, as a user does."""
    failed = 0
    for question, commands in questions().items():
        print(question)
        for command in commands:
            program = [sys.executable, "-m", "orchestration.cli.main", *shlex.split(command)]
            started = time.perf_counter()
            shown = subprocess.run(program, capture_output=True, text=True, check=False)
            seconds = time.perf_counter() - started
            asked = subprocess.run(
                [*program, "--format", "json"], capture_output=True, text=True, check=False
            )
            count = rows(asked.stdout) if asked.returncode == 0 else 0
            failed += shown.returncode != 0 or asked.returncode != 0
            print(f"  {seconds:5.1f} s {count:7} rows  akutt {command}")
            if shown.returncode != 0:
                print(shown.stdout + shown.stderr)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
