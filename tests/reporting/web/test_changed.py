"""What changed: counts and values of the page are those of the comparison of the two releases."""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl
import pytest
from fastapi.testclient import TestClient

from reporting.changes import changes, summary
from reporting.reader import open_current, open_release
from reporting.web.app import make_app
from reporting.web.words import LANGUAGES, Language, Speech
from tests.reporting.conftest import EARLIER_ID
from tests.reporting.web.test_pages import Read


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_changed_is_told_with_its_reason(later: Path, language: Language) -> None:
    prefix = "" if language == "nb" else "/en"
    answer = TestClient(make_app(later)).get(f"{prefix}/changes")
    assert answer.status_code == 200 and EARLIER_ID in answer.text
    rows = [[cell.strip() for cell in row] for row in Read(answer.text).rows]
    with open_current(later) as new, open_release(later, EARLIER_ID) as old:
        counted = summary(changes(old, new))
    told = [int(row[2]) for row in rows if len(row) == 3 and row[2].isdigit()]
    assert told == [row["cells"] for row in counted]
    say = Speech(language)
    (revised,) = [row for row in rows if "AMK Oslo" in row and len(row) == 6]
    assert revised[3:5] == [say.number(92.0, "%"), say.number(95.0, "%")]


def test_what_is_hidden_now_has_no_old_value_anywhere(later: Path) -> None:
    client = TestClient(make_app(later))
    page = client.get("/changes").text
    assert "AMK Bergen" in page and "33,3" not in page
    frame = pl.read_csv(io.StringIO(client.get("/changes.csv").text), infer_schema_length=None)
    hidden = frame.filter(change="hidden")
    assert not hidden.is_empty() and hidden["old_value"].null_count() == hidden.height
    assert (
        client.get("/changes/c113_within_10s.json").json()["row_count"]
        == frame.filter(kpi_id="c113_within_10s").height
    )
    assert client.get("/changes.xlsx").status_code == 200


def test_without_an_earlier_release_or_a_change_it_says_so(later: Path, releases: Path) -> None:
    only = TestClient(make_app(releases))
    assert "ingen tidligere utgivelse" in only.get("/changes").text
    assert only.get("/changes.csv").status_code == 404
    missing = TestClient(make_app(later)).get("/changes/calls_offered_x")
    assert missing.status_code == 404 and "c113_within_10s" in missing.text
