"""Delimited text: RFC 4180, one physical line a record unless the source says `multiline`.

The records are counted apart from the parser that makes the columns. What is left of a file when
all but its delimiters, quotation marks and line ends is deleted is its skeleton. In a clean file it
is the skeleton of one line over and over: then every line is a record with the right number of
fields, and polars reads the file as it is. Otherwise a regular expression looks at each line, and
only those that are records are read.
"""

from __future__ import annotations

import io
import re
import zlib
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import polars as pl

from ingestion.errors import FileRefusedError
from ingestion.readers.lines import (
    blank,
    count_records,
    ends_with_cr,
    line_start,
    lines_at,
    no_final_line_end,
    split_at_lf,
    split_lines,
)
from ingestion.readers.raw import (
    FAULTS_TOLD,
    NO_FINAL_NEWLINE,
    ROW_NUMBER,
    ROW_UNREADABLE,
    RawFile,
    alike,
    check_count,
    check_header,
    check_size,
    column_name,
    numbered,
)
from ingestion.readers.text import MAX_LINE_BYTES
from ingestion.sources.spec import Encoding, SourceSpec

_DELIMITERS = (";", ",", "\t", "|")
_DELIMITER_NAMES = {"\t": "tab", " ": "blank"}
# Wider lines are judged by two simple patterns instead of one with a count in it.
_MAX_COUNTED = 200
_PRIVATE = re.compile("[\ue000-\uf8ff]")
_SWAP = bytes.maketrans(b"\r\n", b"\n\r")


@dataclass(frozen=True)
class _Dialect:
    """How fields are written, as regular expressions that `re` and polars read alike."""

    delimiter: str
    quoted: bool
    multiline: bool

    @property
    def _mark(self) -> str:
        return f"\\x{ord(self.delimiter):02x}"

    @property
    def field(self) -> str:
        if not self.quoted:
            return rf"[^{self._mark}\n\r]*"
        # In a field without quotation marks around it, marks are characters if they come in pairs.
        bare = rf'[^"{self._mark}\n\r]+(?:"[^"{self._mark}\n\r]*"[^"{self._mark}\n\r]*)*'
        return rf'(?:{bare}|"{self._inside}")?'

    @property
    def _inside(self) -> str:
        allowed = '[^"]*' if self.multiline else r'[^"\n\r]*'
        return rf'{allowed}(?:""{allowed})*'

    @property
    def fields(self) -> str:
        """Any number of fields."""
        return f"{self.field}(?:{self._mark}{self.field})*"

    def record(self, count: int) -> str:
        """Exactly this many fields."""
        return f"{self.field}(?:{self._mark}{self.field}){{{count - 1}}}"

    @property
    def goes_on(self) -> str:
        """What follows an open quotation mark in a line that ends with one open."""
        return rf'{self._inside}(?:"{self._mark}(?:{self.field}{self._mark})*"{self._inside})?'

    @property
    def closes(self) -> str:
        """What follows an open quotation mark in the last line of a record."""
        return rf'{self._inside}"(?:{self._mark}{self.field})*\r*'

    @property
    def open(self) -> str:
        """Fields of which the last opens a quotation mark and does not close it."""
        return rf'(?:{self.field}{self._mark})*"{self._inside}'

    def whole(self, lines: pl.Series, count: int) -> pl.Series:
        """Which lines are records of this many fields."""
        if count <= _MAX_COUNTED:
            return lines.str.contains(f"^{self.record(count)}$")
        bare = lines.str.replace_all('"[^"]*"', "") if self.quoted else lines
        marks = bare.str.count_matches(self.delimiter, literal=True)
        return lines.str.contains(f"^{self.fields}$") & (marks == count - 1)


@dataclass(frozen=True)
class _Header:
    """The raw names, the byte where the records begin and how many lines there are before it."""

    names: list[str]
    end: int
    lines: int


@dataclass(frozen=True)
class _Records:
    """The records of a file, and the text of those that have the right number of fields.

    Attributes:
        text: the lines for the parser.
        skip: lines to skip before the first.
        count: all records of the file, also the broken ones, counted without the parser.
        quoted: there are quotation marks that mean something.
        numbers: ordinals of the records in `text` among all, when not simply 1, 2, 3, ...
        broken: ordinals of the records that could not be split.
        faults: what is wrong with the first of them.
        places: physical line of each record in `text`, when not simply those after `skip`.
        restore: what stands in `text` for line breaks within fields.
    """

    text: bytes
    skip: int
    count: int
    quoted: bool
    numbers: pl.Series | None = None
    broken: Sequence[int] = ()
    faults: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    places: Sequence[int] | None = None
    restore: dict[str, str] = field(default_factory=dict)

    def lines(self, places: pl.Series) -> list[str]:
        """The lines of the records with these places in `text`, from 0."""
        return lines_at(self.text, (places + self.skip).to_list())


def read_csv(
    payload: bytes, spec: SourceSpec, renames: dict[str, str], *, hashed: bool = False
) -> RawFile:
    """Read delimited UTF-8 text into text columns; empty fields are null.

    Args:
        renames: names in this file to the names that the source uses.
        hashed: give `record_hash` also when no id recurs (several members are compared).

    Raises:
        FileRefusedError: no header, a mapped column missing or doubled, another delimiter or
            encoding than the source says, a quotation mark that is never closed, or records that
            the parser and the count do not agree on.
    """
    dialect = _Dialect(
        spec.format.delimiter, spec.format.quoting == "standard", spec.format.multiline
    )
    if not dialect.delimiter.isascii():
        raise FileRefusedError(
            "FILE_UNREADABLE",
            "kildens skilletegn må være et ASCII-tegn",
            "the delimiter of the source must be an ASCII character",
        )
    if dialect.multiline and dialect.quoted:
        _check_line_ends(payload)
    swapped = ends_with_cr(payload, quoted=dialect.quoted)
    if swapped:
        # Line breaks within fields are kept: those that were LF are CR until the end.
        payload = payload.translate(_SWAP) if dialect.multiline else payload.replace(b"\r", b"\n")
    header = _header(payload, spec, dialect)
    names = [renames.get(name, name) for name in header.names]
    _check_names(names, header, spec, renames)
    records = _clean(payload, header, dialect)
    if records is None:
        if not dialect.multiline:
            payload = _returns_as_ends(payload, header, dialect)
        records = _sorted_out(payload, header, dialect)
    if swapped and dialect.multiline:
        back = dict.fromkeys(records.restore, "\r") | {"\r": "\n"}
        records = replace(records, restore=back)
    check_size(records.count, len(names))
    wanted = {name: index for index, name in enumerate(names) if name in spec.raw_columns()}
    try:
        parsed = _parsed(records, len(names), list(wanted.values()), dialect)
    except pl.exceptions.PolarsError as error:
        line = _parting(records, len(names), dialect)
        raise FileRefusedError(
            "FILE_UNREADABLE",
            f"ikke gyldig CSV fra linje {line}",
            f"not valid CSV from line {line}",
        ) from error
    found = parsed.height + len(records.broken)
    if found != records.count:
        line = _parting(records, len(names), dialect)
        check_count(found, records.count, f"linje {line}", f"line {line}")
    frame = numbered(
        pl.DataFrame([parsed[f"column_{index}"].alias(name) for name, index in wanted.items()])
        if wanted
        else pl.DataFrame({ROW_NUMBER: [0] * parsed.height}),
        spec,
    )
    if records.numbers is not None:
        frame = frame.with_columns(records.numbers.alias(ROW_NUMBER))
    if hashed:
        hashes = _field_hashes(records, names, dialect)
    elif (places := alike(frame, spec)) is not None:
        hashes = _record_hash(records, frame.height, places, names, dialect)
    else:
        hashes = None
    return RawFile(
        frame[[*spec.raw_columns(), ROW_NUMBER]],
        tuple((number, ROW_UNREADABLE) for number in records.broken),
        record_hash=hashes,
        findings={NO_FINAL_NEWLINE: 1} if no_final_line_end(payload) else {},
        columns=tuple(names),
        faults=records.faults,
    )


def _check_line_ends(payload: bytes) -> None:
    """Refuse line ends of both kinds outside texts, where a line break inside one means something.

    Raises:
        FileRefusedError: FILE_UNREADABLE.
    """
    if b"\r" not in payload:
        return
    outside = re.sub(rb'"[^"]*"', b"", payload)
    alone = outside.replace(b"\r\n", b"")
    if b"\r" in alone and (b"\n" in alone or b"\r\n" in outside):
        raise _two_line_ends()


def _two_line_ends() -> FileRefusedError:
    return FileRefusedError(
        "FILE_UNREADABLE",
        "filen har både CR og LF som linjeslutt; bruk én",
        "the file ends lines with both CR and LF; use one",
    )


# --- the header -------------------------------------------------------------------------------


def _header(payload: bytes, spec: SourceSpec, dialect: _Dialect) -> _Header:
    start = line_start(payload, spec.format.header_row)
    if start is None:
        raise FileRefusedError("FILE_EMPTY", "filen har ingen overskrift", "there is no header")
    window = payload[start : start + MAX_LINE_BYTES].decode("utf-8", "ignore")
    text = window.split("\n", 1)[0].rstrip("\r")
    names = text.split(dialect.delimiter)
    if dialect.quoted and '"' in text:
        # Names may hold line breaks, whatever the records may: a header is written once, by hand.
        loose = _Dialect(dialect.delimiter, quoted=True, multiline=True)
        match = re.match(rf"({loose.fields})\r*(?:\n|\Z)", window)
        if match is not None:
            text = match[1]
            names = [_unquoted(name) for name in _split(text, loose)]
        elif re.fullmatch(loose.open, window) is not None:
            raise _unclosed("FILE_UNREADABLE", spec.format.header_row)
    if "\r" in (re.sub('"[^"]*"', "", text) if dialect.quoted else text):
        # A record may stand behind the names, and would be read as more of them.
        raise FileRefusedError(
            "FILE_UNREADABLE",
            f"linje {spec.format.header_row}: vognretur midt i overskriften; bruk én linjeslutt",
            f"line {spec.format.header_row}: a carriage return within the names; use one line end",
        )
    names = [column_name(name) for name in names]
    if not any(names):
        raise FileRefusedError("FILE_EMPTY", "filen har ingen overskrift", "there is no header")
    end = payload.find(b"\n", start + len(text.encode()))
    end = len(payload) if end < 0 else end + 1
    return _Header(names, end, payload.count(b"\n", 0, end))


def _split(text: str, dialect: _Dialect) -> list[str]:
    """The fields of a text that matches `dialect.fields`, as they are written."""
    fields = []
    position = 0
    pattern = re.compile(dialect.field)
    while position <= len(text):
        match = pattern.match(text, position)
        assert match is not None
        fields.append(match[0])
        position = match.end() + 1
    return fields


def _unquoted(field: str) -> str:
    return field[1:-1].replace('""', '"') if field.startswith('"') else field


def _check_names(
    names: list[str], header: _Header, spec: SourceSpec, renames: dict[str, str]
) -> None:
    """As `check_header`, but a wrong delimiter or encoding is called by its name."""
    missing = set(spec.required_raw_columns()) - set(names)
    if missing:
        _check_delimiter(header, spec, renames)
        _check_letters(header, missing, spec, renames)
    check_header(names, spec)


def _check_delimiter(header: _Header, spec: SourceSpec, renames: dict[str, str]) -> None:
    declared = spec.format.delimiter
    line = declared.join(header.names)
    wanted = set(spec.raw_columns())

    def found(names: Sequence[str]) -> int:
        return len({renames.get(name, name) for name in names} & wanted)

    counts = {
        mark: found([column_name(name).strip('"') for name in line.split(mark)])
        for mark in _DELIMITERS
        if mark != declared
    }
    best = max(counts, key=lambda mark: counts[mark])
    if counts[best] > max(1, found(header.names)):
        likely, said = (_DELIMITER_NAMES.get(mark, mark) for mark in (best, declared))
        raise FileRefusedError(
            "FILE_UNREADABLE",
            f"skilletegnet ser ut til å være '{likely}', kilden sier '{said}'",
            f"the delimiter seems to be '{likely}', the source says '{said}'",
        )


def _check_letters(
    header: _Header, missing: set[str], spec: SourceSpec, renames: dict[str, str]
) -> None:
    """Refuse a header whose missing names are there under another encoding."""
    declared = spec.format.encoding
    others: tuple[Encoding, ...] = ("utf-8", "cp1252", "cp865")
    written = "cp1252" if declared in ("utf-8", "utf-16") else declared
    for other in others:
        try:
            names = {name.encode(written).decode(other) for name in header.names}
        except UnicodeError:
            continue
        if other != written and missing & {renames.get(name, name) for name in names}:
            raise FileRefusedError(
                "FILE_ENCODING",
                f"kolonnenavnene er skrevet i {other}, kilden sier {declared}",
                f"the column names are written in {other}, the source says {declared}",
            )
    if any("\ufffd" in name for name in header.names):
        raise FileRefusedError(
            "FILE_ENCODING",
            "kolonnenavnene har erstatningstegn: bokstavene var borte før filen ble sendt",
            "the column names hold replacement characters: letters were lost before it was sent",
        )


# --- the records ------------------------------------------------------------------------------


def _returns_as_ends(payload: bytes, header: _Header, dialect: _Dialect) -> bytes:
    """Where CR ends some lines of a file that otherwise has LF: LF.

    It does if any line is all records when it is parted there. Lines that are not have broken ones.

    Raises:
        FileRefusedError: FILE_UNREADABLE; the header was counted to by LF, past a CR.
    """
    if b"\r" not in payload or payload.count(b"\r") == payload.count(b"\r\n"):
        return payload
    record = re.compile(dialect.record(len(header.names)))

    def are_records(line: bytes) -> bool:
        parts = [part.decode() for part in line.split(b"\r") if part.strip()]
        return len(parts) > 1 and all(map(record.fullmatch, parts))

    body = payload[header.end :]
    if any(map(are_records, body.split(b"\n"))):
        before = payload[: header.end]
        if dialect.quoted:
            before = re.sub(rb'"[^"]*"', b"", before)
        if before.count(b"\r") > before.count(b"\r\n"):
            raise _two_line_ends()
        body = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return payload[: header.end] + body


def _clean(payload: bytes, header: _Header, dialect: _Dialect) -> _Records | None:
    """The records of a file whose skeleton is regular; None when each line must be looked at."""
    width = len(header.names)
    delimiter = dialect.delimiter.encode()
    if header.end == len(payload):
        return _Records(b"", skip=0, count=0, quoted=False)
    if width == 1:
        # A line without anything in it has the skeleton of a record.
        return None
    kept = delimiter + (b'\n\r"' if dialect.quoted else b"\n\r")
    others = bytes(byte for byte in range(256) if byte not in kept)
    skeleton = payload.translate(None, others)
    skeleton = skeleton[len(payload[: header.end].translate(None, others)) :]
    line_end = b"\r\n" if skeleton[: skeleton.find(b"\n")].endswith(b"\r") else b"\n"
    if not payload.endswith(b"\n"):
        skeleton += line_end
    count = skeleton.count(b"\n")
    if skeleton == (delimiter * (width - 1) + line_end) * count:
        return _Records(payload, header.lines, count, quoted=False)
    if dialect.quoted and skeleton == (delimiter.join([b'""'] * width) + line_end) * count:
        # Two quotation marks a field: are they at its ends?
        between = payload.count(b'"' + delimiter + b'"', header.end)
        around = payload.count(b'"' + line_end + b'"', header.end)
        first = payload.startswith(b'"', header.end)
        last = payload.endswith((b'"', b'"' + line_end))
        if between == (width - 1) * count and around == count - 1 and first and last:
            return _Records(payload, header.lines, count, quoted=True)
    return None


def _sorted_out(payload: bytes, header: _Header, dialect: _Dialect) -> _Records:
    """The records, line by line, so that one that cannot be split costs itself alone."""
    width = len(header.names)
    multiline = dialect.multiline and dialect.quoted
    lines = (split_at_lf if multiline else split_lines)(payload, header.end)
    places = pl.int_range(1, lines.len() + 1, eager=True) + header.lines
    restore = {}
    if multiline:
        lines, places, break_ = _joined(lines, places, dialect, width)
        restore = {break_: "\n"}
        count = lines.len() - int(blank(lines, dialect.delimiter).sum())
    else:
        count = count_records(payload, header.end, dialect.delimiter)
    if b"\r" in payload:
        lines = lines.str.strip_chars_end("\r")
    empty = blank(lines, dialect.delimiter)
    whole = dialect.whole(lines, width) & ~empty
    # The parser knows one CR before the line end, and only where there is one.
    stray = b"\r\r" in payload or payload.endswith(b"\r")
    if whole.all() and not restore and not stray:
        return _Records(payload, header.lines, count, quoted=dialect.quoted)
    records = (
        pl.DataFrame({"line": lines, "place": places, "whole": whole})
        .filter(~empty)
        .with_row_index("number", offset=1)
        .with_columns(pl.col("number").cast(pl.Int64))
    )
    good, broken = records.filter("whole"), records.filter(~pl.col("whole"))
    return _Records(
        "\n".join(good["line"]).encode(),
        skip=0,
        count=count,
        quoted=dialect.quoted,
        numbers=good["number"],
        broken=broken["number"].to_list(),
        faults={
            number: _fault(line, width, dialect)
            for number, line in broken.head(FAULTS_TOLD).select("number", "line").iter_rows()
        },
        places=good["place"].to_list(),
        restore=restore,
    )


def _fault(line: str, width: int, dialect: _Dialect) -> tuple[str, str]:
    """Why a line is no record of this many fields."""
    if re.fullmatch(dialect.fields, line) is None:
        return (
            "anførselstegn som ikke omslutter et helt felt",
            "quotation marks that do not enclose a whole field",
        )
    count = len(_split(line, dialect))
    return f"{count} av {width} felt", f"{count} of {width} fields"


def _joined(
    series: pl.Series, places: pl.Series, dialect: _Dialect, width: int
) -> tuple[pl.Series, pl.Series, str]:
    """Lines put together where a quoted field goes on in the next one.

    Returns:
        The records, the physical line each begins in, and the character, found nowhere in the
        lines, that stands for the line breaks within them.

    Raises:
        FileRefusedError: a quotation mark is not closed, or closed where no field can end: then
            nobody can say where the record ends.
    """
    odd = ~(dialect.whole(series.str.strip_chars_end("\r"), width) | blank(series))
    lines, starts = series.to_list(), places.to_list()
    used = set(chain.from_iterable(_PRIVATE.findall(line) for line in lines))
    break_ = next(mark for mark in map(chr, range(0xE000, 0xF900)) if mark not in used)
    opens, goes_on, closes = (
        re.compile(pattern) for pattern in (dialect.open, dialect.goes_on, dialect.closes)
    )
    joined: list[str] = []
    begun: list[int] = []
    spanning: list[int] = []
    done = 0
    for first in odd.arg_true():
        if first < done or opens.fullmatch(lines[first]) is None:
            continue
        last = first + 1
        while last < len(lines) and goes_on.fullmatch(lines[last]) is not None:
            last += 1
        if last == len(lines):
            raise _unclosed("FILE_TRUNCATED", starts[first])
        if closes.fullmatch(lines[last]) is None:
            raise _unclosed("FILE_UNREADABLE", starts[first])
        joined += [*lines[done:first], break_.join(lines[first : last + 1])]
        begun += starts[done : first + 1]
        spanning.append(len(joined) - 1)
        done = last + 1
    records = pl.Series(joined + lines[done:], dtype=pl.String)
    places = pl.Series(begun + starts[done:], dtype=pl.Int64)
    # With another number of fields it is more likely two records that a stray mark joined.
    whole = dialect.whole(records.gather(spanning).str.strip_chars_end("\r"), width)
    if not whole.all():
        raise _unclosed("FILE_UNREADABLE", places[spanning[whole.to_list().index(False)]])
    return records, places, break_


def _unclosed(code: str, line: int) -> FileRefusedError:
    return FileRefusedError(
        code,
        f"anførselstegnet som åpnes i linje {line}, lukkes ikke slik et felt kan slutte",
        f"the quotation mark that opens in line {line} is not closed where a field can end",
    )


# --- the parser -------------------------------------------------------------------------------


def _parsed(records: _Records, width: int, columns: list[int], dialect: _Dialect) -> pl.DataFrame:
    """The chosen columns of the records, named by position."""
    frame = pl.read_csv(
        io.BytesIO(records.text),
        has_header=False,
        skip_lines=records.skip,
        separator=dialect.delimiter,
        quote_char='"' if records.quoted else None,
        infer_schema=False,
        schema={f"column_{index}": pl.String for index in range(width)},
        columns=sorted(columns) or [0],
        raise_if_empty=False,
    )
    text = pl.all()
    if records.restore:
        text = text.str.replace_many(list(records.restore), list(records.restore.values()))
    if records.quoted:
        # An empty field is no value, also between quotation marks.
        frame = frame.with_columns(text).with_columns(pl.when(pl.all() != "").then(pl.all()))
    return frame


def _parting(records: _Records, width: int, dialect: _Dialect) -> int:
    """The physical line of the first record that the parser sees otherwise than the count."""
    lines = records.text.split(b"\n")[records.skip :]

    def parts(number: int) -> bool:
        some = replace(records, text=b"\n".join(lines[:number]), skip=0)
        try:
            return _parsed(some, width, [0], dialect).height != number
        except pl.exceptions.PolarsError:
            return True

    index = bisect_left(range(1, len(lines) + 1), True, key=parts)
    return records.places[index] if records.places else records.skip + index + 1


def _record_hash(
    records: _Records, count: int, places: pl.Series, names: list[str], dialect: _Dialect
) -> pl.Series:
    """What is equal for equal records, of which all are at these places.

    All others are equal to none: their numbers stand for their content.
    """
    lines = records.lines(places)
    if records.quoted or records.restore:
        some = replace(records, text="\n".join(lines).encode(), skip=0)
        hashes = _field_hashes(some, names, dialect)
    else:
        # Without quotation marks records are equal exactly when their lines are.
        seen: dict[str, int] = {}
        codes = [seen.setdefault(line, count + len(seen)) for line in lines]
        hashes = pl.Series(codes, dtype=pl.UInt64)
    numbers = pl.int_range(count, dtype=pl.UInt64, eager=True)
    return numbers.scatter(places, hashes).alias("record_hash")


def _field_hashes(records: _Records, names: list[str], dialect: _Dialect) -> pl.Series:
    """A hash of all fields of each record, by name, so that files with other orders compare."""
    everything = _parsed(records, len(names), list(range(len(names))), dialect)
    order = sorted(range(len(names)), key=lambda index: (names[index], index))
    seed = zlib.crc32("\x1f".join(names[index] for index in order).encode())
    return everything.select(f"column_{index}" for index in order).hash_rows(seed)
