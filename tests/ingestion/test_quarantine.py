"""Quarantine: reasons for the sender, and replay under a corrected map."""

from __future__ import annotations

import zipfile
from pathlib import Path

import fastexcel
import polars as pl

from contracts import CONTRACTS, FILE_RULES
from ingestion.check import check_file
from ingestion.intake import ingest
from ingestion.lake import read_receipts
from ingestion.personal import Found, told
from ingestion.quarantine import (
    export_workbook,
    messages,
    refused_files,
    rejected_rows,
    replay,
    summary,
    with_sender_columns,
)
from ingestion.sources.spec import SourceSpec
from orchestration.deliveries import net
from tests.ingestion.conftest import HEADER, KEY, call_source, deliver, row, text
from tests.ingestion.test_privacy import NUMBER


def corrected() -> SourceSpec:
    """The test source with one more outcome code."""
    columns = call_source().model_dump(by_alias=True, exclude_defaults=True)["columns"]
    columns["outcome"]["codes"]["X"] = "ANSWERED"
    return call_source(columns=columns)


def test_every_rule_has_a_message_in_both_languages() -> None:
    codes = {rule.code for rule in FILE_RULES}
    codes |= {rule.code for contract in CONTRACTS.values() for rule in contract.rules}
    table = messages()
    assert set(table["code"]) == codes
    assert table.null_count().sum_horizontal().item() == 0


def test_replay_accepts_exactly_what_the_corrected_map_can_read(home: Path) -> None:
    rows = [row(1), row(2, utfall="X"), row(3, id=""), row(4, utfall="X"), row(5), row(6)]
    deliver(home, "prove_2026-01-15.csv", text(*rows))
    deliver(home, "prove_2026-01-16.csv", b"")
    ingest(home, key=KEY, specs={"prove": call_source()})
    lake = home / "lake"
    assert summary(lake).select("code", "level", "files", "rows").rows() == [
        ("FILE_EMPTY", "file", 1, 0),
        ("CALL_OUTCOME_UNKNOWN_CODE", "row", 1, 2),
        ("CALL_SOURCE_ID_MISSING", "row", 1, 1),
    ]
    before = rejected_rows(lake)
    assert before["row"].to_list() == [2, 3, 4]

    report = replay(home, "prove", key=KEY, specs={"prove": corrected()})
    assert (report.rows_read, report.accepted, report.rejected) == (3, 2, 1)
    after = rejected_rows(lake)
    assert after.select("row", "code").rows() == [(3, "CALL_SOURCE_ID_MISSING")]
    accepted = pl.concat([pl.read_parquet(p) for p in lake.glob("call/*/accepted.parquet")])
    assert sorted(accepted["source_id"]) == ["a1", "a2", "a4", "a5", "a6"]

    again = replay(home, "prove", key=KEY, specs={"prove": corrected()})
    assert again.rows_read == 0
    forced = replay(home, "prove", key=KEY, specs={"prove": corrected()}, force=True)
    assert (forced.accepted, forced.rejected) == (0, 1)


def test_a_refused_file_is_taken_whole_once_the_map_fits(home: Path) -> None:
    content = text(row(1), row(2)).replace("utfall", "resultat")
    deliver(home, "prove_2026-01-15.csv", content)
    ingest(home, key=KEY, specs={"prove": call_source()})
    assert refused_files(home / "lake")["code"].to_list() == ["FILE_COLUMN_MISSING"]
    renamed = call_source(headers=[{"rename": {"resultat": "utfall"}}])
    report = replay(home, "prove", key=KEY, specs={"prove": renamed})
    assert report.accepted == 2
    assert refused_files(home / "lake").is_empty()


def account(home: Path) -> tuple[int, ...]:
    """Rows read, accepted, rejected and exact duplicates, as sums of net receipts."""
    receipts = net(read_receipts(home / "lake"))
    names = ("rows_read", "accepted", "rejected", "exact_duplicates")
    return tuple(int(receipts[name].sum()) for name in names)


def filtered(lines: list[str], *, spec: SourceSpec | None = None) -> SourceSpec:
    """Only rows of these service lines are of the source."""
    return (spec or corrected()).model_copy(update={"where": {"tjeneste": lines}})


def test_a_replay_after_the_filter_grew_narrower(home: Path) -> None:
    rows = [row(1), row(2, utfall="X"), row(3, utfall="X", tjeneste="116117"), row(4, id="")]
    deliver(home, "prove_2026-01-15.csv", text(*rows))
    ingest(home, key=KEY, specs={"prove": call_source()})
    assert account(home) == (4, 1, 3, 0)
    report = replay(home, "prove", key=KEY, specs={"prove": filtered(["113"])})
    assert (report.rows_read, report.accepted, report.rejected, report.left_out) == (2, 1, 1, 1)
    # Row 3 is of another source by now: neither read nor rejected.
    assert account(home) == (3, 2, 1, 0)
    assert rejected_rows(home / "lake")["row"].to_list() == [4]


def test_a_replay_after_the_filter_grew_wider(home: Path) -> None:
    rows = [row(1), row(2, utfall="X"), row(3, tjeneste="116117"), row(4, id="")]
    deliver(home, "prove_2026-01-15.csv", text(*rows))
    narrow = filtered(["113"], spec=call_source())
    ingest(home, key=KEY, specs={"prove": narrow})
    assert account(home) == (3, 1, 2, 0)
    report = replay(home, "prove", key=KEY, specs={"prove": corrected()})
    # Row 3 was never in quarantine; to read the file again in whole is a remap.
    assert (report.rows_read, report.accepted, report.rejected, report.left_out) == (2, 1, 1, 0)
    assert account(home) == (3, 2, 1, 0)


def test_a_refused_file_is_accounted_for_through_several_replays(home: Path) -> None:
    rows = [row(1), row(1), row(2, utfall="X"), row(3), row(4, id="")]
    deliver(home, "prove_2026-01-15.csv", text(*rows).replace("utfall", "resultat"))
    ingest(home, key=KEY, specs={"prove": call_source()})
    headers = [{"rename": {"resultat": "utfall"}}]
    first = call_source(headers=headers)
    replay(home, "prove", key=KEY, specs={"prove": first})
    assert account(home) == (5, 2, 2, 1)
    columns = corrected().model_dump(by_alias=True, exclude_defaults=True)["columns"]
    replay(home, "prove", key=KEY, specs={"prove": call_source(headers=headers, columns=columns)})
    assert account(home) == (5, 3, 1, 1)
    # Under a map that cannot read it, the file stays as it is.
    report = replay(home, "prove", key=KEY, specs={"prove": corrected()})
    assert report.refusals == {"FILE_COLUMN_MISSING": 1}
    assert account(home) == (5, 3, 1, 1)
    assert rejected_rows(home / "lake")["row"].to_list() == [5]


def test_the_workbook_tells_the_sender_what_to_do(home: Path) -> None:
    number = "+4798765432"
    rows = [row(1), row(2), row(3, utfall="=1+1", innringer=number)]
    deliver(home, "prove_2026-01-15.csv", text(*rows))
    ingest(home, key=KEY, specs={"prove": call_source()})
    path = export_workbook(home / "lake", home / "avvik.xlsx", specs={"prove": call_source()})
    book = fastexcel.read_excel(path)
    assert book.sheet_names == ["Les meg", "Filer", "Rader"]
    shown = book.load_sheet("Rader").to_polars()
    assert shown.select("Fil", "Rad", "Regel").rows() == [
        ("prove_2026-01-15.csv", 3.0, "CALL_OUTCOME_UNKNOWN_CODE")
    ]
    assert shown.select("Kolonner hos dere", "Står i dem").row(0) == ("utfall", "utfall: =1+1")
    assert '"utfall":"=1+1"' in shown["Verdier i raden"][0]
    assert "98765432" not in shown["Verdier i raden"][0]


def test_rejected_rows_have_the_names_of_the_sender_and_masked_values(home: Path) -> None:
    rows = [
        row(1, svar="straks"),
        row(2),
        row(3, id=""),
        row(4, sentral="amk_\ufffdst", svar="kari.dal@sykehus.no"),
        "a5;1;N",
        *(row(number) for number in range(6, 9)),
    ]
    deliver(home, "prove_2026-01-15.csv", text(*rows))
    spec = call_source(thresholds={"max_reject_share": 0.9})
    ingest(home, key=KEY, specs={"prove": spec})
    found = with_sender_columns(rejected_rows(home / "lake"), {"prove": spec})
    told = {(r["row"], r["code"]): (r["columns"], r["values"]) for r in found.to_dicts()}
    assert told == {
        (1, "CALL_ANSWERED_UNPARSABLE"): ("svar", "svar: straks"),
        (3, "CALL_SOURCE_ID_MISSING"): ("id", "id: –"),
        (4, "CALL_ANSWERED_UNPARSABLE"): ("svar", "svar: •••"),
        (4, "ROW_CHARACTER_LOST"): ("sentral", "sentral: amk_\ufffdst"),
        (5, "ROW_UNREADABLE"): (None, None),
    }
    unnamed = with_sender_columns(rejected_rows(home / "lake"), {})
    assert unnamed["columns"].null_count() == unnamed.height > 0


def test_check_names_row_column_rule_and_masks(tmp_path: Path) -> None:
    path = tmp_path / "prove_2026-01-15.csv"
    path.write_text(text(row(1), row(2, utfall="X", innringer="+4798765432")), "utf-8")
    result = check_file(path, call_source())
    assert (result.receipt.rows_read, result.receipt.rejected) == (2, 1)
    (finding,) = result.findings
    assert (finding.code, finding.row, finding.columns) == (
        "CALL_OUTCOME_UNKNOWN_CODE",
        2,
        "utfall",
    )
    assert finding.values == '{"utfall": "X"}'
    assert not list(tmp_path.glob("lake"))


def test_check_lists_codes_that_are_unknown_and_columns_that_hold_people(tmp_path: Path) -> None:
    path = tmp_path / "prove_2026-01-15.csv"
    odd = ["X", "X", "x9", "kari.nordmann@example.no", *(f"kode{n}" for n in range(30))]
    rows = [row(n, utfall=code) for n, code in enumerate(odd)]
    rows += [
        row(100, sentral="Kari Nordmann", tjeneste="999"),
        row(101, sentral="59.9139, 10.7522"),
    ]
    path.write_text(text(*rows), "utf-8")
    result = check_file(path, call_source())
    codes = {(code.column, code.raw, code.value): code.rows for code in result.unknown_codes}
    assert codes["outcome", "utfall", "X"] == 2
    assert codes["service_line", "tjeneste", "999"] == 1
    assert next(code for code in result.unknown_codes if code.column == "outcome").value == "X"
    assert result.more_codes == {"outcome": 13}
    assert not any("nordmann" in value.lower() for _, _, value in codes)
    assert result.receipt.warnings["FILE_PERSON_NAME"] == 1
    assert result.receipt.warning_columns == {
        "FILE_PERSON_NAME": {"sentral": 1},
        "FILE_COORDINATE": {"sentral": 1},
        "FILE_EMAIL": {"utfall": 1},
    }
    first = result.receipt.first_rows
    assert (first["FILE_PERSON_NAME"], first["FILE_COORDINATE"], first["FILE_EMAIL"]) == (35, 36, 4)


def test_check_shows_rows_that_are_no_rows_lost_characters_and_repeated_keys(
    tmp_path: Path,
) -> None:
    path = tmp_path / "prove_2026-01-15.csv"
    rows = [
        row(1),
        row(2),
        "a3;1;N",
        row(4, sentral="amk_\ufffdst"),
        row(2, utfall="F"),
        row(2),
        row(7) + ';"',
        row(8) + ";x",
    ]
    path.write_text(text(*rows), "utf-8")
    result = check_file(path, call_source(thresholds={"max_reject_share": 0.9}), rows_per_rule=2)
    found = [(item.code, item.row, item.columns, item.note_en) for item in result.findings]
    assert found == [
        ("ROW_UNREADABLE", 3, "", "3 of 11 fields"),
        ("ROW_UNREADABLE", 7, "", "quotation marks that do not enclose a whole field"),
        ("CALL_KEY_REPEATED", 5, "id, rev", "first in row 2"),
        ("ROW_CHARACTER_LOST", 4, "sentral", ""),
    ]
    assert result.findings[0].note_nb == "3 av 11 felt"
    assert result.receipt.rejections["ROW_UNREADABLE"] == 3
    assert result.receipt.exact_duplicates == 1


def test_check_of_an_archive_counts_the_fields_of_the_right_record(tmp_path: Path) -> None:
    path = tmp_path / "prove_2026-01-15.csv"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", text(row(1), row(2)))
        archive.writestr("b.csv", text(row(3), "a4;1"))
    spec = call_source(
        format={"type": "csv", "delimiter": ";", "compression": "zip", "members": ".*"}
    )
    (finding,) = check_file(path, spec).findings
    assert (finding.row, finding.note_nb) == (4, "2 av 11 felt")


def test_check_says_how_long_a_line_of_fixed_width_is(tmp_path: Path) -> None:
    path = tmp_path / "prove_2026-01-15.csv"
    names = HEADER.split(";")
    fields = {name: [1 + 25 * at, 25 + 25 * at] for at, name in enumerate(names)}
    lines = ["".join(f"{part:<25}" for part in row(n).split(";")) for n in (1, 2)]
    path.write_text("\n".join([lines[0], "a2", lines[1]]) + "\n", "utf-8")
    spec = call_source(format={"type": "fixed", "fields": fields})
    (finding,) = check_file(path, spec).findings
    assert (finding.row, finding.note_en) == (2, "2 characters, expected 275")


def test_check_says_what_a_stamp_that_lies_ahead_was_held_against(tmp_path: Path) -> None:
    path = tmp_path / "prove_2026-01-15.csv"
    path.write_text(text(row(1), row(2, slutt="2026-01-16 07:00:00.000")), "utf-8")
    (finding,) = check_file(path, call_source()).findings
    assert (finding.code, finding.columns) == ("CALL_TIME_IN_FUTURE", "slutt")
    assert finding.note_nb == (
        "uttrekket er satt til 2026-01-16 04:00 (Europe/Oslo); "
        "extract_at: {hours_after_delivery: …} i kildefilen endrer det"
    )
    path.write_text(text(row(1), row(2, svar="1900-01-01 00:00:00.000")), "utf-8")
    (finding,) = check_file(path, call_source()).findings
    assert (finding.code, finding.columns, finding.note_nb) == (
        "CALL_TIME_PLACEHOLDER",
        "svar",
        "",
    )


def test_every_column_with_something_personal_is_told_of_at_once(tmp_path: Path) -> None:
    path = tmp_path / "prove_2026-01-15.csv"
    rows = [row(n) for n in range(1, 11)]
    rows += [row(n, sentral=f"fnr {NUMBER}") for n in range(11, 16)]
    rows += [row(16, id=f"fnr {NUMBER}", svar=NUMBER, tjeneste="tlf +47 98 76 54 32")]
    path.write_text(text(*rows), "utf-8")
    receipt = check_file(path, call_source()).receipt
    assert receipt.refusal_code == "FILE_IDENTITY_NUMBER"
    assert receipt.refusal_nb == (
        "kolonne: id, 1 rad (16); sentral, 5 rader (første 11, 12, 13); svar, 1 rad (16); "
        "også FILE_PHONE_NUMBER: tjeneste, 1 rad (16)"
    )
    assert receipt.refusal_en == (
        "column: id, 1 row (16); sentral, 5 rows (first 11, 12, 13); svar, 1 row (16); "
        "also FILE_PHONE_NUMBER: tjeneste, 1 row (16)"
    )


def test_a_refusal_for_many_columns_is_short() -> None:
    nb, en = told({f"{'k' * 200}{n}": Found.of([n, n + 1]) for n in range(40)})
    assert nb.endswith("; 32 kolonner til") and en.endswith("; 32 more columns")
    assert len(nb) < 1000
