"""Deliveries that go wrong in small ways: what becomes of them, from file to lake.

The deliveries are made here. Where a folder of others is named (`AKUTT_INTAKE_CASES`), each of its
cases is tried too: a source file, deliveries, and what is right in `cases.json`.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter

from ingestion.errors import SourceFileError
from ingestion.intake import ingest
from ingestion.lake import iter_receipts
from ingestion.sources.registry import load_source
from ingestion.sources.spec import SourceSpec
from tests.ingestion.conftest import HEADER, KEY, call_source, row, text
from tests.ingestion.test_privacy import with_control_digits

ROOT = Path(__file__).parents[2]
CASES = Path(os.environ.get("AKUTT_INTAKE_CASES", ROOT.parent / "shared" / "cases" / "intake"))
NAME = "prove_2026-01-15"
SECONDS = "%Y-%m-%d %H:%M:%S"


# --- the files ----------------------------------------------------------------------------------


def values(number: int, **changes: Any) -> dict[str, Any]:
    """One valid row as a record, stamps in whole seconds."""
    record: dict[str, Any] = dict(zip(HEADER.split(";"), row(number).split(";"), strict=True))
    for name in ("start", "svar", "slutt"):
        record[name] = record[name][:19]
    return record | changes


def csv_text(*records: dict[str, Any]) -> str:
    lines = [";".join(str(value) for value in record.values()) for record in records]
    return "\n".join([";".join(records[0]), *lines]) + "\n"


def json_lines(*records: dict[str, Any]) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


def parquet(rows: int = 3, **columns: pl.Series) -> bytes:
    frame = pl.DataFrame([values(n) for n in range(1, rows + 1)]).with_columns(
        pl.col("start", "svar", "slutt").str.to_datetime(SECONDS, time_unit="us")
    )
    buffer = io.BytesIO()
    frame.with_columns(series.alias(name) for name, series in columns.items()).write_parquet(buffer)
    return buffer.getvalue()


def workbook(
    records: list[dict[str, Any]], *, first_row: int = 0, options: dict[str, Any] | None = None
) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True, **(options or {})}) as book:
        sheet = book.add_worksheet("Ark")
        stamp = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        clock = book.add_format({"num_format": "hh:mm:ss"})
        sheet.write_row(first_row, 0, list(records[0]))
        for index, record in enumerate(records, start=first_row + 1):
            for column, value in enumerate(record.values()):
                match value:
                    case dt.datetime():
                        sheet.write_datetime(index, column, value, stamp)
                    case dt.date():
                        sheet.write_datetime(index, column, value, day)
                    case dt.time():
                        sheet.write_datetime(index, column, value, clock)
                    case _:
                        sheet.write(index, column, value)
    return buffer.getvalue()


def typed(number: int, **changes: Any) -> dict[str, Any]:
    record = values(number)
    for name in ("start", "svar", "slutt"):
        record[name] = dt.datetime.strptime(record[name], SECONDS)
    return record | changes


def with_extension(data: bytes) -> bytes:
    """The workbook with an extension beside its properties, as newer programs write it."""
    extension = (
        b'<extLst><ext uri="{140A7094-0E35-4892-8432-C4D2E57EDEB5}" xmlns:x15="http://schemas.'
        b'microsoft.com/office/spreadsheetml/2010/11/main"><x15:workbookPr chartTracking="1"/>'
        b"</ext></extLst></workbook>"
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for member in old.namelist():
            content = old.read(member)
            if member == "xl/workbook.xml":
                content = content.replace(b"</workbook>", extension)
            new.writestr(member, content)
    return buffer.getvalue()


def mac_zip(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x.csv", content)
        archive.writestr("__MACOSX/._x.csv", b"\x00\x05")
    return buffer.getvalue()


def identity_numbers(count: int) -> list[str]:
    """Synthetic identity numbers whose first digit is zero: month + 80."""
    found = (with_control_digits(f"018190{serial:03d}") for serial in range(1_000))
    return [number for number in found if number is not None][:count]


def source(format: dict[str, Any], **changes: Any) -> SourceSpec:
    """The test source in another format, with some columns mapped otherwise."""
    columns = call_source().model_dump(by_alias=True, exclude_defaults=True)["columns"]
    for name in ("ring_start_at", "answered_at", "ended_at"):
        columns[name]["format"] = SECONDS
    return call_source(
        format=format,
        files=r"prove_(?P<date>\d{4}-\d{2}-\d{2})(_\w+)?\.\w+",
        columns=columns | changes,
    )


CSV = {"type": "csv", "delimiter": ";"}
JSONL, PARQUET, XLSX = {"type": "jsonl"}, {"type": "parquet"}, {"type": "xlsx", "sheet": "Ark"}


# --- what becomes of them -----------------------------------------------------------------------


@pytest.fixture
def taken(home: Path) -> Callable[..., tuple[list[dict[str, Any]], pl.DataFrame]]:
    """Deliver files of the test source and take them in: receipts in date order, accepted rows."""

    def take(spec: SourceSpec, **files: bytes | str) -> tuple[list[dict[str, Any]], pl.DataFrame]:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            day = {"first": "2026-01-15", "second": "2026-01-16"}[name]
            (home / "inbox" / "prove" / f"prove_{day}.{spec.format.type}").write_bytes(data)
        ingest(home, key=KEY, specs={"prove": spec})
        receipts = sorted(
            (receipt for _, receipt in iter_receipts(home / "lake")),
            key=lambda receipt: receipt["file_name"],
        )
        for receipt in receipts:
            parts = ("accepted", "rejected", "exact_duplicates")
            assert receipt["rows_read"] == sum(receipt[part] for part in parts)
        frames = [pl.read_parquet(p) for p in home.glob("lake/*/*/accepted.parquet")]
        return receipts, pl.concat(frames) if frames else pl.DataFrame()

    return take


Taken = Callable[..., tuple[list[dict[str, Any]], pl.DataFrame]]


def quoted_rows(column: int) -> str:
    """200 rows; the tenth has an opening quotation mark in one column."""
    rows = [[*row(n).split(";"), "merknad"] for n in range(1, 201)]
    rows[9][column] = '"' + rows[9][column]
    return "\n".join([HEADER + ";fritekst", *(";".join(r) for r in rows)]) + "\n"


@pytest.mark.parametrize("column", [4, -1], ids=["mapped", "unmapped"])
def test_an_unclosed_quotation_mark_costs_one_record(taken: Taken, column: int) -> None:
    spec = call_source()
    (receipt,), _ = taken(spec, first=quoted_rows(column))
    assert (receipt["rows_read"], receipt["accepted"]) == (200, 199)
    assert receipt["rejections"] == {"ROW_UNREADABLE": 1}
    assert receipt["first_rows"] == {"ROW_UNREADABLE": 10}


def test_lines_that_end_in_a_carriage_return_are_lines(taken: Taken) -> None:
    content = csv_text(values(1), values(2), values(3)).replace("\n", "\r")
    receipts, rows = taken(source(CSV), first=content, second=csv_text(values(4)))
    assert [receipt["accepted"] for receipt in receipts] == [3, 1]
    assert sorted(rows["source_id"]) == ["a1", "a2", "a3", "a4"]


@pytest.mark.parametrize(
    "column",
    [
        pl.Series([int(number) for number in identity_numbers(3)]),
        pl.Series(identity_numbers(3)).cast(pl.Categorical),
        pl.Series([float(number) for number in identity_numbers(3)]),
        pl.Series(identity_numbers(3)),
        pl.Series([[number] for number in identity_numbers(3)]),
        pl.Series([{"nr": number} for number in identity_numbers(3)]),
    ],
    ids=["integer", "dictionary", "float", "text", "list", "struct"],
)
def test_identity_numbers_are_found_in_every_type(taken: Taken, column: pl.Series) -> None:
    spec = source(PARQUET, chain_id="hendelse")
    (receipt,), _ = taken(spec, first=parquet(hendelse=column))
    assert receipt["refusal_code"] == "FILE_IDENTITY_NUMBER"
    assert "hendelse" in receipt["refusal_nb"]


def test_phone_numbers_are_found_in_integers(taken: Taken) -> None:
    numbers = pl.Series([4790000001, 4790000002, 4790000003])
    (receipt,), _ = taken(source(PARQUET, chain_id="hendelse"), first=parquet(hendelse=numbers))
    assert receipt["refusal_code"] == "FILE_PHONE_NUMBER"


def test_a_number_has_one_spelling_whatever_stands_beside_it(taken: Taken) -> None:
    floats = json_lines(values(1, id=1.0, kommune=301.0), values(2, id=2.0, kommune=301.0))
    whole = json_lines(values(1, id=1, rev="2", kommune=301), values(2, id=2, rev="2"))
    receipts, rows = taken(source(JSONL), first=floats, second=b"{broken\n" + whole)
    assert [r["rows_read"] for r in receipts] == [2, 3]
    assert sorted(set(rows["source_id"])) == ["1", "2"]
    assert set(rows["municipality_code"]) == {"0301"}


def test_a_key_given_twice_makes_the_record_ambiguous(taken: Taken) -> None:
    twice = json_lines(values(1)).replace(b'{"id"', b'{"utfall": "F", "id"')
    (receipt,), rows = taken(source(JSONL), first=twice + json_lines(values(2)))
    assert (receipt["rows_read"], receipt["rejections"]) == (2, {"ROW_KEY_TWICE": 1})
    assert rows["source_id"].to_list() == ["a2"]


def test_an_escaped_key_is_the_same_key(taken: Taken) -> None:
    record = values(1)
    record["oppdragsnøkkel"] = record.pop("id")
    content = json.dumps(record).encode() + b"\n"
    assert b"\\u00f8" in content
    (receipt,), _ = taken(source(JSONL, source_id="oppdragsnøkkel"), first=content)
    assert receipt["accepted"] == 1


def test_a_json_array_is_read_as_one_or_refused_once(taken: Taken, home: Path) -> None:
    content = json.dumps([values(n) for n in range(30)], indent=2)
    (receipt,), _ = taken(source({"type": "json"}), first=content)
    assert receipt["accepted"] == 30
    shutil.rmtree(home / "lake")
    next((home / "inbox" / "prove").iterdir()).unlink()
    (refused,), _ = taken(source(JSONL), first=content)
    assert (refused["status"], refused["rows_read"]) == ("refused", 0)


def local(rows: pl.DataFrame, name: str = "ring_start_at") -> list[str]:
    stamps = rows[name].dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Oslo")
    return sorted(stamps.dt.strftime(SECONDS))


@pytest.mark.parametrize("options", [{}, {"date_1904": True}], ids=["1900", "1904"])
def test_the_epoch_of_a_workbook_is_its_own(taken: Taken, options: dict[str, Any]) -> None:
    data = with_extension(workbook([typed(n) for n in range(1, 41)], options=options))
    (receipt,), rows = taken(source(XLSX), first=data)
    assert receipt["accepted"] == 40
    assert local(rows)[0] == "2026-01-15 12:00:01"


def test_the_header_row_is_counted_as_the_program_shows_it(taken: Taken) -> None:
    data = workbook([typed(n) for n in range(1, 41)], first_row=2)
    (receipt,), _ = taken(source({**XLSX, "header_row": 3}), first=data)
    assert receipt["accepted"] == 40


def test_a_cell_with_an_error_is_present_and_unparsable(taken: Taken) -> None:
    records = [typed(1), typed(2, kommune="=NA()"), typed(3, utfall="=1/0")]
    buffer = workbook(records)
    with_errors = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(buffer)) as old, zipfile.ZipFile(with_errors, "w") as new:
        for member in old.namelist():
            content = old.read(member)
            if member == "xl/worksheets/sheet1.xml":
                content = content.replace(
                    b'<c r="K3"><f>NA()</f><v>0</v></c>', b'<c r="K3" t="e"><v>#N/A</v></c>'
                ).replace(
                    b'<c r="I4"><f>1/0</f><v>0</v></c>', b'<c r="I4" t="e"><v>#DIV/0!</v></c>'
                )
                assert content.count(b't="e"') == 2
            new.writestr(member, content)
    (receipt,), rows = taken(source(XLSX), first=with_errors.getvalue())
    assert receipt["rows_read"] == 3
    assert receipt["rejections"]["ROW_CELL_ERROR"] == 2
    assert rows["source_id"].to_list() == ["a1"]


def test_a_date_cell_and_a_time_cell_are_one_stamp(taken: Taken) -> None:
    record = typed(1)
    record |= {name: record[name].time() for name in ("start", "svar", "slutt")}
    record["dato"] = dt.date(2026, 1, 15)
    joined = {
        column: {"from": ["dato", raw], "format": SECONDS}
        for column, raw in [
            ("ring_start_at", "start"),
            ("answered_at", "svar"),
            ("ended_at", "slutt"),
        ]
    }
    (receipt,), rows = taken(source(XLSX, **joined), first=workbook([record]))
    assert receipt["accepted"] == 1
    assert local(rows) == ["2026-01-15 12:00:01"]


def test_rows_that_cannot_be_split_count_in_the_share_that_refuses_a_file(taken: Taken) -> None:
    rows = [row(n) for n in range(30)] + [row(n) + ";;;" for n in range(300)]
    (receipt,), _ = taken(call_source(), first=text(*rows))
    assert receipt["refusal_code"] == "FILE_TOO_MANY_REJECTS"
    assert receipt["rows_read"] == receipt["rejected"] == 330
    assert "300 av 330" in receipt["refusal_nb"]


@pytest.mark.parametrize(
    ("marks", "seconds"), [({}, [7.25]), ({"thousands": "."}, [7.25, 1234.0])], ids=["no", "yes"]
)
def test_thousands_marks_are_declared_or_make_no_number(
    taken: Taken, marks: dict[str, str], seconds: list[float]
) -> None:
    spec = source(
        {**CSV, "decimal": ",", **marks}, answered_at={"from": "svar", "after": "ring_start_at"}
    )
    late = "2026-01-15 13:05:00"
    content = csv_text(values(1, svar="1.234", slutt=late), values(2, svar="7,25"))
    _, rows = taken(spec, first=content)
    found = rows.select((pl.col("answered_at") - pl.col("ring_start_at")).dt.total_milliseconds())
    assert sorted(found.to_series() / 1000) == seconds


def test_numbers_of_typed_columns_are_written_one_way(taken: Taken) -> None:
    codes = pl.Series([301.0, None, 1103.0])
    _, rows = taken(source(PARQUET), first=parquet(kommune=codes))
    assert rows.sort("source_id")["municipality_code"].to_list() == ["0301", None, "1103"]


def test_words_for_no_value_hold_for_every_type(taken: Taken) -> None:
    spec = source(PARQUET, municipality_code={"from": "kommune", "pad": 4, "nulls": ["9999"]})
    _, rows = taken(spec, first=parquet(kommune=pl.Series([9999, 301, 301])))
    assert rows.sort("source_id")["municipality_code"].to_list() == [None, "0301", "0301"]


def test_one_files_types_are_not_anothers(taken: Taken) -> None:
    stamp = pl.Series([dt.datetime(2026, 1, 15, 11, 0, 1)], dtype=pl.Datetime("us"))
    spec = source(PARQUET)
    receipts, rows = taken(
        spec,
        first=parquet(1),
        second=parquet(1, start=stamp.dt.replace_time_zone("UTC"), id=pl.Series(["b1"])),
    )
    assert [receipt["accepted"] for receipt in receipts] == [1, 1]
    assert local(rows) == ["2026-01-15 12:00:01", "2026-01-15 12:00:01"]


def test_white_space_around_a_text_is_not_part_of_it(taken: Taken) -> None:
    records = [
        values(n, tjeneste="113 ", sentral="amk_oslo\u00a0 ", utfall="B ", kommune="301\u202f")
        for n in range(1, 4)
    ]
    (receipt,), rows = taken(source(CSV), first=csv_text(*records))
    assert receipt["accepted"] == 3
    assert set(rows["central_id"]) == {"amk_oslo"} and set(rows["municipality_code"]) == {"0301"}


def test_white_space_is_kept_where_the_source_says_so(taken: Taken) -> None:
    spec = source(CSV, central_id={"from": "sentral", "trim": False})
    _, rows = taken(spec, first=csv_text(values(1, sentral=" amk")))
    assert rows["central_id"].to_list() == [" amk"]


def test_a_name_with_a_line_break_is_one_column(taken: Taken) -> None:
    content = csv_text(values(1)).replace(";start;", ';"start\nlokal";')
    for name in ("ring_start_at",):
        spec = source(CSV, **{name: {"from": "start\nlokal", "format": SECONDS}})
    (receipt,), _ = taken(spec, first=content)
    assert receipt["accepted"] == 1


def test_what_a_mac_adds_to_an_archive_is_no_member(taken: Taken) -> None:
    content = csv_text(values(1), values(2)).encode()
    (receipt,), _ = taken(source({**CSV, "compression": "zip"}), first=mac_zip(content))
    assert receipt["accepted"] == 2


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1", "cp865", "cp1252"])
def test_encodings_that_senders_use(taken: Taken, encoding: str) -> None:
    content = csv_text(values(1, sentral="sør"), values(2, sentral="blåbær")).encode(encoding)
    (receipt,), rows = taken(source({**CSV, "encoding": encoding}), first=content)
    assert receipt["accepted"] == 2
    assert sorted(rows["central_id"]) == ["blåbær", "sør"]


def test_day_and_month_are_never_guessed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs `format`"):
        source(CSV, ring_start_at={"from": "start"})


def test_dates_that_stand_for_none_are_treated_alike(taken: Taken) -> None:
    placeholders = ["0001-01-01 00:00:00", "1753-01-01 00:00:00", "1899-12-30 00:00:00",
                    "1900-01-01 00:00:00", "9999-12-31 23:59:59"]  # fmt: skip
    records = [values(n, svar=stamp, utfall="F") for n, stamp in enumerate(placeholders)]
    content = csv_text(*records, values(9))
    (receipt,), _ = taken(source(CSV), first=content)
    assert receipt["rejections"] == {"CALL_TIME_PLACEHOLDER": 5}


def test_a_source_can_name_its_placeholders(taken: Taken) -> None:
    nulls = {"from": "svar", "format": SECONDS, "nulls": ["1900-01-01 00:00:00"]}
    content = csv_text(values(1, svar="1900-01-01 00:00:00", utfall="F"), values(2))
    (receipt,), rows = taken(source(CSV, answered_at=nulls), first=content)
    assert receipt["accepted"] == 2 and rows["answered_at"].null_count() == 1


def test_rows_alike_only_in_what_is_used_are_no_duplicates(taken: Taken) -> None:
    first, second = values(1, merknad="x"), values(1, merknad="y")
    (receipt,), _ = taken(source(CSV), first=csv_text(first, second, second, values(2, merknad="")))
    assert (receipt["rows_read"], receipt["exact_duplicates"], receipt["accepted"]) == (4, 1, 3)
    assert receipt["warnings"] == {"CALL_ROW_ALIKE": 1}


# --- deliveries from elsewhere ------------------------------------------------------------------


def cases() -> dict[str, dict[str, Any]]:
    path = CASES / "cases.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


@pytest.mark.real
@pytest.mark.skipif(not cases(), reason="no cases here (set AKUTT_INTAKE_CASES to their folder)")
@pytest.mark.parametrize("name", list(cases()))
def test_cases_from_elsewhere(tmp_path: Path, name: str) -> None:
    case, folder = cases()[name], CASES / name
    right = case["right"]
    written = (folder / "source.yaml").read_text("utf-8")
    source_name = written.split("name:", 1)[1].split()[0]
    path = tmp_path / f"{source_name}.yaml"
    path.write_text(written, "utf-8")
    if right.get("source_error"):
        with pytest.raises(SourceFileError):
            load_source(path)
        return
    spec = load_source(path)
    inbox = tmp_path / "inbox" / source_name
    inbox.mkdir(parents=True)
    for file in case["files"]:
        shutil.copy(folder / file, inbox)
    ingest(tmp_path, key=KEY, specs={source_name: spec})
    receipts = [receipt for _, receipt in iter_receipts(tmp_path / "lake")]
    frames = [pl.read_parquet(p) for p in tmp_path.glob("lake/*/*/accepted.parquet")]
    rows = pl.concat(frames) if frames else pl.DataFrame()

    assert len(receipts) == len(case["files"])
    refused = [receipt for receipt in receipts if receipt["status"] == "refused"]
    assert all(receipt["refusal_code"] and receipt["refusal_nb"] for receipt in refused)
    if right.get("refused"):
        assert len(refused) == len(receipts)
    elif "records" in right and not refused:
        assert sum(receipt["rows_read"] for receipt in receipts) == right["records"]
    if "accepted" in right:
        assert rows.height == right["accepted"]
    if "keys" in right:
        assert sorted(set(rows["source_id"])) == right["keys"]
    if "central_id" in right:
        assert sorted(set(rows["central_id"])) == right["central_id"]
    if "municipality_code" in right:
        assert sorted(set(rows["municipality_code"].drop_nulls())) == right["municipality_code"]
    if "first_ring_start_local" in right:
        assert local(rows)[0] == right["first_ring_start_local"]
    if "not_answer_seconds" in right:
        waits = rows.select(
            (pl.col("answered_at") - pl.col("ring_start_at")).dt.total_milliseconds()
        )
        assert not set(waits.to_series() / 1000) & set(right["not_answer_seconds"])
