"""Every format, read back without the pipeline and compared with the records, stamp by stamp."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import fastexcel
import polars as pl
import pytest

from ingestion.synthetic.wire import FORMATS
from tests.ingestion.synthetic.conftest import Run

OSLO = ZoneInfo("Europe/Oslo")
Stamps = dict[str, dt.datetime | None]
Parsed = Iterator[tuple[str, Stamps]]

ALARM_STAMPS = (
    "received_at",
    "alerted_at",
    "acknowledged_at",
    "en_route_at",
    "at_scene_at",
    "at_patient_at",
    "departed_at",
    "at_destination_at",
    "handover_at",
    "available_at",
    "cancelled_at",
)


def _utc(local: dt.datetime) -> dt.datetime:
    return local.replace(tzinfo=OSLO).astimezone(dt.UTC).replace(tzinfo=None)


def _iso(text: str | None) -> dt.datetime | None:
    if not text:
        return None
    return dt.datetime.fromisoformat(text).astimezone(dt.UTC).replace(tzinfo=None)


def _sheet(path: Path, name: str, heads: int) -> list[dict[str, str | None]]:
    reader = fastexcel.read_excel(path)
    assert reader.sheet_names == [name]
    rows = reader.load_sheet(0, header_row=None, dtypes="string").to_polars().rows()
    names = [str(cell) for cell in rows[heads - 1]]
    return [dict(zip(names, row, strict=True)) for row in rows[heads:]]


def _cell(text: str | None) -> dt.datetime | None:
    return _utc(dt.datetime.fromisoformat(text)) if text else None


def iccs(path: Path) -> Parsed:
    columns = {
        "Ringestart": "ring_start_at",
        "Meny slutt": "menu_end_at",
        "Kø inn": "queue_enter_at",
        "Besvart": "answered_at",
        "Avsluttet": "ended_at",
        "Overført kl": "transfer_at",
    }
    for row in csv.DictReader(io.StringIO(path.read_bytes().decode("cp1252")), delimiter=";"):
        date = dt.datetime.strptime(row["Dato"], "%d.%m.%Y")
        start = dt.datetime.combine(date, dt.time.fromisoformat(row["Ringestart"]))
        stamps: Stamps = {}
        for name, column in columns.items():
            if not row[name]:
                stamps[column] = None
                continue
            moment = dt.datetime.combine(date, dt.time.fromisoformat(row[name]))
            if start - moment > dt.timedelta(hours=12):
                moment += dt.timedelta(days=1)
            stamps[column] = _utc(moment)
        yield row["Anrops-ID"], stamps


def lifex(path: Path) -> Parsed:
    names = {
        "ringStart": "ring_start_at",
        "menuEnd": "menu_end_at",
        "queueEnter": "queue_enter_at",
        "answered": "answered_at",
        "ended": "ended_at",
        "transfer": "transfer_at",
    }
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        assert set(row["time"]) == set(names)
        yield row["callId"], {names[name]: _iso(text) for name, text in row["time"].items()}


def nord(path: Path) -> Parsed:
    for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")), delimiter=";"):
        received = _iso(row["mottatt"])
        assert received is not None
        stamps: Stamps = {"received_at": received}
        seconds = [name for name in row if name.startswith("sek_")]
        for name, column in zip(seconds, ALARM_STAMPS[1:], strict=True):
            value = float(row[name].replace(",", ".")) if row[name] else None
            stamps[column] = (
                None if value is None else received + dt.timedelta(milliseconds=round(value * 1000))
            )
        yield row["radnr"], stamps


def midt(path: Path) -> Parsed:
    for row in pl.read_parquet(path).iter_rows(named=True):
        yield (
            str(row["row_no"]),
            {
                name: row[name.removesuffix("_at")]
                and row[name.removesuffix("_at")].replace(tzinfo=None)
                for name in ALARM_STAMPS
            },
        )


def vest(path: Path) -> Parsed:
    for row in _sheet(path, "Oppdrag", 2):
        times = list(row.values())[13:24]
        yield str(row["Rad-ID"]), dict(zip(ALARM_STAMPS, map(_cell, times), strict=True))


def sorost(path: Path) -> Parsed:
    rows = csv.reader(io.StringIO(gzip.decompress(path.read_bytes()).decode("utf-8")))
    header = next(rows)
    second = "_2026-04-" in path.name
    assert header[0] == ("incident_id" if second else "hendelse_id")
    for row in rows:
        yield row[2], dict(zip(ALARM_STAMPS, map(_cell, row[13:24]), strict=True))


def h113(path: Path) -> Parsed:
    names = {"linkSent": "link_sent_at"} | {
        name: f"{name}_at" for name in ("opened", "consented", "connected", "ended")
    }
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield row["sessionId"], {column: _iso(row[name]) for name, column in names.items()}


def bliksund(path: Path) -> Parsed:
    for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))):
        yield (
            row["session_id"],
            {
                name.replace("_ms", "_at"): (
                    dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=int(text)) if text else None
                )
                for name, text in row.items()
                if name.endswith("_ms") and name != "extract_ms"
            },
        )


def requests(path: Path) -> Parsed:
    data = path.read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    for row in csv.DictReader(io.StringIO(data.decode("utf-8-sig")), delimiter=";"):
        names = ("requested_at", "airborne_at", "at_scene_at")
        yield row["request_id"], {name: _iso(row[name]) for name in names}


def readiness(path: Path) -> Parsed:
    for row in _sheet(path, "Beredskap", 1):
        yield (
            str(row["Intervall-ID"]),
            {"start_at": _cell(row["Fra"]), "end_at": _cell(row["Til"])},
        )


READERS: dict[str, tuple[str, Callable[[Path], Parsed]]] = {
    "hdo_iccs_calls": ("call", iccs),
    "hdo_lifex_calls": ("call", lifex),
    "helse_nord_alarms": ("alarm", nord),
    "helse_midt_alarms": ("alarm", midt),
    "helse_vest_alarms": ("alarm", vest),
    "helse_sorost_alarms": ("alarm", sorost),
    "hdo_video_h113": ("video_session", h113),
    "bliksund_video": ("video_session", bliksund),
    "lat_requests": ("lat_request", requests),
    "lat_readiness": ("lat_readiness", readiness),
}


def test_every_source_has_a_reader() -> None:
    assert set(READERS) == set(FORMATS)


@pytest.mark.parametrize("source", READERS)
def test_a_file_carries_the_records(source: str, faultless: Run) -> None:
    contract, read = READERS[source]
    truth = {row["source_id"]: row for row in faultless.records(contract).iter_rows(named=True)}
    seen = 0
    for path in faultless.files(source):
        for source_id, stamps in read(path):
            record = truth[source_id]
            for column, value in stamps.items():
                assert value == record[column], f"{path.name} {source_id} {column}"
            seen += 1
    assert seen == sum(entry.rows for entry in faultless.manifest.files if entry.source == source)
    assert seen > 0


def test_all_records_are_sent(faultless: Run) -> None:
    for contract in {name for name, _ in READERS.values()}:
        sent = [
            source_id
            for source, (owner, read) in READERS.items()
            if owner == contract
            for path in faultless.files(source)
            for source_id, _ in read(path)
        ]
        assert sorted(sent) == sorted(faultless.records(contract)["source_id"])


def test_the_older_call_extract_is_cp1252_with_its_header(faultless: Run) -> None:
    data = faultless.files("hdo_iccs_calls")[0].read_bytes()
    header = data.split(b"\n")[0].decode("cp1252")
    assert header.startswith("Anrops-ID;Revisjon;Slettet;Tjeneste;Kanal;Retning;Sentral;")
    assert "Overført til;Overført kl" in header
    with pytest.raises(UnicodeDecodeError):
        data.decode("utf-8")


def test_the_western_workbook_has_two_header_rows(faultless: Run) -> None:
    reader = fastexcel.read_excel(faultless.files("helse_vest_alarms")[0])
    first = reader.load_sheet(0, header_row=None, dtypes="string").to_polars().row(0)
    groups = {place: text for place, text in enumerate(first) if text}
    assert groups == {0: "Hendelse", 10: "Enhet", 13: "Tider", 24: "Utfall"}


def test_identifiers_look_like_no_phone_number(faultless: Run) -> None:
    eight = r"(?:^|[^0-9A-Za-z-])[2-9]\d{7}(?:$|[^0-9A-Za-z-])"
    for contract in {name for name, _ in READERS.values()}:
        records = faultless.records(contract)
        for column in records.columns:
            if records.schema[column] == pl.String:
                assert not records[column].str.contains(eight).any(), column


def test_codes_are_written_in_the_words_of_the_source(faultless: Run) -> None:
    nord_files = faultless.files("helse_nord_alarms")
    nord_text = "".join(path.read_text(encoding="utf-8") for path in nord_files)
    assert ";AKUTT;" in nord_text
    row = json.loads(faultless.files("hdo_lifex_calls")[0].read_text("utf-8").splitlines()[0])
    assert row["direction"] in {"inbound", "outbound", "internal"}
    assert row["service"]["channel"] == "voice"
    table = pl.read_parquet(faultless.files("helse_midt_alarms")[0])
    assert table.schema["urgency_last"] == pl.Int32
    assert set(table["urgency_last"]) <= {1, 2, 3, 9}
