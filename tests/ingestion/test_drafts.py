"""Drafts of source files: what is seen in a sample, what is asked, and what is never written."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
import re
import string
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.check import check_file
from ingestion.drafts import Sample, SampleError, draft, look_at, open_questions, read_sample
from ingestion.drafts.facts import facts_of, file_marks
from ingestion.drafts.filenames import file_names
from ingestion.drafts.shown import is_harmless, visible
from ingestion.drafts.stamps import epoch_unit, stamps_of, told_apart
from ingestion.errors import SourceFileError
from ingestion.privacy import is_identity_number, shape
from ingestion.sources import load_source
from tests.ingestion.conftest import row, text


def drafted(name: str, data: str | bytes, contract: str = "call", **options: Any) -> str:
    raw = data.encode() if isinstance(data, str) else data
    return draft("nytt", contract, look_at(name, raw), **options).text


def loaded(written: str) -> dict[str, Any]:
    document = yaml.load(written, Loader=yaml.CSafeLoader)
    assert isinstance(document, dict)
    return document


def columns_of(written: str) -> dict[str, Any]:
    columns = loaded(written)["columns"]
    assert isinstance(columns, dict)
    return columns


# --- a whole draft ----------------------------------------------------------------------------


def test_a_draft_names_what_is_left(tmp_path: Path) -> None:
    written = drafted("nytt_2026-01-15.csv", text(*(row(n) for n in range(20))))
    path = tmp_path / "nytt.yaml"
    path.write_text(written, "utf-8")
    with pytest.raises(SourceFileError) as caught:
        load_source(path)
    message = str(caught.value)
    assert "direction" in message and "is_test" in message
    assert "outcome" not in message
    assert columns_of(written)["answered_at"] == {"from": "svar", "format": "%Y-%m-%d %H:%M:%S%.f"}
    tail = written[written.index("# Left to do") :]
    assert "direction" in tail and "source_system" in tail


def test_a_complete_draft_is_accepted_by_check(tmp_path: Path) -> None:
    sample = tmp_path / "oensket_2026-01-15.csv"
    sample.write_text(
        "request_id;requested_at;base;vehicle;urgency;outcome;airborne_at\n"
        "r1;2026-01-15T12:00:00.000Z;heli_al;HELI;RED;COMPLETED;2026-01-15T12:10:00.000Z\n",
        "utf-8",
    )
    path = tmp_path / "oensket.yaml"
    written = draft("oensket", "lat_request", read_sample(sample)).text
    path.write_text(written, "utf-8")
    with pytest.raises(SourceFileError, match=r"title: står TODO"):
        load_source(path)
    path.write_text(re.sub(r"\bTODO\b", "LAT", written), "utf-8")
    receipt = check_file(sample, load_source(path)).receipt
    assert (receipt.rows_read, receipt.accepted) == (1, 1)


def test_a_draft_with_its_todos_filled_in_takes_in_the_sample(tmp_path: Path) -> None:
    """Clock columns, day first, coded outcome: only what a person must know is filled in."""
    lines = ["Id;Linje;Sentral;Dato;Ringte;Besvart;Slutt;Utfall;Nummer"]
    lines += [
        f"A{n};113;amk_oslo;{n % 20 + 1:02d}.01.2026;23:59:{n % 60:02d};00:00:04;00:03:10;"
        f"{'Besvart' if n % 2 else 'Lagt på'};+4790{n:06d}"
        for n in range(30)
    ]
    sample = tmp_path / "prove_2026-01-21.csv"
    sample.write_bytes("\n".join(lines).encode("cp1252"))
    written = draft("prove", "call", read_sample(sample)).text
    columns = columns_of(written)
    assert columns["answered_at"] == {
        "from": ["Dato", "Besvart"],
        "format": "%d.%m.%Y %H:%M:%S",
        "next_day_if_before": "ring_start_at",
    }
    assert columns["outcome"]["codes"] == {"Besvart": "ANSWERED", "Lagt på": "ABANDONED"}
    assert columns["caller_pseudonym"] == {"from": "Nummer", "pseudonym": True}
    assert loaded(written)["format"]["encoding"] == "cp1252"
    for name, value in {"direction": "INBOUND", "channel": "VOICE", "is_test": "false"}.items():
        written = re.sub(rf"  # {name}: TODO.*", f"  {name}: {{constant: {value}}}", written)
    path = tmp_path / "prove.yaml"
    path.write_text(re.sub(r"(?<=: )TODO\b", "PROVE", written), "utf-8")
    receipt = check_file(sample, load_source(path)).receipt
    assert (receipt.rows_read, receipt.accepted, receipt.refusal_code) == (30, 30, None)


@pytest.mark.parametrize(
    ("name", "last", "hours"),
    [
        ("prove_2026-01-01.csv", "2026-01-01 23:59:00", None),
        ("prove_2026-01-01.csv", "2026-01-02 02:00:00", None),
        ("prove_2026-01-01.csv", "2026-01-07 12:00:00", 172),
        # The sample is a part of its month.
        ("prove_2026-01.csv", "2026-01-01 23:59:00", 772),
    ],
)
def test_a_draft_asks_when_the_extract_was_taken_where_a_file_holds_several_days(
    tmp_path: Path, name: str, last: str, hours: int | None
) -> None:
    sample = tmp_path / name
    lines = ["Id;Linje;Sentral;Ringte;Slutt"]
    lines += [f"A{n};113;amk_oslo;2026-01-01 12:00:{n:02d};2026-01-01 12:01:00" for n in range(20)]
    sample.write_text("\n".join([*lines, f"A99;113;amk_oslo;{last};{last}"]), "utf-8")
    result = draft("prove", "call", read_sample(sample))
    assert "ring_start_at" in columns_of(result.text)
    asked = [item for item in result.left if item.startswith("extract_at: ")]
    assert len(asked) == (hours is not None)
    if asked:
        assert asked[0].endswith(f"{{hours_after_delivery: {hours}}}")


# --- stamps -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "kind", "formats"),
    [
        (["2026-01-15 10:11:12"], "datetime", ["%Y-%m-%d %H:%M:%S"]),
        (["2026-01-15 10:11"], "datetime", ["%Y-%m-%d %H:%M"]),
        (["2026-01-15T10:11:12Z"], "datetime", ["%Y-%m-%dT%H:%M:%SZ"]),
        (["2026-01-15T10:11:12.5+01:00"], "datetime", ["%Y-%m-%dT%H:%M:%S%.f%z"]),
        (["2026-01-15 10:11:12 +0100"], "datetime", ["%Y-%m-%d %H:%M:%S %z"]),
        (["2026-01-15 10:11:12,125"], "datetime", ["%Y-%m-%d %H:%M:%S,%3f"]),
        (["20260115101112"], "datetime", ["%Y%m%d%H%M%S"]),
        (["20260115T101112"], "datetime", ["%Y%m%dT%H%M%S"]),
        (["13FEB26:10:11:12"], "datetime", ["%d%b%y:%H:%M:%S"]),
        (["13feb2026:10:11:12"], "datetime", ["%d%b%Y:%H:%M:%S"]),
        (["15.01.2026 10:11"], "datetime", ["%d.%m.%Y %H:%M"]),
        (["15-01-2026 10:11:12"], "datetime", ["%d-%m-%Y %H:%M:%S"]),
        (["01/15/2026 01:11:12 AM"], "datetime", ["%m/%d/%Y %I:%M:%S %p"]),
        (["1/15/2026 1:11:12 PM"], "datetime", ["%m/%d/%Y %I:%M:%S %p"]),
        (["15.01.26 10:11"], "datetime", ["%d.%m.%y %H:%M"]),
        (["2026/01/15"], "date", ["%Y/%m/%d"]),
        (["15.01.2026"], "date", ["%d.%m.%Y"]),
        (["990201"], "date", ["%y%m%d"]),
        (["20260115"], "date", ["%Y%m%d"]),
        (["7:02:47", "17:02:47"], "clock", ["%H:%M:%S"]),
        (["07:02"], "clock", ["%H:%M"]),
        (
            ["2026-01-15 10:11:12", "2026-01-15 10:11:12.5"],
            "datetime",
            ["%Y-%m-%d %H:%M:%S%.f"],
        ),
        (
            ["2026-01-15 10:11:12", "2026-01-16 10:11:12", "15.01.2026 10:11"],
            "datetime",
            ["%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M"],
        ),
        (
            ["15.01.2026 10:11", "1753-01-01 00:00"],
            "datetime",
            ["%d.%m.%Y %H:%M", "%Y-%m-%d %H:%M"],
        ),
    ],
)
def test_stamps_are_recognised(values: list[str], kind: str, formats: list[str]) -> None:
    found = stamps_of(pl.Series("tid", values))
    assert found is not None
    found = told_apart({"tid": found})["tid"]
    assert (found.kind, sorted(found.candidates)) == (kind, sorted(formats))
    # What is proposed reads every value, with the parser that the intake uses.
    if kind == "datetime":
        read = [pl.Series(values).str.to_datetime(f, strict=False) for f in found.formats]
        assert all(
            any(column.cast(pl.String)[place] is not None for column in read)
            for place in range(len(values))
        )


@pytest.mark.parametrize("values", [["A1", "A2"], ["12345678"], ["301", "4601"], ["1.2.3"], [""]])
def test_what_is_no_stamp_is_none(values: list[str]) -> None:
    assert stamps_of(pl.Series("x", values), may_be_packed=False) is None


def test_day_and_month_are_told_apart_by_any_column_of_the_file() -> None:
    columns = {
        "start": stamps_of(pl.Series(["03/04/2026 10:00:00"])),
        "slutt": stamps_of(pl.Series(["23/04/2026 10:00:00"])),
        "annet": stamps_of(pl.Series(["03.04.2026 10:00:00"])),
    }
    found = told_apart({name: stamps for name, stamps in columns.items() if stamps is not None})
    assert found["start"].formats == ["%d/%m/%Y %H:%M:%S"]
    assert found["annet"].is_unclear


def test_day_or_month_first_is_asked_and_not_guessed(tmp_path: Path) -> None:
    data = text(row(1, start="03/04/2026 10:00:00", svar="03/04/2026 10:00:05", slutt=""))
    written = drafted("prove_2026-04-05.csv", data)
    assert "TODO: dag eller måned først? / day or month first?" in written
    assert "%d/%m/%Y %H:%M:%S" in written and "%m/%d/%Y %H:%M:%S" in written
    path = tmp_path / "nytt.yaml"
    # All else filled in, the source file still cannot be used.
    for name in ("direction", "channel", "is_test"):
        written = re.sub(rf"  # {name}: TODO.*", f"  {name}: {{constant: x}}", written)
    path.write_text(written, "utf-8")
    with pytest.raises(SourceFileError, match="a text stamp needs `format`"):
        load_source(path)
    assert open_questions(look_at("prove_2026-04-05.csv", data.encode()), "call")[0]
    for day_first, form in ((True, "%d/%m/%Y %H:%M:%S"), (False, "%m/%d/%Y %H:%M:%S")):
        told = drafted("prove_2026-04-05.csv", data, day_first=day_first)
        assert columns_of(told)["answered_at"] == {"from": "svar", "format": form}


def test_the_delivery_date_tells_where_a_short_year_is() -> None:
    found = stamps_of(pl.Series("dato", ["260115", "260116"]))
    assert found is not None and found.is_unclear
    told = told_apart({"dato": found}, delivered=dt.date(2026, 1, 16))["dato"]
    assert told.candidates == ["%y%m%d"]
    # It does not tell day from month.
    found = stamps_of(pl.Series("dato", ["05.04.26"]))
    assert found is not None
    told = told_apart({"dato": found}, delivered=dt.date(2026, 4, 5))["dato"]
    assert told.candidates == ["%d.%m.%y", "%m.%d.%y"]


def test_a_few_impossible_stamps_do_not_hide_the_format() -> None:
    found = stamps_of(pl.Series("dato", ["31.03.2026"] * 30 + ["31.13.2026", "00.00.0000"]))
    assert found is not None
    assert (found.candidates, found.unread) == (["%d.%m.%Y"], 2)


def test_moments_as_numbers() -> None:
    assert epoch_unit(pl.Series(["1768471200"])) == "s"
    assert epoch_unit(pl.Series(["1768471200000"])) == "ms"
    assert epoch_unit(pl.Series(["1768471200000000"])) == "us"
    assert epoch_unit(pl.Series(["123456", "1768471200"])) is None


# --- formats ----------------------------------------------------------------------------------

ROWS = text(*(row(n, sentral="amk_østfold") for n in range(5)))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252", "cp865"])
def test_encodings_are_told_by_nordic_letters(encoding: str) -> None:
    form = loaded(drafted("a_2026-01-15.csv", ROWS.encode(encoding)))["format"]
    assert form.get("encoding", "utf-8") == encoding


@pytest.mark.parametrize("mark", [";", ",", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends(mark: str, line_end: str) -> None:
    data = ROWS.replace(";", mark).replace("\n", line_end)
    document = loaded(drafted("a_2026-01-15.csv", data))
    assert document["format"] == {"type": "csv", "delimiter": "tab" if mark == "\t" else mark}
    assert document["columns"]["source_id"] == "id"


def test_a_title_above_the_names() -> None:
    data = f"Uttrekk fra sentralen\n\n{ROWS}"
    document = loaded(drafted("a_2026-01-15.csv", data))
    assert document["format"]["header_row"] == 3
    assert document["columns"]["source_id"] == "id"


def test_quotation_marks() -> None:
    multiline = 'id;merknad;start\na1;"to\nlinjer";2026-01-15 10:00\na2;"en; to";2026-01-15 10:01\n'
    assert loaded(drafted("a_2026-01-15.csv", multiline))["format"]["multiline"] is True
    inches = 'id;merknad;start\na1;5" slange;2026-01-15 10:00\na2;ingen;2026-01-15 10:01\n'
    assert loaded(drafted("a_2026-01-15.csv", inches))["format"]["quoting"] == "none"


def zipped(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return packed.getvalue()


def test_packed_files() -> None:
    document = loaded(drafted("a_2026-01-15.csv.gz", gzip.compress(ROWS.encode())))
    assert document["format"]["compression"] == "gzip"
    assert re.fullmatch(document["files"], "a_2026-02-01.csv.gz")
    mac = zipped(**{"__MACOSX/._a.csv": b"\x00\x05", ".DS_Store": b"\x00", "a.csv": ROWS.encode()})
    assert loaded(drafted("a_2026-01-15.zip", mac))["format"] == {
        "type": "csv",
        "delimiter": ";",
        "compression": "zip",
    }
    several = zipped(**{"a.csv": ROWS.encode(), "b.csv": ROWS.encode()})
    assert loaded(drafted("a_2026-01-15.zip", several))["format"]["members"] == r".*\.csv"


def test_json_lines_arrays_and_documents() -> None:
    records = [{"id": f"a{n}", "tid": {"start": "2026-01-15T10:00:00Z"}} for n in range(3)]
    lines = "\n".join(map(json.dumps, records))
    assert loaded(drafted("a_2026-01-15.jsonl", lines))["format"] == {"type": "jsonl"}
    document = loaded(drafted("a_2026-01-15.json", json.dumps(records, indent=1)))
    assert document["format"] == {"type": "json"}
    assert document["columns"]["ring_start_at"] == {
        "from": "tid.start",
        "format": "%Y-%m-%dT%H:%M:%SZ",
        "utc": True,
    }
    inner = json.dumps({"laget": "x", "data": {"anrop": records}})
    assert loaded(drafted("a_2026-01-15.json", inner))["format"] == {
        "type": "json",
        "record": "data.anrop",
    }


def test_xml_records_are_the_element_that_is_repeated() -> None:
    calls = "".join(
        f'<h:Anrop id="a{n}"><tid><start>2026-01-15T10:00:0{n}</start></tid>'
        "<logg><linje>1</linje><linje>2</linje></logg></h:Anrop>"
        for n in range(3)
    )
    data = (
        '<?xml version="1.0" encoding="utf-8"?><h:Melding xmlns:h="urn:x"><Hode>x</Hode>'
        f"{calls}</h:Melding>"
    )
    document = loaded(drafted("a_2026-01-15.xml", data))
    assert document["format"] == {"type": "xml", "record": "Melding/Anrop"}
    assert document["columns"]["source_id"] == "@id"
    assert document["columns"]["ring_start_at"]["from"] == "tid/start"


def test_parquet_and_workbooks_keep_their_types() -> None:
    frame = pl.DataFrame(
        {
            "id": ["a1", "a2"],
            "tid": [{"start": 1}, {"start": 2}],
            "ringestart": pl.Series(
                ["2026-01-15 10:00:01", "2026-01-15 10:00:02"]
            ).str.to_datetime(),
        }
    )
    parquet = io.BytesIO()
    frame.write_parquet(parquet)
    sample = look_at("a_2026-01-15.parquet", parquet.getvalue())
    assert sample.frame.columns == ["id", "ringestart", "tid.start"]
    assert columns_of(draft("nytt", "call", sample).text)["ring_start_at"] == "ringestart"
    book = io.BytesIO()
    frame.select("id", "ringestart").write_excel(book, worksheet="Data", position="A3")
    document = loaded(drafted("a_2026-01-15.xlsx", book.getvalue()))
    assert document["format"] == {"type": "xlsx", "sheet": "Data", "header_row": 3}
    assert document["columns"]["ring_start_at"] == "ringestart"


def test_an_open_document_sheet() -> None:
    cells = [
        ["Uttrekk"],
        [],
        ["id", "start"],
        ["a1", "2026-01-15 10:00"],
        ["a2", "2026-01-15 10:01"],
    ]
    rows = "".join(
        "<table:table-row>"
        + "".join(
            f'<table:table-cell office:value-type="string"><text:p>{cell}</text:p>'
            "</table:table-cell>"
            for cell in line
        )
        + "</table:table-row>"
        for line in cells
    )
    names = " ".join(
        f'xmlns:{key}="urn:oasis:names:tc:opendocument:xmlns:{key}:1.0"'
        for key in ("office", "table", "text")
    )
    content = (
        f"<office:document-content {names}><office:body><office:spreadsheet>"
        f'<table:table table:name="Ark1">{rows}</table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    manifest = (
        '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        '<m:file-entry m:full-path="content.xml" m:media-type="text/xml"/></m:manifest>'
    )
    data = zipped(
        **{
            "mimetype": b"application/vnd.oasis.opendocument.spreadsheet",
            "content.xml": content.encode(),
            "META-INF/manifest.xml": manifest.encode(),
        }
    )
    document = loaded(drafted("a_2026-01-15.ods", data))
    assert document["format"] == {"type": "ods", "sheet": "Ark1", "header_row": 3}
    assert document["columns"]["ring_start_at"] == {"from": "start", "format": "%Y-%m-%d %H:%M"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "tom"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\x00\x00\x01\x02", "ukjent format"),
        (b"%PDF-1.7 \x00\x01\x02", "ukjent format"),
        (b"AB  12\nCD  34\nEF  56\n", "fast bredde"),
        (b"bare en linje med tekst\n", "skilletegn"),
        (b"a1;2026-01-15;7\na2;2026-01-16;8\na3;2026-01-17;9\n", "kolonnenavn"),
        (b'{"a": 1', "JSON"),
        (b"[" * 3000, "JSON"),
        (b"<a><b></a>", "XML"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a><b x="1"/><b x="2"/></a>', "DOCTYPE"),
        (b"\x1f\x8bxx", "FILE_UNREADABLE"),
        (b"PK\x03\x04xxxx", "zip"),
        (b"PAR1xxxx", "Parquet"),
    ],
)
def test_what_is_not_known_is_said_in_both_languages(data: bytes, message: str) -> None:
    with pytest.raises(SampleError, match=message) as caught:
        look_at("a", data)
    assert " / " in str(caught.value)


# --- numbers, keys, names ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "marks"),
    [
        (["1,5", "22,75"], (",", None)),
        (["1.5", "22.75"], (".", None)),
        (["1.234,5", "12"], (",", ".")),
        (["1 234", "12 345"], (None, " ")),
        (["1.234.567", "1.000"], (None, ".")),
        (["0,125", "274,010"], (",", None)),
        (["1.234", "5.678"], ("?", "?")),
    ],
)
def test_decimal_and_thousands_marks(values: list[str], marks: tuple[str | None, ...]) -> None:
    sample = Sample("a.csv", {"type": "csv"}, pl.DataFrame({"sek": values}))
    assert file_marks(facts_of(sample)) == marks


def test_a_mark_in_doubt_is_asked() -> None:
    data = "radnr;mottatt;sek_varslet\nr1;2026-01-15 10:00:00;1.234\nr2;2026-01-15 10:01:00;2.345\n"
    written = drafted("a_2026-01-15.csv", data, "alarm")
    assert "decimal mark: '.' or ','?" in written
    told = loaded(drafted("a_2026-01-15.csv", data, "alarm", decimal=","))
    assert told["format"]["decimal"] == ","


def key(frame: dict[str, list[str]]) -> Any:
    sample = Sample("a_2026-01-15.csv", {"type": "csv", "delimiter": ";"}, pl.DataFrame(frame))
    return columns_of(draft("nytt", "call", sample).text)["source_id"]


def test_keys() -> None:
    numbers = [str(n) for n in range(20)]
    assert key({"call_id": numbers, "linje": ["1"] * 20}) == "call_id"
    # A key of the sender's that looks like somebody's number gets its form.
    long = [f"{n:011d}" for n in range(50_000_000_000, 50_000_000_020)]
    assert key({"call_id": long}) == {"from": "call_id", "form": r"\d{11}"}
    # Together unique, alone not.
    halves = {"call_id": [str(n // 2) for n in range(20)], "linje": ["A", "B"] * 10}
    assert key(halves) == {"from": ["call_id", "linje"], "join": "/"}
    # A new revision has the key of the old, and a record sent twice is one record.
    twice = {
        "call_id": ["1", "1", "2", "2"],
        "rev": ["1", "2", "1", "1"],
        "x": ["a", "b", "c", "c"],
    }
    assert key(twice) == "call_id"
    none = {"linje": ["A", "A", "A"], "utfall": ["B", "B", "B"], "sek": ["1,5", "2,5", "3,5"]}
    assert key(none) == {"hash_of": ["linje", "utfall", "sek"]}


@pytest.mark.parametrize(
    ("name", "form", "other"),
    [
        ("anrop_2026-01-15.csv", "%Y-%m-%d", "anrop_2026-02-28_rettet.csv"),
        ("anrop_20260115.csv.gz", "%Y%m%d", "anrop_20260228.csv.gz"),
        ("15.01.2026 anrop.xlsx", "%d.%m.%Y", "28.02.2026 anrop.xlsx"),
        ("anrop_2026_01.csv", "%Y_%m", "anrop_2026_02.csv"),
        ("calls_january_2026.txt", "%B_%Y", "calls_february_2026.txt"),
        ("a_2025-12-31_2026-01-07.csv", "%Y-%m-%d", "a_2026-01-07_2026-01-14.csv"),
    ],
)
def test_the_delivery_date_in_the_file_name(name: str, form: str, other: str) -> None:
    found = file_names(name)
    assert found.date_format == form and found.date is not None
    assert re.fullmatch(found.pattern, name)
    assert re.fullmatch(found.pattern, other)


def test_a_file_name_without_a_date_is_left_to_do() -> None:
    written = drafted("utdrag.csv", ROWS)
    assert "files: prøvens navn har ingen dato" in written and "holds no date" in written
    assert "(?P<date>" in loaded(written)["files"]


def test_the_clock_is_left_to_see_to_where_it_decides() -> None:
    local = draft("nytt", "call", look_at("nytt_2026-01-15.csv", text(row(1), row(2)).encode()))
    assert any(item.startswith("clock.zone: Europe/Oslo") for item in local.left)
    stamps = {"start": "2026-01-15T12:00:00+01:00", "svar": "2026-01-15T12:00:05+01:00"}
    rows = text(*(row(n, slutt="2026-01-15T12:00:09+01:00", **stamps) for n in range(3)))
    zoned = draft("nytt", "call", look_at("nytt_2026-01-15.csv", rows.encode()))
    assert not any("clock.zone" in item for item in zoned.left)


# --- what is never written --------------------------------------------------------------------

SECRETS = {
    "merknad": ["Pasienten bor i Storgata 7", "Ringte fra hytta", "Kjenner ikke adressen", "Ny"],
    "agent": ["KARI NORDMANN", "OLA HANSEN", "PER OLSEN", "NILS BERG"],
    "telefon": ["98765432", "+47 987 65 432", "004798765432", "45678901"],
    "sted": ["59.9139, 10.7522", "60.3913, 5.3221", "63.4305, 10.3951", "69.6492, 18.9553"],
    "fnr": ["15815099987", "01829999874", "21867899942", "03819999820"],
    "utfall": ["Snakket med Kari", "Ringte tilbake", "Ble satt over", "Hos naboen i 4. etasje"],
}


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_no_value_of_the_sample_is_in_the_draft(kind: str) -> None:
    frame = pl.DataFrame({"id": ["a1", "a2", "a3", "a4"], **SECRETS})
    packed = io.BytesIO()
    if kind == "csv":
        frame.write_csv(packed, separator=";")
    elif kind == "jsonl":
        frame.write_ndjson(packed)
    else:
        frame.write_parquet(packed)
    sample = look_at(f"a_2026-01-15.{kind}", packed.getvalue())
    result = draft("nytt", "call", sample)
    for values in SECRETS.values():
        for value in values:
            assert value not in result.text
            assert value not in "".join(result.left)
    assert "shapes" in result.text


def test_personal_numbers_are_reported_by_column_and_count() -> None:
    # Synthetic numbers have 80 added to the month.
    valid = next(
        f"138778999{tail:02d}" for tail in range(100) if is_identity_number(f"138778999{tail:02d}")
    )
    frame = pl.DataFrame({"id": ["a1", "a2"], "hvem": [valid, "ukjent"]})
    result = draft("nytt", "call", Sample("a_2026-01-15.csv", {"type": "csv"}, frame))
    assert result.personal == {"hvem": {"identity": 1}}
    assert "PERSONAL: hvem: 1 fødselsnummer / 1 identity numbers" in result.text
    assert valid not in result.text


def test_codes_are_written_only_when_they_can_harm_nobody() -> None:
    coded = {"id": [f"a{n}" for n in range(20)], "utfall": ["B", "F"] * 10}
    assert columns_of_frame(coded)["outcome"]["codes"] == {"B": "TODO", "F": "TODO"}
    # Each value once: names, for all that is known.
    single = {"id": ["a1", "a2"], "utfall": ["Kari", "Ola"]}
    assert columns_of_frame(single)["outcome"]["codes"] == {"*": "TODO"}
    many = {"id": [f"a{n}" for n in range(60)], "utfall": [f"K{n % 20}" for n in range(60)]}
    assert columns_of_frame(many)["outcome"]["codes"] == {"*": "TODO"}
    for harmful in ("12345678", "a@b.no", "59.9139", "x" * 31, "a\nb"):
        assert not is_harmless(harmful)


def columns_of_frame(frame: dict[str, list[str]]) -> dict[str, Any]:
    sample = Sample("a_2026-01-15.csv", {"type": "csv"}, pl.DataFrame(frame))
    return columns_of(draft("nytt", "call", sample).text)


def test_a_key_with_a_line_break_cannot_write_yaml() -> None:
    bad = 'besvart\ncolumns: {source_id: stolen}\nowner: "x'
    record = {"id": "a1", bad: "2026-01-15 10:00:00", "\x85x": 1, "y\u2028owner: z": 2, "\x00": 3}
    written = drafted("a_2026-01-15.jsonl", "\n".join([json.dumps(record)] * 2))
    document = loaded(written)
    assert document["owner"] == "TODO"
    assert document["columns"]["source_id"] != "stolen"
    assert all(
        line.startswith(("#", "  ", "columns:")) or re.match(r"^[a-z_]+: ", line) or not line
        for line in written.split("\n")
    )
    assert "\x85" not in written and "\u2028" not in written and "\x00" not in written


def test_a_name_that_is_somebodys_number_is_not_written() -> None:
    record = {"id": "a1", "+4798765432": "x", "98765432": "y", "kari@nordmann.no": "z"}
    written = drafted("a_2026-01-15.jsonl", "\n".join([json.dumps(record)] * 2))
    assert "98765432" not in written and "kari" not in written
    named = drafted("anrop_+4798765432_2026-01-15.csv", ROWS)
    assert "98765432" not in named


def test_a_stamp_outside_the_calendar_is_an_error_and_no_crash() -> None:
    packed = io.BytesIO()
    pl.DataFrame({"start": pl.Series([2**63 - 1]).cast(pl.Datetime("us"))}).write_parquet(packed)
    with pytest.raises(SampleError, match="kalenderen"):
        look_at("a.parquet", packed.getvalue())


names = st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=8, unique=True)


@settings(max_examples=150, deadline=None)
@given(names=names, contract=st.sampled_from(["call", "alarm", "lat_readiness"]))
def test_any_names_give_yaml_that_loads(names: list[str], contract: str) -> None:
    data = "\n".join([json.dumps(dict.fromkeys(names, "2026-01-15 10:00:00"))] * 2)
    written = draft("nytt", contract, look_at("a_2026-01-15.jsonl", data.encode())).text
    document = loaded(written)
    assert document == yaml.safe_load(written)
    assert list(document) == [
        "name", "title", "contract", "owner", "files", "format", "clock", "columns",
    ]  # fmt: skip
    assert (document["owner"], document["title"]) == ("TODO", "TODO")
    raw = {
        name
        for entry in document["columns"].values()
        for name in ([entry] if isinstance(entry, str) else entry.get("from", []))
    }
    assert all(isinstance(name, str) for name in raw)


@given(st.text(max_size=60))
def test_a_shape_has_no_letter_or_digit_of_the_value(value: str) -> None:
    pattern = shape(value)
    assert len(pattern) <= 40
    assert pattern.isprintable()
    assert not set(pattern) & set(string.ascii_letters + string.digits) - set("9Aa")
    assert visible(value or "x").isprintable()


def test_a_column_of_several_types_is_looked_at_as_text() -> None:
    import openpyxl

    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert sheet is not None
    for cells in (
        ("id", "verdi"),
        ("a1", dt.datetime(2026, 1, 15, 10)),
        ("a2", "ukjent"),
        ("a3", 7),
        ("a4", dt.timedelta(hours=26)),
    ):
        sheet.append(cells)
    content = io.BytesIO()
    workbook.save(content)
    sample = look_at("a_2026-01-15.xlsx", content.getvalue())
    assert sample.frame.height == 4
