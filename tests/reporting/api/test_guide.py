"""The examples of the guide, against a server that answers over the network."""

from __future__ import annotations

import csv
import io
import re
import shlex
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from reporting import metrics
from reporting.reader import Release
from tests.reporting.releases import served

GUIDE = (Path(__file__).parents[3] / "docs" / "api.md").read_text("utf-8")
WRITTEN = "http://127.0.0.1:8000"


def block(language: str) -> str:
    """The one block of the guide in that language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture(scope="module")
def server(whole: Path) -> Iterator[str]:
    """The address of a running server."""
    with served(whole) as address:
        yield address


@pytest.mark.parametrize("line", block("console").splitlines())
def test_the_commands_are_answered(server: str, line: str) -> None:
    words = shlex.split(line)
    assert words[0] == "curl"
    headers = dict(word.split(": ", 1) for word in words if ": " in word)
    (url,) = [word for word in words if word.startswith(WRITTEN)]
    answer = httpx.get(url.replace(WRITTEN, server), headers=headers)
    assert answer.status_code == 200, answer.text
    assert "amk_oslo" in answer.text or "/kpis" in url
    for accepted in headers.values():
        assert answer.headers["content-type"] == accepted


def test_the_pages_put_together_are_the_query(server: str, release: Release) -> None:
    names: dict[str, Any] = {}
    text = block("python").replace(WRITTEN, server).replace("limit=5000", "limit=2")
    exec(compile(text, "docs/api.md", "exec"), names)
    frame = metrics.query(level="central", release=release)
    assert names["frame"].height == frame.height > 2
    assert names["frame"]["value"].to_list() == frame["value"].to_list()


def test_the_recipe_for_excel_gets_what_it_says(server: str, release: Release) -> None:
    recipe = block("powerquery")
    (url,) = re.findall(r'Address = "([^"]+)"', recipe)
    (delimiter,) = re.findall(r'Delimiter = "(.)"', recipe)
    assert "Encoding = 65001" in recipe and '"en-US"' in recipe
    answer = httpx.get(url.replace(WRITTEN, server))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8")), delimiter=delimiter))
    frame = metrics.query(kpis="c113_within_10s", level="central", grain="month", release=release)
    typed = re.findall(r'\{"(\w+)", (type \w+|Int64.Type)\}', recipe)
    assert len(typed) == recipe.count("{") - 1
    read = {
        "type date": date.fromisoformat,
        "type number": float,
        "Int64.Type": int,
        "type logical": {"true": True, "false": False}.__getitem__,
    }
    for column, kind in typed:
        found = [read[kind](row[column]) if row[column] else None for row in rows]
        assert found == frame[column].to_list(), column
    assert [row["unit_name"] for row in rows] == frame["unit_name"].to_list()
    hidden = [row for row in rows if row["status"] == "suppressed"]
    assert [row["value"] for row in hidden] == [""]
