"""A whole file: its legitimate readings, or why it must be refused."""

from __future__ import annotations

import datetime as dt
import itertools

from ingestion.sources.spec import SourceSpec
from tests.fuzz.oracle import archives, biff, sheets, texts
from tests.fuzz.oracle.reading import (
    MustRefuseError,
    Reading,
    UndecidedError,
    selected,
)


def readings(data: bytes, spec: SourceSpec, day: dt.date) -> list[Reading]:
    """What the file may legitimately be read as.

    Several, where the bytes leave a choice: which encoding, whether a lone carriage return ends a
    line, whether quotation marks hold lines together. What came out must fit one of them in whole.

    Raises:
        UndecidedError: the oracle cannot tell.
    """
    try:
        found = _unpacked(data, spec, day)
    except MustRefuseError as error:
        return [Reading(refused_for=str(error))]
    for reading in found:
        reading.rows = selected(reading.rows, spec)
    return found


def _unpacked(data: bytes, spec: SourceSpec, day: dt.date) -> list[Reading]:
    if not data:
        raise MustRefuseError("empty")
    match spec.format.compression:
        case "gzip":
            contents = [archives.gunzipped(data)]
        case "zip":
            contents = archives.chosen(data, spec.format.members)
        case _:
            contents = [data]
    found = [_content(content, spec, day) for content in contents]
    if len(found) == 1:
        return found[0]
    refused = [r.refused_for for options in found for r in options[:1] if r.refused_for]
    if refused:
        return [Reading(refused_for=refused[0])]
    # Every member has its own readings: whether a lone carriage return ends a line, say.
    choices = itertools.islice(itertools.product(*found), 8)
    return [Reading([row for reading in choice for row in reading.rows]) for choice in choices]


def _content(data: bytes, spec: SourceSpec, day: dt.date) -> list[Reading]:
    match spec.format.type:
        case "xlsx":
            return sheets.xlsx_readings(data, spec, day)
        case "ods":
            return sheets.ods_readings(data, spec, day)
        case "xls":
            return biff.xls_readings(data, spec, day)
        case "parquet":
            return sheets.parquet_readings(data, spec, day)
        case "xml":
            return texts.xml_readings(data, spec)
    found: list[Reading] = []
    problem: MustRefuseError | UndecidedError | None = None
    for text in texts.decodings(data, spec.format.encoding):
        try:
            match spec.format.type:
                case "csv":
                    found += texts.csv_readings(text, spec, day)
                case "fixed":
                    found += texts.fixed_readings(text, spec, day)
                case "jsonl":
                    found += texts.jsonl_readings(text, spec)
                case _:
                    found += texts.json_readings(text, spec)
        except (MustRefuseError, UndecidedError) as error:
            if problem is None or isinstance(error, UndecidedError):
                problem = error
    # One way of decoding that gives records is enough to judge by; the others then do not count.
    # Where one cannot be judged, that another makes nonsense of the file says nothing.
    readable = [reading for reading in found if reading.refused_for is None]
    if readable or (found and not isinstance(problem, UndecidedError)):
        return readable or found
    assert problem is not None
    raise problem
