"""KOSTRA groups from KLASS files: what is read, what is refused, and what the seed becomes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from orchestration.cli.main import app
from orchestration.kostra import Codes, Member, Reading, load_seed, merged, read_klass

FROM = date(2024, 1, 1)
CLASSIFICATION = """"code";"parentCode";"level";"name";"shortName";"notes";"validFrom";"validTo"
"KG01";"";"1";"KOSTRA-gruppe 1";"";"";"2024-01-01";""
"KG11";"";"1";"KOSTRA-gruppe 11";"";"";"2024-01-01";""
"1580";"KG01";"2";"Haram";"";"";"2024-01-01";""
"1508";"KG11";"2";"Ålesund";"";"";"2024-01-01";""
"301";"KG11";"2";"Oslo";"";"";"2024-01-01";""
"""


@pytest.fixture(scope="module")
def codes() -> Codes:
    return Codes.from_seeds()


def read(tmp_path: Path, codes: Codes, text: str, encoding: str = "utf-8") -> Reading:
    path = tmp_path / "klass112.csv"
    path.write_bytes(text.encode(encoding))
    return read_klass(path, codes, valid_from=None)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("separator", [";", ","])
def test_the_classification_is_read(
    tmp_path: Path, codes: Codes, encoding: str, separator: str
) -> None:
    reading = read(tmp_path, codes, CLASSIFICATION.replace(";", separator), encoding)
    assert not reading.errors
    assert reading.members == (
        Member("1580", "KG01", "KOSTRA-gruppe 1", FROM, None),
        Member("1508", "KG11", "KOSTRA-gruppe 11", FROM, None),
        Member("0301", "KG11", "KOSTRA-gruppe 11", FROM, None),
    )
    (missing,) = reading.warnings
    assert missing.rule == "KOSTRA_MISSING"
    assert missing.en.startswith("354 municipalities in force on 2024-01-01 have no group")


@pytest.mark.parametrize("is_turned", [False, True])
def test_a_correspondence_table_is_read_from_either_side(
    tmp_path: Path, codes: Codes, is_turned: bool
) -> None:
    sides = ["sourceCode,sourceName", "targetCode,targetName"]
    cells = ["KG11,KOSTRA-gruppe 11", "1508,Ålesund"]
    if is_turned:
        cells.reverse()
    text = f"{','.join(sides)},validFrom\n{','.join(cells)},2024-01-01\n"
    reading = read(tmp_path, codes, text)
    assert reading.members == (Member("1508", "KG11", "KOSTRA-gruppe 11", FROM, None),)


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ('"9998";"KG01";"2";"Ingensteds";"";"";"2024-01-01";""', "KOSTRA_CODE_UNKNOWN"),
        ('"1507";"KG11";"2";"Ålesund";"";"";"2024-01-01";""', "KOSTRA_CODE_NOT_IN_FORCE"),
        ('"1103";"KG99";"2";"Stavanger";"";"";"2024-01-01";""', "KOSTRA_GROUP_UNKNOWN"),
        ('"1103";"";"2";"Stavanger";"";"";"2024-01-01";""', "KOSTRA_NO_GROUP"),
        ('"1103";"KG01";"2";"Stavanger";"";"";"i fjor";""', "KOSTRA_DATE"),
        ('"1103";"KG01";"2";"Stavanger";"";"";"";""', "KOSTRA_DATE_MISSING"),
        ('"1103";"KG01";"2";"Stavanger";"";"";"2024-01-01";"2024-01-01"', "KOSTRA_DATE_ORDER"),
        ('"1508";"KG01";"2";"Ålesund";"";"";"2024-01-01";""', "KOSTRA_TWICE"),
    ],
)
def test_each_rule_names_its_row(tmp_path: Path, codes: Codes, line: str, rule: str) -> None:
    reading = read(tmp_path, codes, CLASSIFICATION + line + "\n")
    assert rule in {finding.rule for finding in reading.errors}
    assert {finding.row for finding in reading.errors} == {7}
    assert all(finding.nb and finding.en for finding in reading.errors)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("kommune;gruppe\n1508;11\n", "KOSTRA_COLUMNS"),
        ("", "KOSTRA_COLUMNS"),
        ("code;parentCode;name\nKG01;;KOSTRA-gruppe 1\n", "KOSTRA_EMPTY"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, codes: Codes, text: str, rule: str) -> None:
    assert [finding.rule for finding in read(tmp_path, codes, text).errors] == [rule]


def test_codes_know_when_they_were_in_force(codes: Codes) -> None:
    """Ålesund's 1507 stood from 2020 to 2023, between two splits and mergers."""
    assert codes.periods["1507"] == (date(2020, 1, 1), FROM)
    assert codes.periods["1508"][0] == FROM
    assert len(codes.in_force(FROM)) == 357
    assert len(codes.in_force(date(2020, 1, 1))) == 356


def test_a_new_version_ends_the_older_one() -> None:
    older = Member("0301", "KG13", "KOSTRA-gruppe 13", date(2020, 1, 1), None)
    newer = Member("0301", "KG12", "KOSTRA-gruppe 12", FROM, None)
    ended = Member("0301", "KG13", "KOSTRA-gruppe 13", date(2020, 1, 1), FROM)
    assert merged([older], [newer]) == [ended, newer]
    assert merged([ended, newer], [newer]) == [ended, newer]


def akutt(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_the_command_writes_a_seed(tmp_path: Path) -> None:
    file, seed = tmp_path / "klass112.csv", tmp_path / "kostra_groups.csv"
    file.write_text(CLASSIFICATION.replace('"2024-01-01"', '""'), "utf-8")
    refused = akutt("geography", "kostra", str(file), "--seed", str(seed))
    assert refused.exit_code == 1
    assert "KOSTRA_DATE_MISSING" in refused.output
    assert not seed.exists()
    words = ("geography", "kostra", str(file), "--valid-from", "2024-01-01", "--seed", str(seed))
    checked = akutt(*words, "--check")
    assert checked.exit_code == 0
    assert not seed.exists()
    written = akutt(*words)
    assert written.exit_code == 0, written.output
    assert "3 kommuner / municipalities, 2 grupper / groups" in written.output
    assert [member.municipality_code for member in load_seed(seed)] == ["0301", "1508", "1580"]
    assert seed.read_text("utf-8").splitlines()[0] == (
        "municipality_code,group_code,group_name,valid_from,valid_to"
    )
