"""The report for the board: its numbers are the query's, in every format, and what is hidden is
hidden there too."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import docx as python_docx
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from orchestration.cli.main import app as cli
from reporting import metrics
from reporting.dimensions import dimensions
from reporting.reader import Release, open_current
from reporting.report.content import Report, report
from reporting.report.html import html
from reporting.report.paper import docx, pdf
from reporting.report.template import TemplateError, check, read, template_for, templates
from reporting.web.app import make_app
from reporting.web.figures import Place, When
from reporting.web.words import Speech
from tests.reporting.releases import changed

OSLO = Place("central", "amk_oslo", "AMK Oslo")
BERGEN = Place("central", "amk_bergen", "AMK Bergen")
SEPTEMBER = When("month", date(2026, 9, 1))


@pytest.fixture
def full(fuller: Path) -> Iterator[Release]:
    with open_current(fuller) as release:
        yield release


def cells(data: bytes) -> list[list[str]]:
    document = python_docx.Document(io.BytesIO(data))
    return [[cell.text for cell in row.cells] for table in document.tables for row in table.rows]


def printed(data: bytes, tmp_path: Path) -> str:
    path = tmp_path / "report.pdf"
    path.write_bytes(data)
    done = subprocess.run(
        ["pdftotext", "-layout", str(path), "-"], capture_output=True, text=True, check=True
    )
    return done.stdout.replace("\u00a0", " ")


def test_every_template_asks_for_what_there_is(full: Release) -> None:
    found = templates()
    assert {one.name for one in found} >= {"amk", "legevakt", "base", "lat", "region"}
    for one in found:
        check(one, dimensions(full))
    assert template_for("central", "AMK").name == "amk"  # type: ignore[union-attr]
    assert template_for("central", "LEGEVAKT").name == "legevakt"  # type: ignore[union-attr]
    assert template_for("municipality", None) is None


def test_numbers_are_those_of_the_query_in_every_format(
    full: Release, fuller: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AKUTT_HOME", str(fuller.parent))
    frame = metrics.query(kpis="c113_within_10s", level="central", period="2026-09")
    value = next(row["value"] for row in frame.to_dicts() if row["unit_id"] == "amk_oslo")
    for language in ("nb", "en"):
        wanted = Speech(language).number(value, "%")
        said = report(full, OSLO, SEPTEMBER, language)
        (line,) = [
            line for part in said.sections for line in part.lines if "10 se" in line.name
        ]  # fmt: skip
        assert line.value == wanted
        assert wanted in html(said).decode()
        assert any(row[:2] == [line.name, wanted] for row in cells(docx(said)))
        if shutil.which("pdftotext"):
            assert wanted.replace("\u00a0", " ") in printed(pdf(said), tmp_path)


def test_what_is_hidden_is_hidden_in_every_format(full: Release, tmp_path: Path) -> None:
    said = report(full, BERGEN, SEPTEMBER)
    lines = [line for part in said.sections for line in part.lines]
    assert [line.value for line in lines if "10 sekunder" in line.name] == ["skjult"]
    assert "skjult" in " ".join(said.summary)
    # 3 of 9: neither the share nor its parts.
    texts = [html(said).decode(), str(cells(docx(said)))]
    if shutil.which("pdftotext"):
        texts.append(printed(pdf(said), tmp_path))
    for text in texts:
        assert "33,3" not in text and "skjult" in text


def test_the_year_so_far_stands_beside_the_month(fuller: Path, tmp_path: Path) -> None:
    folder = changed(
        fuller,
        tmp_path / "releases",
        "insert into kpi_values by name select * replace ('ytd' as period_grain, 91.5 as value)"
        " from kpi_values where kpi_id = 'c113_within_10s' and unit_id = 'amk_oslo'"
        " and period_grain = 'month' and period_start = date '2026-09-01'",
    )
    with open_current(folder) as release:
        said = report(release, OSLO, SEPTEMBER)
    (line,) = [line for part in said.sections for line in part.lines if "10 se" in line.name]
    assert line.value.startswith("94,0") and line.year_to_date.startswith("91,5")
    assert line.twelve_months == ""


def test_the_summary_counts_what_the_tables_say(full: Release) -> None:
    said = report(full, OSLO, SEPTEMBER)
    lines = [line for part in said.sections for line in part.lines]
    better = sum(line.verdict.startswith("bedre enn ventet") for line in lines)
    assert better and f"{better} bedre" in said.summary[0]
    assert len(said.deviations) == sum(line.needs_a_look for line in lines)


def test_a_pdf_is_tagged_and_says_its_title_and_language(full: Release) -> None:
    made = pdf(report(full, OSLO, SEPTEMBER))
    assert made.startswith(b"%PDF-")
    assert b"/MarkInfo" in made and b"/StructTreeRoot" in made
    assert b"pdfuaid:part" in made
    assert re.search(rb"/Lang ?\(nb", made)


def test_a_document_has_headings_and_headers_that_repeat(full: Release) -> None:
    document = python_docx.Document(io.BytesIO(docx(report(full, OSLO, SEPTEMBER))))
    styles = [paragraph.style.name for paragraph in document.paragraphs if paragraph.style]
    assert styles.count("Heading 1") == 1 and styles.count("Heading 2") >= 3
    for table in document.tables:
        assert "w:tblHeader" in table.rows[0]._tr.xml
        assert "w:tblHeader" not in table.rows[1]._tr.xml
    for shape in document.inline_shapes:
        assert shape._inline.docPr.get("descr")


@pytest.mark.skipif(shutil.which("soffice") is None, reason="no LibreOffice on this machine")
def test_an_office_program_opens_the_document(full: Release, tmp_path: Path) -> None:
    path = tmp_path / "report.docx"
    path.write_bytes(docx(report(full, OSLO, SEPTEMBER)))
    subprocess.run(
        ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless",
         "--convert-to", "txt:Text", "--outdir", str(tmp_path), str(path)],
        check=True, capture_output=True, timeout=180,
    )  # fmt: skip
    text = (tmp_path / "report.txt").read_text("utf-8-sig")
    assert "AMK Oslo" in text and "94,0" in text


def test_a_unit_without_figures_and_a_level_without_template_say_so(full: Release) -> None:
    with pytest.raises(TemplateError, match="ingen tall"):
        report(full, OSLO, When("month", date(2020, 1, 1)))
    with pytest.raises(TemplateError, match="ingen mal"):
        report(full, Place("municipality", "0301", "Oslo"), SEPTEMBER)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("title: [", "mal.yaml:"),
        ("level: central\nsections: {call: [a/b]}\n", "title"),
        ("title: {nb: a, en: b}\nlevel: town\nsections: {call: [a/b]}\n", "level"),
        ("title: {nb: a, en: b}\nlevel: central\nsections: {calls: [a/b]}\n", "sections.calls"),
        ("title: {nb: a, en: b}\nlevel: central\nsections: {call: [a]}\n", "sections.call: a"),
        ("title: {nb: a, en: b}\nlevel: central\nsections: {}\n", "sections"),
        ("title: {nb: a, en: b}\nlevel: central\nchart: []\nsections: {}\n", "chart"),
    ],
)
def test_a_template_that_cannot_be_names_its_place(text: str, place: str, tmp_path: Path) -> None:
    path = tmp_path / "mal.yaml"
    path.write_text(text)
    with pytest.raises(TemplateError) as caught:
        read(path)
    assert "mal.yaml" in str(caught.value) and place in str(caught.value)


def test_a_template_of_ones_own(full: Release, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        "title: {nb: Vår rapport, en: Our report}\nlevel: central\n"
        "sections: {call: [c113_within_10s/113]}\n"
    )
    said: Report = report(full, OSLO, SEPTEMBER, template=read(path))
    assert said.title == "Vår rapport"
    assert [len(part.lines) for part in said.sections] == [1]
    path.write_text(path.read_text().replace("c113_within_10s/113", "c113_within_11s/113"))
    with pytest.raises(TemplateError, match="c113_within_11s"):
        report(full, OSLO, SEPTEMBER, template=read(path))


def test_the_command_and_the_server_give_the_same_kinds_of_files(
    fuller: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AKUTT_HOME", str(fuller.parent))
    given = ["report", "amk oslo", "--period", "2026-09", "--output", str(tmp_path)]
    done = CliRunner().invoke(cli, [*given, "--format", "pdf,docx,html"])
    assert done.exit_code == 0, done.output
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"amk_oslo_2026-09.{ending}" for ending in ("pdf", "docx", "html")}
    for wrong, told in (
        (["report", "oslo"], "--level"),
        ([*given, "--format", "odt"], "pdf, docx, html"),
        ([*given, "--language", "sv"], "nb, en"),
        (["report", "amk_oslo", "--period", "yesterday"], "yesterday"),
    ):
        failed = CliRunner().invoke(cli, wrong)
        assert failed.exit_code == 1 and told in failed.output, failed.output
    client = TestClient(make_app(fuller))
    assert "/report/central/amk_oslo/2026-09.pdf" in client.get("/unit/central/amk_oslo").text
    made = client.get("/en/report/central/amk_oslo/2026-09.pdf")
    assert made.status_code == 200 and made.content.startswith(b"%PDF-")
    assert made.headers["content-type"] == "application/pdf"
    assert client.get("/report/central/amk_oslo/2026-09.docx").content.startswith(b"PK")
    for missing in ("central/amk_osl/2026-09.pdf", "central/amk_oslo/x.pdf", "town/a/2026-09.pdf"):
        assert client.get(f"/report/{missing}").status_code == 404
