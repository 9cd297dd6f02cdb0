"""XML: records by a path, columns by paths below it, and what a document may not do."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.errors import FileRefusedError
from ingestion.intake import ingest
from ingestion.lake import iter_receipts
from ingestion.readers import RawFile, read_bytes
from ingestion.readers.raw import ROW_KEY_TWICE
from ingestion.sources import load_sources
from ingestion.sources.spec import SourceSpec
from tests.ingestion.conftest import KEY, call_source

DAY = dt.date(2026, 1, 15)

# A mission message as the registries' formats are written: namespaces with prefixes that differ
# from part to part, coded values as attributes, comments, and a unit with more than is mapped.
MESSAGE = """<?xml version="1.0" encoding="UTF-8"?>
<am:Oppdragsmelding xmlns:am="urn:example:amk:oppdrag:2" xmlns:f="urn:example:felles:1">
  <f:MsgInfo><f:Type V="OPPDRAG" DN="Oppdrag"/><f:GenDate>2026-01-16T03:00:00+01:00</f:GenDate>
    <!-- <Oppdrag id="not a record"/> --></f:MsgInfo>
  <am:Oppdragsliste>
    <am:Oppdrag id="M-1-a" versjon="1" slettet="false">
      <am:Oppdragsnummer>M-1</am:Oppdragsnummer>
      <am:Hendelse id="H-1"><am:Kommune>301</am:Kommune>
        <am:Adresse>unmapped</am:Adresse></am:Hendelse>
      <am:Sentral id="amk_oslo"/>
      <am:Enhet><am:Kallesignal>3-0-1</am:Kallesignal><am:Type V="1" DN="Ambulansebil"/>
        <am:Stasjon><![CDATA[<Sentrum> & øst]]></am:Stasjon></am:Enhet>
      <am:Hastegrad V="A" DN="Akutt"/><am:Oppdragstype V="1" DN="Utrykning"/>
      <am:Tider><f:Mottatt>2026-01-15T12:00:01+01:00</f:Mottatt>
        <f:Varslet>2026-01-15T12:01:00+01:00</f:Varslet>
        <f:RykkerUt>2026-01-15T12:02:00+01:00</f:RykkerUt>
        <f:Fremme>2026-01-15T12:10:00+01:00</f:Fremme>
        <f:Ledig>2026-01-15T13:00:00+01:00</f:Ledig></am:Tider>
      <am:Resultat V="L" DN="Levert"/>
    </am:Oppdrag>
    <Oppdrag xmlns="urn:example:amk:oppdrag:1" slettet="false" versjon="2" id='M-2-a'>
      <Oppdragsnummer>M<!-- not of the number -->-2</Oppdragsnummer>
      <Hendelse id="H-2"><Kommune>1103</Kommune></Hendelse><Sentral id="amk_stavanger"></Sentral>
      <Enhet><Kallesignal>9&#45;1&#x2D;1</Kallesignal><Type V="3"/></Enhet>
      <Hastegrad V="H"/><Oppdragstype V="1"/>
      <Tider><Mottatt>2026-01-15T23:59:58+01:00</Mottatt><Varslet>2026-01-16T00:01:00+01:00</Varslet></Tider>
    </Oppdrag>
  </am:Oppdragsliste>
</am:Oppdragsmelding>
"""


def message_source() -> SourceSpec:
    return load_sources(Path(__file__).parent / "sources")["amk_messages"]


def source(record: str = "Melding/Anrop", **raw: str) -> SourceSpec:
    """A call source; columns without a path in `raw` are constant or left to other paths."""
    columns = call_source().model_dump(by_alias=True, exclude_defaults=True)["columns"]
    for column, mapped in columns.items():
        if "from" in mapped:
            columns[column] = {**mapped, "from": [raw.get(column, mapped["from"][0])]}
            columns[column]["optional"] = column not in raw
    return call_source(format={"type": "xml", "record": record}, columns=columns)


def read(text: str | bytes, spec: SourceSpec) -> RawFile:
    data = text.encode() if isinstance(text, str) else text
    raw = read_bytes(data, spec, DAY)
    numbers = [*raw.frame["_row_number"], *(number for number, _ in raw.broken)]
    assert sorted(numbers) == list(range(1, raw.rows_read + 1))
    return raw


def refusal(text: str | bytes, spec: SourceSpec | None = None) -> FileRefusedError:
    with pytest.raises(FileRefusedError) as caught:
        read(text, spec or source())
    return caught.value


def test_a_mission_message() -> None:
    raw = read(MESSAGE, message_source())
    assert raw.rows_read == 2
    expected = {
        "@id": ["M-1-a", "M-2-a"],
        "@versjon": ["1", "2"],
        "@slettet": ["false", "false"],
        "Hendelse/@id": ["H-1", "H-2"],
        "Hendelse/Kommune": ["301", "1103"],
        "Oppdragsnummer": ["M-1", "M-2"],
        "Enhet/Kallesignal": ["3-0-1", "9-1-1"],
        "Enhet/Type/@V": ["1", "3"],
        "Enhet/Stasjon": ["<Sentrum> & øst", None],
        "Sentral/@id": ["amk_oslo", "amk_stavanger"],
        "Tider/RykkerUt": ["2026-01-15T12:02:00+01:00", None],
        "Resultat/@V": ["L", None],
    }
    assert {name: raw.frame[name].to_list() for name in expected} == expected
    assert "unmapped" not in str(raw.frame.to_dicts())


def test_mission_messages_reach_the_lake(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox" / "amk_messages"
    inbox.mkdir(parents=True)
    (inbox / "amk_messages_2026-01-15.xml").write_text(MESSAGE, "utf-8")
    (inbox / "amk_messages_2026-01-16.xml").write_bytes(MESSAGE.encode("utf-16"))
    specs = {"amk_messages": message_source()}
    ingest(tmp_path, ["amk_messages"], key=KEY, specs=specs)
    receipts = [receipt for _, receipt in iter_receipts(tmp_path / "lake")]
    assert [receipt["accepted"] for receipt in receipts] == [2, 2]
    (path,) = tmp_path.glob("lake/*/*/accepted.parquet")
    frame = pl.read_parquet(path).unique("source_id").sort("source_id")
    assert frame["alerted_at"].to_list() == [
        dt.datetime(2026, 1, 15, 11, 1),
        dt.datetime(2026, 1, 15, 23, 1),
    ]
    assert frame["scene_municipality_code"].to_list() == ["0301", "1103"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_the_declared_encoding_is_read(encoding: str) -> None:
    declared = encoding.removesuffix("-sig")
    text = f'<?xml version="1.0" encoding="{declared}"?>\n<Melding><Anrop id="æøå"/></Melding>'
    assert read(text.encode(encoding), source(source_id="@id")).frame["@id"].to_list() == ["æøå"]


@pytest.mark.parametrize(
    ("declared", "written"),
    [("utf-8", "latin-1"), ("iso-8859-1", "utf-8"), ("utf-16", "utf-8"), ("klingon", "utf-8")],
)
def test_another_encoding_than_declared_is_refused(declared: str, written: str) -> None:
    text = f'<?xml version="1.0" encoding="{declared}"?><Melding><Anrop id="æøå"/></Melding>'
    assert refusal(text.encode(written), source(source_id="@id")).code == "FILE_ENCODING"


BODY = "<Melding><Anrop><a>1</a></Anrop></Melding>"


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ('<!DOCTYPE m [<!ENTITY a "b">]>\n' + BODY, "FILE_UNREADABLE", "line 1: a document type"),
        ('<!DOCTYPE m SYSTEM "file:///etc/passwd">\n' + BODY, "FILE_UNREADABLE", "line 1"),
        (BODY.replace("1", "&a;"), "FILE_UNREADABLE", "line 1"),
        (BODY.replace("1", "\n&"), "FILE_UNREADABLE", "line 2"),
        (BODY.replace("1", "\x01"), "FILE_UNREADABLE", "line 1"),
        (BODY.replace("</a>", "</b>"), "FILE_UNREADABLE", "line 1"),
        (BODY.replace("<a>", '<a x="1" x="2">'), "FILE_UNREADABLE", "line 1"),
        (BODY.replace("<a>", "<p:a>"), "FILE_UNREADABLE", "line 1"),
        (BODY + "<x/>", "FILE_UNREADABLE", "line 1"),
        (BODY[:-1], "FILE_TRUNCATED", "line 1"),
        (BODY.replace("1", "\n1")[:-20], "FILE_TRUNCATED", "line 2"),
        (BODY.replace("1", "<![CDATA[")[:-3], "FILE_TRUNCATED", "line 1"),
        ("<Melding>\n" + "<d>" * 20_000, "FILE_UNREADABLE", "line 2: more than 100 levels"),
        ("<Annet><Anrop/></Annet>", "FILE_UNREADABLE", "Melding/Anrop"),
        ("<Melding><Anrop/></Melding>", "FILE_COLUMN_MISSING", "column: a"),
        ("\n", "FILE_EMPTY", ""),
        ("plain text", "FILE_UNREADABLE", "line 1"),
        (BODY.encode() + b"\x00", "FILE_UNREADABLE", "line 1"),
    ],
)
def test_refused_whole(text: str | bytes, code: str, place: str) -> None:
    error = refusal(text, source(source_id="a"))
    assert (error.code, place in error.detail_en) == (code, True), error.detail_en


@pytest.mark.parametrize(
    ("record", "text", "ids"),
    [
        ("Melding/Anrop", "<Melding><Anrop id='1'/><x><Anrop id='2'/></x></Melding>", ["1"]),
        ("Anrop", "<Melding><Anrop id='1'/><Anrop id='2'/></Melding>", ["1", "2"]),
        ("Anrop", "<Anrop id='1'/>", ["1"]),
        (
            "x/Anrop",
            "<Melding><x/><x><Anrop id='2'/></x><x><Anrop id='3'/></x></Melding>",
            ["2", "3"],
        ),
        ("Anrop", "<M><Anrop id='1'><Anrop id='2'/></Anrop></M>", ["1"]),
        (
            "Anrop",
            "<M><!--<Anrop/>--><![CDATA[<Anrop/>]]><?p <Anrop/>?><a b='<Anrop/>'.../></M>",
            None,
        ),
        ("Anrop", "<M><!--<Anrop/>--><![CDATA[<Anrop/>]]><?p <Anrop/>?><a b='/>'/></M>", []),
    ],
)
def test_which_elements_are_records(record: str, text: str, ids: list[str] | None) -> None:
    spec = source(record, source_id="@id")
    if ids is None:
        assert refusal(text, spec).code == "FILE_UNREADABLE"
    else:
        assert read(text, spec).frame["@id"].to_list() == ids


@pytest.mark.parametrize(
    "inside",
    [
        "<tid><start>1</start><start>2</start></tid>",
        "<tid><start>1</start></tid><tid/>",
        "<tid><start/><start/></tid>",
        "<tid xmlns:p='urn:p' xmlns:q='urn:q' p:kode='1' q:kode='2'/>",
    ],
)
def test_a_mapped_element_twice_makes_a_record_ambiguous(inside: str) -> None:
    spec = source(source_id="tid/start", central_id="tid/@kode")
    good = "<Anrop><tid kode='k'><start>s</start></tid><other/><other/></Anrop>"
    raw = read(f"<Melding>{good}<Anrop>{inside}</Anrop>{good}</Melding>", spec)
    assert raw.broken == ((2, ROW_KEY_TWICE),)
    assert raw.frame["tid/start"].to_list() == ["s", "s"]


def test_a_value_under_two_names_of_one_column_is_ambiguous() -> None:
    spec = source(source_id="tid/start", central_id="tid/@kode").model_dump(by_alias=True)
    spec["headers"] = [{"rename": {"klokke/@fra": "tid/start", "klokke/@kode": "tid/@kode"}}]
    records = [
        "<klokke fra='1'/>",
        "<tid><start>2</start></tid>",
        "<klokke fra='3'/><tid kode='k'><start/></tid>",
        "<klokke fra='4'/><tid><start>4</start></tid>",
        "<klokke fra='5' kode='k'/><tid kode='l'/>",
    ]
    text = f"<Melding>{''.join(f'<Anrop>{record}</Anrop>' for record in records)}</Melding>"
    raw = read(text, SourceSpec.model_validate(spec))
    assert raw.frame["tid/start"].to_list() == ["1", "2", "3"]
    assert raw.broken == ((4, ROW_KEY_TWICE), (5, ROW_KEY_TWICE))


def test_all_text_of_an_element() -> None:
    text = "<Melding><Anrop>en <b>to</b><!-- - --><![CDATA[ &]]> &lt; tre<c/></Anrop></Melding>"
    assert read(text, source(source_id=".")).frame["."].to_list() == ["en to & < tre"]


def test_records_are_equal_by_all_their_content() -> None:
    records = [
        '<Anrop id="1" x="2"><other>a</other></Anrop>',
        '<Anrop id="2" x="2"><other>a</other></Anrop>',
        "<Anrop x='2'\n id='1'> <other>a<!-- --></other>\n</Anrop>",
        '<Anrop id="1" x="2"><other>b</other></Anrop>',
        '<Anrop id="1" x="2"><other/>a</Anrop>',
        '<Anrop id="1" x="2"><other>a</other><other/></Anrop>',
        '<Anrop id="1"><other>a</other></Anrop>',
        '<Anrop id="1" x="2"><other>a </other></Anrop>',
        '<Anrop id="1" x="2"><other>\u3000a</other></Anrop>',
        '<Anrop id="1" x="2"><other>a</other> b</Anrop>',
        '<Anrop id="1" x="2"><other>a</other>b</Anrop>',
        '<Anrop id="1" x="2"><other> </other></Anrop>',
        '<Anrop id="1" x="2"><other></other></Anrop>',
    ]
    spec = source(source_id="@id")
    raw = read(f"<Melding>{''.join(records)}</Melding>", spec)
    assert raw.record_hash is not None
    first, alone, same, *different = raw.record_hash.to_list()
    assert first == same
    assert len({first, alone, *different}) == 12
    assert read(f"<Melding>{records[0]}{records[1]}</Melding>", spec).record_hash is None


def test_names_by_period() -> None:
    spec = source(source_id="tid/start").model_dump(by_alias=True)
    spec["headers"] = [{"valid_to": "2026-02-01", "rename": {"klokke/@fra": "tid/start"}}]
    text = '<Melding><Anrop><klokke fra="7"/></Anrop></Melding>'
    assert read(text, SourceSpec.model_validate(spec)).frame["tid/start"].to_list() == ["7"]


TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=12
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=6), st.sampled_from(["utf-8", "utf-16"]))
def test_written_by_anyone_and_read_back(rows: list[tuple[str, str, str]], encoding: str) -> None:
    def record(values: tuple[str, str, str]) -> str:
        first, second, third = values
        cdata = third.replace("]]>", "]]]]><![CDATA[>")
        return (
            f"<p:Anrop  id={quoteattr(first)}><!--<Anrop>--><tid><start>{escape(second)}"
            f"</start></tid ><slutt><![CDATA[{cdata}]]></slutt></p:Anrop>"
        )

    text = (
        f'<?xml version="1.0" encoding="{encoding}"?>\n<p:Melding xmlns:p="urn:x">{{}}</p:Melding>'
    )
    data = text.replace("{}", "".join(map(record, rows))).encode(encoding)
    spec = source(source_id="@id", central_id="tid/start", outcome="slutt")
    frame = read(data, spec).frame
    found = list(frame.select("@id", "tid/start", "slutt").iter_rows())
    expected: list[Any] = [tuple(value or None for value in row) for row in rows]
    assert found == expected
