"""The privacy pack: every field is there with its needs, and what it names exists."""

from __future__ import annotations

import ast
import functools
import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docx import Document
from typer.testing import CliRunner

from contracts import CONTRACTS
from ingestion.sources import read_sources
from orchestration.audiences import load_audiences
from orchestration.cli.main import app
from orchestration.privacy.document import Chapter, Heading, Pack, Table
from orchestration.privacy.markdown import markdown
from orchestration.privacy.models_sql import Models
from orchestration.privacy.needs import LINKS, Field, Needs
from orchestration.privacy.pack import (
    ANSWERS,
    PROCESSING_FILE,
    RISKS_FILE,
    UNSOLVED,
    Facts,
    build,
    read,
)
from orchestration.privacy.paper import docx
from orchestration.registry import load_registry
from orchestration.suppression import load_policy
from tests.test_documents import problem, words

ROOT = Path(__file__).parents[2]
AREAS = ["konfidensialitet", "integritet", "tilgjengelighet", "robusthet"]


@pytest.fixture(scope="module")
def needs() -> Needs:
    return Needs()


@pytest.fixture(scope="module")
def pack(needs: Needs) -> Pack:
    sources = read_sources(ROOT / "ingestion" / "sources")
    facts = Facts(sources.specs, ["halvferdig"], load_audiences(), load_policy())
    return build(facts, needs)


def chapter(pack: Pack, number: int) -> Chapter:
    return next(one for one in pack.chapters if one.title.startswith(f"{number}."))


def told(pack: Pack, number: int) -> str:
    """All that a chapter says."""
    return markdown(Pack("", "", (chapter(pack, number),)))


def entries() -> list[dict[str, Any]]:
    processing = read(PROCESSING_FILE)
    listed = [one for risks in read(RISKS_FILE).values() for one in risks]
    return [*listed, *processing["never_taken_in"], *processing["flow"]]


def test_every_field_of_every_contract_is_in_it_with_its_description(pack: Pack) -> None:
    tables: dict[str, Table] = {}
    blocks = chapter(pack, 2).blocks
    for block, following in itertools.pairwise(blocks):
        if isinstance(block, Heading) and isinstance(following, Table):
            tables[block.text] = following
    for name, contract in CONTRACTS.items():
        rows = {row[0]: row for row in tables[f"{contract.title_nb} ({name})"].rows}
        assert list(rows) == list(contract.columns)
        for column in contract.columns.values():
            assert rows[column.name][1] == column.description_nb
            assert all(rows[column.name])


@pytest.mark.parametrize(
    ("field", "kpi", "expected"),
    [
        (("call", "answered_at"), "c113_within_10s", True),
        (("call", "caller_pseudonym"), "recall_15min", True),
        (("call", "transferred_to"), "transfer_113_to_116117", True),
        (("call", "transferred_to"), "c113_within_10s", False),
        (("call", "chain_id"), "chain_link_rate", True),
        (("alarm", "departed_at"), "scene_time_median", True),
        (("alarm", "departed_at"), "turnout_p90", False),
        (("alarm", "scene_municipality_code"), "resp_median", True),
        (("video_session", "connected_at"), "video_setup_median", True),
        (("lat_request", "patients"), "lat_patients", True),
        (("lat_request", "patients"), "lat_flights", False),
        (("lat_readiness", "end_at"), "lat_weather_down_h", True),
    ],
)
def test_what_a_kpi_needs_follows_from_its_sql(
    needs: Needs, field: tuple[str, str], kpi: str, expected: bool
) -> None:
    assert (kpi in needs.by_field[Field(*field)]) is expected


@pytest.mark.parametrize(
    ("field", "links"),
    [
        (("alarm", "station_id"), False),
        (("alarm", "handover_at"), False),
        (("video_session", "opened_at"), False),
        (("video_session", "call_source_id"), True),
        (("lat_request", "alarm_source_id"), True),
    ],
)
def test_a_field_that_no_kpi_needs_is_a_candidate_for_removal(
    pack: Pack, needs: Needs, field: tuple[str, str], links: bool
) -> None:
    one = Field(*field)
    assert needs.by_field[one] == ()
    assert (one in needs.links) is links
    idle, linking = [block for block in chapter(pack, 3).blocks if isinstance(block, Table)][:2]
    title = CONTRACTS[one.contract].title_nb
    rows = [(row[0], row[1]) for row in (linking if links else idle).rows]
    assert (title, one.column) in rows


def test_candidates_are_exactly_the_fields_without_a_kpi(pack: Pack, needs: Needs) -> None:
    idle, linking = [block for block in chapter(pack, 3).blocks if isinstance(block, Table)][:2]
    listed = sorted((row[0], row[1]) for row in (*idle.rows, *linking.rows))
    assert listed == sorted(
        (CONTRACTS[one.contract].title_nb, one.column)
        for one, kpis in needs.by_field.items()
        if not kpis
    )


def test_every_computed_kpi_needs_a_stamp_and_the_key_of_its_rows(needs: Needs) -> None:
    for kpi in load_registry().active:
        found = needs.of_kpi(kpi)
        contract = load_registry().families[kpi.family].contract
        of = contract if contract in CONTRACTS else kpi.segments[0]
        assert Field(of, "source_id") in found, kpi.id
        assert any(CONTRACTS[one.contract].columns[one.column].kind == "timestamp" for one in found)


def test_a_changed_model_changes_the_answer(needs: Needs) -> None:
    class Changed(Models):
        def sql(self, name: str) -> str:
            text = super().sql(name)
            if name != "int_alarms__latest":
                return text
            return re.sub(r"\bdeparted_at,", "alerted_at as departed_at,", text)

    field = Field("alarm", "departed_at")
    assert needs.by_field[field]
    assert Needs(Changed()).by_field[field] == ()


def test_models_are_rendered_with_the_names_of_others() -> None:
    models = Models()
    assert all(name in models for name in LINKS)
    text = models.sql("fct_missions")
    assert "from int_alarms__latest as a" in text
    assert "{{" not in text
    assert "is_deleted" in text


def test_where_a_field_is_kept(needs: Needs) -> None:
    kept = needs.in_warehouse
    assert kept[Field("alarm", "alerted_at")] is True
    assert kept[Field("call", "is_test")] is True
    assert kept[Field("call", "caller_pseudonym")] is False
    assert Field("alarm", "station_id") not in kept


@functools.cache
def functions(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def missing(listed: list[dict[str, Any]]) -> Iterator[str]:
    for one in listed:
        for test in one.get("tests", ()):
            path, _, name = test.partition("::")
            if not (ROOT / path).is_file() or name not in functions(ROOT / path):
                yield test
        yield from (code for code in one.get("code", ()) if not (ROOT / code).is_file())
        yield from (line for line in one.get("commands", ()) if problem_of(line))


def problem_of(line: str) -> str | None:
    found = problem(words(line))
    return None if found == "an argument is missing" else found


def test_tests_modules_and_commands_that_are_named_exist() -> None:
    assert list(missing(entries())) == []
    rights = " ".join(one["product"] for one in read(PROCESSING_FILE)["rights"])
    for line in re.findall(r"`(akutt [^`]+)`", rights):
        assert problem_of(line) is None


def test_the_lookup_itself_finds_what_is_not_there() -> None:
    gone = {
        "tests": ["tests/ingestion/test_intake.py::test_gone", "tests/gone.py::test_gone"],
        "code": ["ingestion/gone.py"],
        "commands": ["akutt gone"],
    }
    assert len(list(missing([gone]))) == 4


def test_risks_are_in_the_order_of_normen_and_say_what_is_not_done(pack: Pack) -> None:
    risks = read(RISKS_FILE)
    assert list(risks) == AREAS
    headings = [block.text for block in chapter(pack, 5).blocks if isinstance(block, Heading)]
    assert [text.lower() for text in headings] == AREAS
    listed = [one for area in risks.values() for one in area]
    assert len(listed) >= 15
    for one in listed:
        assert one["answer"] in ANSWERS
        # What the product does is shown by a test; what it does not do is for the site.
        assert bool(one.get("tests")) is (one["answer"] != "nei"), one["risk"]
        assert bool(one.get("rest")) is (one["answer"] != "ja"), one["risk"]
    text = told(pack, 5)
    assert text.count(f"{UNSOLVED}. ") == sum(one["answer"] == "nei" for one in listed)
    for one in listed:
        assert one["risk"] in text


def test_recipients_and_thresholds_are_those_of_their_files(pack: Pack, tmp_path: Path) -> None:
    text = told(pack, 4)
    assert "Internt (internal)" in text
    assert "| hva som skjedde med personer | 5 | 10 | 5 | 2 |" in text
    own = tmp_path / "audiences.yaml"
    own.write_text(
        "nord: {name_nb: Helse Nord, name_en: North, sees: [{regions: [nord]}]}\n", "utf-8"
    )
    made = build(Facts({}, [], load_audiences(own), load_policy()))
    assert "Helse Nord (nord)" in told(made, 4)
    assert "Regionene nord i sin helhet" in told(made, 4)


def test_sources_that_cannot_be_described_are_named(pack: Pack) -> None:
    text = told(pack, 1)
    assert "er ikke beskrevet: halvferdig" in text
    assert "hdo_iccs_calls" in text


def test_tables_in_markdown_have_as_many_cells_in_every_row(pack: Pack) -> None:
    size, tables = 0, 0
    for line in markdown(pack).splitlines():
        if not line.startswith("|"):
            size = 0
            continue
        assert line.endswith(" |")
        cells = len(re.findall(r"(?<!\\)\|", line)) - 1
        tables += size == 0
        size = size or cells
        assert cells == size, line
    assert tables == len(pack.tables)


def test_a_bar_and_a_new_line_stay_in_their_cell() -> None:
    table = Table(("a", "b"), (("x|y", "1\n2"),), (1, 1))
    text = markdown(Pack("t", "e", (Chapter("1. c", "e", (table,)),)))
    assert "| x\\|y | 1<br>2 |" in text
    with pytest.raises(ValueError, match="2 columns"):
        Table(("a", "b"), (("one",),), (1, 1))


def test_the_document_opens_and_says_the_same(pack: Pack) -> None:
    document = Document(io.BytesIO(docx(pack)))
    assert len(document.tables) == len(pack.tables)
    headings = [p.text for p in document.paragraphs if p.style.name == "Heading 2"]
    assert headings == [one.title for one in pack.chapters]
    for table, stated in zip(document.tables, pack.tables, strict=True):
        assert len(table.rows) == 1 + len(stated.rows)
        first = [cell.text.replace("\u200b", "") for cell in table.rows[1].cells]
        assert first == list(stated.rows[0])
        section = document.sections[0]
        room = section.page_width - section.left_margin - section.right_margin
        # A width is rounded to a twentieth of a point.
        assert sum(column.width for column in table.columns) <= room + 635 * len(stated.header)


@pytest.mark.parametrize(
    ("arguments", "made"),
    [
        ([], ["personvernpakke.docx", "personvernpakke.md"]),
        (["--format", "md"], ["personvernpakke.md"]),
        (["--format", "docx"], ["personvernpakke.docx"]),
    ],
)
def test_the_command_writes_what_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], made: list[str]
) -> None:
    monkeypatch.setenv("AKUTT_HOME", str(tmp_path / "home"))
    result = CliRunner().invoke(app, ["privacy", "pack", str(tmp_path / "out"), *arguments])
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == made


def test_the_command_says_what_it_cannot_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AKUTT_HOME", str(tmp_path / "home"))
    result = CliRunner().invoke(app, ["privacy", "pack", str(tmp_path), "--format", "pdf"])
    assert result.exit_code == 1
    assert "md, docx, both" in result.output
    file = tmp_path / "file"
    file.write_text("", "utf-8")
    result = CliRunner().invoke(app, ["privacy", "pack", str(file)])
    assert result.exit_code == 1
    assert "cannot be written" in result.output
