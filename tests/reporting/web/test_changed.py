"""What changed: counts and values of the page are those of the comparison of the two releases."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from fastapi.testclient import TestClient

from reporting.changes import changes, summary
from reporting.reader import METADATA, open_current, open_release
from reporting.web.app import make_app
from reporting.web.words import LANGUAGES, Language, Speech
from tests.reporting.conftest import EARLIER_ID
from tests.reporting.releases import changed
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


COUNTS = f"""
create or replace table release_changes as
select '{EARLIER_ID}' as earlier_release, 'c113_within_10s' as kpi_id, 'central' as level,
    'month' as period_grain, 'revised' as change_kind, 'late rows' as change_reason,
    cast(4711 as bigint) as cells
"""


@pytest.mark.parametrize("is_kept", [True, False])
def test_counts_are_those_of_the_release_itself(later: Path, tmp_path: Path, is_kept: bool) -> None:
    releases = changed(later, tmp_path / "releases", COUNTS)
    folder = releases / (releases / "current").read_text().strip()
    told = json.loads((folder / METADATA).read_text("utf-8"))
    (folder / METADATA).write_text(json.dumps({**told, "changes_since": EARLIER_ID}), "utf-8")
    if not is_kept:
        shutil.rmtree(releases / EARLIER_ID)
    client = TestClient(make_app(releases))
    page = client.get("/changes").text
    rows = [[cell.strip() for cell in row] for row in Read(page).rows]
    (counts,) = [row for row in rows if row[:2] == ["Endret", "flere poster har kommet"]]
    assert counts[2] == Speech("nb").number(4711, "n")
    assert EARLIER_ID in page
    assert (Speech("nb")("largest") in page) == is_kept
    assert ("ikke lenger lagret" in page) != is_kept
    assert client.get("/changes/c113_within_10s").status_code == 200


def test_without_an_earlier_release_or_a_change_it_says_so(later: Path, releases: Path) -> None:
    only = TestClient(make_app(releases))
    assert "ingen tidligere utgivelse" in only.get("/changes").text
    assert only.get("/changes.csv").status_code == 404
    missing = TestClient(make_app(later)).get("/changes/calls_offered_x")
    assert missing.status_code == 404 and "c113_within_10s" in missing.text
