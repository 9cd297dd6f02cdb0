"""The questions of docs/questions.md: their commands run on a release, whatever it can say."""

from __future__ import annotations

import json
import re
import shlex

import pytest
from typer.testing import CliRunner

from benchmarks.questions import questions, rows
from orchestration.cli.main import app
from tests.e2e.conftest import World

# What a world of ten weeks with one release cannot say, or need not: there is no whole year, and no
# release before.
NOTHING_YET = ("kpi profile", "kpi distribution", "release diff", "kpi news", "kpi staffing")

pytestmark = pytest.mark.slow


def test_there_are_nine_and_each_has_a_command() -> None:
    assert [int(title.partition(".")[0]) for title in questions()] == list(range(1, 10))
    assert all(questions().values())


@pytest.mark.parametrize("command", [c for some in questions().values() for c in some])
def test_a_question_has_an_answer(
    command: str, autumn: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AKUTT_HOME", str(autumn.home.root))
    words = [*shlex.split(command), "--format", "json"]
    answer = CliRunner().invoke(app, words)
    if answer.exit_code != 0:
        assert command.startswith(NOTHING_YET), answer.output
        assert "Traceback" not in answer.output and " / " in answer.output
        return
    assert json.loads(answer.stdout)
    if not command.startswith(NOTHING_YET) and not re.search("tertial|rolling12", command):
        assert rows(answer.stdout) > 0, answer.stdout
