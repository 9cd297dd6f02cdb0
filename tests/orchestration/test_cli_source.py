"""`akutt source new` and `akutt source diff`: what they write, ask, refuse and print."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from ingestion.sources import load_source
from orchestration.cli import source as commands
from orchestration.cli.main import app
from tests.ingestion.conftest import call_source, row, text


def akutt(*words: str, answers: str | None = None) -> Result:
    return CliRunner().invoke(app, list(words), input=answers)


def new(folder: Path, sample: Path, *words: str, answers: str | None = None) -> Result:
    return akutt(
        "source", "new", "prove", "--sample", str(sample), "--contract", "call",
        "--output", str(folder), *words, answers=answers,
    )  # fmt: skip


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    path = tmp_path / "prove_2026-01-15.csv"
    path.write_text(text(*(row(n) for n in range(20))), "utf-8")
    return path


@pytest.fixture
def unclear(tmp_path: Path) -> Path:
    path = tmp_path / "prove_2026-04-05.csv"
    stamps = {"start": "03/04/2026 10:00", "svar": "03/04/2026 10:01", "slutt": ""}
    path.write_text(text(row(1, **stamps), row(2, **stamps)), "utf-8")
    return path


def test_new_writes_a_draft_and_says_what_is_next(sample: Path, tmp_path: Path) -> None:
    result = new(tmp_path / "kilder", sample)
    assert result.exit_code == 0
    draft = tmp_path / "kilder" / "prove.yaml"
    assert yaml.safe_load(draft.read_text("utf-8"))["contract"] == "call"
    assert "left to fill in" in result.output and "direction" in result.output
    assert f"akutt source check {sample} --source {draft}" in result.output


def test_new_never_overwrites(sample: Path, tmp_path: Path) -> None:
    target = tmp_path / "prove.yaml"
    target.write_text("mine", "utf-8")
    result = new(tmp_path, sample)
    assert result.exit_code == 1
    assert "ikke overskrevet" in result.output
    assert target.read_text("utf-8") == "mine"


@pytest.mark.parametrize("name", ["../ute", "Store", "1x", "a b"])
def test_a_name_cannot_lead_out_of_the_folder(name: str, sample: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kilder"
    result = akutt(
        "source", "new", name, "--sample", str(sample), "--contract", "call",
        "--output", str(folder),
    )  # fmt: skip
    assert result.exit_code == 1
    assert not list(tmp_path.glob("**/*.yaml"))


def test_new_as_json(sample: Path, tmp_path: Path) -> None:
    document = json.loads(new(tmp_path, sample, "--format", "json").output)
    assert document["records"] == 20
    assert document["format"] == {"type": "csv", "delimiter": ";"}
    svar = next(column for column in document["columns"] if column["column"] == "svar")
    assert svar["shapes"] == ["9999-99-99 99:99:99.999"]
    assert any("direction" in item for item in document["left"])


def test_day_or_month_first_without_a_terminal_is_left_to_do(unclear: Path, tmp_path: Path) -> None:
    result = new(tmp_path, unclear)
    assert result.exit_code == 0
    assert "day or month first?" in result.output
    told = tmp_path / "sagt"
    assert new(told, unclear, "--day-first").exit_code == 0
    columns = yaml.safe_load((told / "prove.yaml").read_text("utf-8"))["columns"]
    assert columns["answered_at"]["format"] == "%d/%m/%Y %H:%M"


@pytest.mark.parametrize(("answer", "form"), [("y", "%d/%m/%Y %H:%M"), ("n", "%m/%d/%Y %H:%M")])
def test_day_or_month_first_is_asked_at_a_terminal(
    unclear: Path, tmp_path: Path, answer: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "_is_terminal", lambda: True)
    result = new(tmp_path, unclear, answers=f"{answer}\n")
    assert result.exit_code == 0 and "05.04" in result.output
    columns = yaml.safe_load((tmp_path / "prove.yaml").read_text("utf-8"))["columns"]
    assert columns["answered_at"]["format"] == form


def test_an_unknown_file_is_refused_in_both_languages(tmp_path: Path) -> None:
    path = tmp_path / "bilde.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\x01")
    result = new(tmp_path, path)
    assert result.exit_code == 1
    assert "bilde.png: ukjent format" in result.output and "unknown format" in result.output
    assert not (tmp_path / "prove.yaml").exists()


# --- diff -------------------------------------------------------------------------------------


@pytest.fixture
def layouts(tmp_path: Path, sample: Path) -> tuple[Path, Path, Path]:
    """Two deliveries, the second with another name for the answer stamp, and their source."""
    later = tmp_path / "prove_2026-01-16.csv"
    renamed = text(*(row(n, utfall="B" if n % 2 else "T") for n in range(20)))
    later.write_text(renamed.replace(";svar;", ";besvart;", 1), "utf-8")
    document = call_source().model_dump(
        mode="json", by_alias=True, exclude_defaults=True, exclude_unset=True
    )
    source = tmp_path / "kilder" / "prove.yaml"
    source.parent.mkdir()
    source.write_text(
        "# om kilden\n" + yaml.safe_dump(document, sort_keys=False, allow_unicode=True), "utf-8"
    )
    return sample, later, source


def test_diff_prints_the_changes_and_the_entry(layouts: tuple[Path, Path, Path]) -> None:
    old, new_file, source = layouts
    before = source.read_text("utf-8")
    result = akutt("source", "diff", str(old), str(new_file), "--source", str(source))
    assert result.exit_code == 0
    assert "nytt navn / renamed" in result.output
    assert "nye koder / new codes" in result.output
    entry = "headers:\n  - valid_from: 2026-01-16\n    rename:\n      besvart: svar\n"
    assert entry in result.output
    assert source.read_text("utf-8") == before


def test_diff_writes_the_entry_and_the_source_reads_both(
    layouts: tuple[Path, Path, Path],
) -> None:
    old, new_file, source = layouts
    words = ("source", "diff", str(old), str(new_file), "--source", "prove")
    result = akutt(*words, "--sources", str(source.parent), "--write")
    assert result.exit_code == 0, result.output
    assert source.read_text("utf-8").startswith("# om kilden\n")
    (variant,) = load_source(source).headers
    assert variant.rename == {"besvart": "svar"}
    again = akutt(*words, "--sources", str(source.parent), "--write")
    assert "nothing to write" in again.output
    assert len(load_source(source).headers) == 1


def test_diff_without_change(sample: Path) -> None:
    assert "has not changed" in akutt("source", "diff", str(sample), str(sample)).output


def test_diff_needs_a_source_and_a_date_to_write(layouts: tuple[Path, Path, Path]) -> None:
    old, new_file, source = layouts
    result = akutt("source", "diff", str(old), str(new_file), "--write")
    assert result.exit_code == 1 and "--write" in result.output
    undated = new_file.rename(new_file.with_name("ny.csv"))
    words = ("source", "diff", str(old), str(undated), "--source", str(source), "--write")
    assert akutt(*words).exit_code == 1
    assert akutt(*words, "--from", "2026-02-01").exit_code == 0
    assert str(load_source(source).headers[0].valid_from) == "2026-02-01"


def test_diff_of_an_unknown_source(sample: Path) -> None:
    result = akutt("source", "diff", str(sample), str(sample), "--source", "finnes_ikke")
    assert result.exit_code == 1 and "no source file" in result.output


def test_check_says_in_both_languages_what_became_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "prove_2026-01-15.csv"
    path.write_text(text(row(1), row(2, utfall="X"), row(3, sentral="Kari Nordmann")), "utf-8")
    spec = tmp_path / "prove.yaml"
    content = call_source().model_dump(mode="json", by_alias=True, exclude_defaults=True)
    spec.write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")
    result = akutt("source", "check", str(path), "--source", str(spec))
    assert "3 rader lest / rows read = 2 godtatt / accepted + 1 avvist / rejected" in result.output
    (line,) = [line for line in result.output.splitlines() if "FILE_PERSON_NAME" in line]
    # One row, the third, and what became of it.
    assert line.split()[1:3] == ["1", "3"] and "sentral (1)" in line
    assert "uten teksten" in line and "without the text" in line
    assert "Ukjente koder" in result.output and "Kari Nordmann" not in result.output
    path.write_text("x;y\n1;2\n", "utf-8")
    result = akutt("source", "check", str(path), "--source", str(spec))
    assert "Hele filen avvist / refused whole: FILE_COLUMN_MISSING" in result.output
    assert "Filen mangler en kolonne" in result.output and "lacks a column" in result.output
