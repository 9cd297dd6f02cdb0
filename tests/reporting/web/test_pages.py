"""Pages: each renders in both languages, every link leads somewhere, numbers are the query's."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, unquote

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from orchestration.cli.main import app as cli
from reporting import metrics
from reporting.reader import Release, open_release
from reporting.web import figures, pages
from reporting.web.app import make_app
from reporting.web.figures import Place, When
from reporting.web.pages import NoPageError, View
from reporting.web.site import NotEmptyError, write
from reporting.web.words import LANGUAGES, Language, Speech

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class Read(HTMLParser):
    """Links, ids, headings and table cells of a page; an element left open is an error."""

    VOID = ("meta", "link", "input", "br", "circle", "rect", "path")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.language = ""
        self.headings: list[str] = []
        self.rows: list[list[str]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "html":
            self.language = given["lang"] or ""
        if tag in ("a", "link"):
            self.links.append(given["href"] or "")
        if tag == "h1":
            self.headings.append("")
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.headings and "h1" in self.open:
            self.headings[-1] += data
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data


def view(release: Release, path: str, language: Language = "nb") -> View:
    return View(release, language, path, lambda to: to)


def internal(release: Release, folder: Path) -> Release:
    """The same release, for another audience."""
    shutil.copytree(release.path, folder / release.release_id)
    metadata = {**release.metadata, "audience": "internal"}
    (folder / release.release_id / "metadata.json").write_text(json.dumps(metadata), "utf-8")
    return open_release(folder, release.release_id, "internal")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_well_formed_and_leads_to_pages(current: Release, language: Language) -> None:
    known = set(pages.paths(current))
    assert {"/", "/units", "/definitions", "/about"} < known
    assert any(path.startswith("/unit/central/amk_oslo/") for path in known)
    leads_to: set[str] = set()
    for path in sorted(known):
        read = Read(pages.page(view(current, path, language)).html)
        assert read.language == language
        assert len(read.headings) == 1 and read.headings[0].strip()
        for link in read.links:
            if link.startswith(("/static/", "#")) or re.search(
                r"\.(csv|json|xlsx|pdf|docx)$", link
            ):
                continue
            bare = link.partition("#")[0]
            leads_to.add(bare[3:] or "/" if bare == "/en" or bare.startswith("/en/") else bare)
    # Those that are no files of their own are there on the server.
    for address in leads_to - known:
        path, _, asked = address.partition("?")
        assert pages.page(replace(view(current, path, language), choices=parse_qs(asked))).html


def test_numbers_on_a_page_are_those_of_the_query(
    current: Release, releases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AKUTT_HOME", str(releases.parent))
    say = Speech("nb")
    read = Read(pages.page(view(current, "/kpi/c113_within_10s/113/central/2026-09")).html)
    told = {row[0].strip(): row[1].split()[0] for row in read.rows if len(row) > 3}
    frame = metrics.query(kpis="c113_within_10s", level="central", period="2026-09")
    rows = {row["unit_name"]: row for row in frame.to_dicts()}
    assert told["AMK Oslo"] == say.number(rows["AMK Oslo"]["value"], "%").split()[0]
    assert rows["AMK Bergen"]["value"] is None
    assert told["AMK Bergen"] == "skjult"


def test_what_is_read_ahead_is_what_is_read_alone(current: Release) -> None:
    place = Place("central", "amk_oslo", "AMK Oslo")
    when = When("month", date(2026, 9, 1))
    one = figures.unit_figures(current, place, when)
    assert one and one == figures.unit_figures(current, place, when, is_all=True)
    wanted = figures.series_query("c113_within_10s", "113", place, when)
    rows = figures.rows_of(current, wanted)
    assert len(rows) == 2
    assert rows == figures.rows_of(current, wanted, "unit_id")
    of_all = figures.kpi_query("c113_within_10s", "113", "central", when)
    there = figures.kpi_figures(current, of_all)
    assert there and there == figures.kpi_figures(current, of_all, is_all=True)


def test_what_is_not_there_says_so(current: Release) -> None:
    for path in ("/nothing", "/unit/central/amk_osl", "/kpi/no_such/113/central",
                 "/kpi/c113_within_10s/113/base", "/unit/central/amk_oslo/2026-W40",
                 "/unit/central/amk_oslo/yesterday"):  # fmt: skip
        with pytest.raises(NoPageError):
            pages.page(view(current, path))


def test_the_server_answers_as_it_should(releases: Path, tmp_path: Path) -> None:
    client = TestClient(make_app(releases))
    page = client.get("/unit/central/amk_oslo/2026-09")
    assert page.status_code == 200 and "AMK Oslo" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    again = client.get("/", headers={"If-None-Match": client.get("/").headers["etag"]})
    assert again.status_code == 304
    assert client.get("/static/style.css").status_code == 200
    csv = client.get("/kpi/c113_within_10s/113/central/2026-09.csv")
    assert csv.status_code == 200 and "amk_oslo" in csv.text
    assert client.get("/units.csv").status_code == 404
    missing = client.get("/en/unit/central/amk_osl")
    assert missing.status_code == 404 and "There is no such page" in missing.text
    assert '<html lang="en">' in missing.text and 'href="/en/"' in missing.text
    for nowhere, status in ((client.get("/a%0Ab"), 404), (client.post("/units"), 405)):
        assert nowhere.headers["content-type"].startswith("text/html")
        assert nowhere.status_code == status
    found = client.get("/search", params={"q": "oslo"})
    assert "/unit/central/amk_oslo/" in found.text
    hostile = client.get("/en/search", params={"q": "<script>alert(1)</script>"})
    assert "<script>" not in hostile.text
    none = TestClient(make_app(tmp_path)).get("/")
    assert none.status_code == 503 and none.headers["retry-after"]


def test_a_new_release_appears_without_a_restart(releases: Path, tmp_path: Path) -> None:
    folder = tmp_path / "releases"
    folder.mkdir()
    client = TestClient(make_app(folder))
    assert client.get("/").status_code == 503
    shutil.copytree(releases, folder, dirs_exist_ok=True)
    assert client.get("/").status_code == 200


def test_only_the_open_release_is_shown_to_others() -> None:
    done = CliRunner().invoke(cli, ["serve", "--host", "0.0.0.0", "--audience", "internal"])
    assert done.exit_code == 1
    assert "only the open release" in done.output


def test_a_folder_of_files_holds_together(current: Release, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    written = write(current, folder)
    files = list(folder.rglob("*.html"))
    assert written == len(files) == 2 * len(set(pages.paths(current)))
    for file in files:
        for link in Read(file.read_text("utf-8")).links:
            if not link.startswith("#"):
                assert not link.startswith("/")
                assert (file.parent / unquote(link.partition("#")[0])).resolve().is_file(), link
    private = tmp_path / "private"
    with internal(current, tmp_path / "releases") as own:
        write(own, private)
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("x")
    with pytest.raises(NotEmptyError):
        write(current, tmp_path / "mine")
    assert (tmp_path / "mine" / "letter.txt").is_file()


KILLED = """
import sys, time
from pathlib import Path
from reporting.reader import open_current
from reporting.web.site import workers

if __name__ == "__main__":
    with workers(open_current(Path(sys.argv[1])), 2) as pool:
        list(pool.map(abs, range(2)))
        print("at work", flush=True)
        time.sleep(600)
"""


def test_processes_that_write_pages_end_with_the_one_that_began_them(
    releases: Path, tmp_path: Path
) -> None:
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    began = subprocess.Popen(
        [sys.executable, script, releases], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip
    assert began.stdout is not None and began.stdout.readline() == "at work\n"
    began.kill()
    # The end of the output comes when nobody is left who could write to it.
    assert began.communicate(timeout=20) == ("", None)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_it_opens_from_disk_in_a_browser(current: Release, tmp_path: Path) -> None:
    write(current, tmp_path / "site")
    assert CHROMIUM is not None
    shown = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
         f"--user-data-dir={tmp_path / 'profile'}",
         (tmp_path / "site" / "unit" / "central" / "amk_oslo" / "2026-09.html").as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip
    assert "<h1>AMK Oslo</h1>" in shown


def test_numbers_and_dates_as_each_language_writes_them() -> None:
    nb, en = Speech("nb"), Speech("en")
    assert nb.number(1234.56, "%") == "1\u00a0234,6\u00a0%"
    assert en.number(1234.56, "%") == "1,234.6\u00a0%"
    assert nb.number(1234567.0, "n") == "1\u00a0234\u00a0567"
    assert nb.number(0.25, "min") == "0,25\u00a0min"
    assert nb.number(None) == ""
