"""What a reader returns, and the checks that all readers share.

A reader gives the mapped columns of every record as text, counts the records of the file a second
time without the parser that made the columns, and refuses the file when the two differ.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from ingestion.errors import FileRefusedError
from ingestion.sources.spec import SourceSpec
from ingestion.stamps import WHITE
from ingestion.text_bytes import may_have_blank_ends

ROW_NUMBER = "_row_number"

NO_FINAL_NEWLINE = "FILE_NO_FINAL_NEWLINE"
ROW_UNREADABLE = "ROW_UNREADABLE"
ROW_KEY_TWICE = "ROW_KEY_TWICE"
ROW_CELL_ERROR = "ROW_CELL_ERROR"
ROW_VALUE_NESTED = "ROW_VALUE_NESTED"
ROW_CHARACTER_LOST = "ROW_CHARACTER_LOST"
ROW_CELL_NOT_CALCULATED = "ROW_CELL_NOT_CALCULATED"

# Of so many broken records of a file it is told what is wrong with each.
FAULTS_TOLD = 20

# What stands where a character could not be read by a program before us.
LOST = "\ufffd"

# Beyond these a file is not a day's extract: it is refused before it fills the memory.
MAX_ROWS = 20_000_000
MAX_CELLS = 400_000_000
MAX_COLUMNS = 2_000


@dataclass(frozen=True)
class RawFile:
    """The mapped raw columns of one file and its 1-based record numbers.

    Attributes:
        frame: one row per record that could be split into columns, with `_row_number`. Columns are
            text (numbers in one spelling: `301`, not `301.0`), except stamps of typed formats,
            which are `Datetime("us")`, with zone UTC where the file says an offset.
        broken: number and code of every record that could not be split into columns.
        marks: per row code, numbers of records that are in the frame but must be rejected.
        record_hash: what is equal for two rows when their whole raw records are, also in columns
            that are not mapped; None when no id recurs, so that no two records can be equal.
        findings: per warning code of the file as a whole, a count.
        left_out: records that the source's own filter says are not of this source.
        columns: every column name of the file, mapped or not, in formats that have a header.
        faults: of the first broken records, what is wrong in both languages, without any value.
    """

    frame: pl.DataFrame
    broken: tuple[tuple[int, str], ...] = ()
    marks: Mapping[str, Sequence[int]] = field(default_factory=dict)
    record_hash: pl.Series | None = None
    findings: Mapping[str, int] = field(default_factory=dict)
    left_out: int = 0
    columns: tuple[str, ...] = ()
    faults: Mapping[int, tuple[str, str]] = field(default_factory=dict)

    @property
    def rows_read(self) -> int:
        return self.frame.height + len(self.broken)


def check_header(header: Sequence[str], spec: SourceSpec) -> None:
    """Refuse a header that lacks a mapped column or holds one twice.

    Raises:
        FileRefusedError: FILE_COLUMN_MISSING or FILE_COLUMN_DOUBLED, naming the columns.
    """
    counts = Counter(header)
    wanted = spec.raw_columns()
    refuse_missing(
        (name for name in spec.required_raw_columns() if name not in counts),
        [name for name in counts if name not in wanted],
        spec.name,
    )
    doubled = [name for name in wanted if counts[name] > 1]
    if doubled:
        raise FileRefusedError("FILE_COLUMN_DOUBLED", *both(", ".join(doubled)))


def column_name(text: str) -> str:
    """A column's name as it stands in a header, without what nobody sees at its ends."""
    return text.replace("\r\n", "\n").strip(WHITE)


def written_as(name: str, renames: Mapping[str, str]) -> list[str]:
    """The names in a file that mean a raw column: those renamed to it, and its own."""
    own = [] if name in renames else [name]
    return [old for old, new in renames.items() if new == name] + own


def refuse_missing(names: Iterable[str], others: Sequence[str] = (), source: str = "") -> None:
    """Refuse the file when any required raw column is absent.

    Args:
        others: columns of the file that the source does not use: one may be it, renamed.
        source: the name of the source, where its header can be compared with an earlier one.
    """
    missing = list(names)
    if not missing:
        return
    near = {name: _near(name, others) for name in missing[:_SUGGESTED]}
    nb, en = (
        ", ".join(
            f"{name} ({words} {' / '.join(near[name])}?)" if near.get(name) else name
            for name in missing
        )
        for words in ("mener du", "did you mean")
    )
    command = f"akutt source diff {{}} --source {source} --write"
    raise FileRefusedError(
        "FILE_COLUMN_MISSING",
        f"kolonne: {nb}" + (f"; nytt oppsett: {command.format('FØR NÅ')}" if source else ""),
        f"column: {en}" + (f"; a new layout: {command.format('OLD NEW')}" if source else ""),
    )


# Names are looked for to so many missing columns, among names up to this length.
_SUGGESTED, _LONGEST_NAME = 10, 100


def _near(name: str, others: Sequence[str]) -> list[str]:
    """Names of the file that are spelled much like this one and may be shown."""
    # Slow to import, and needed for refused files only.
    from difflib import get_close_matches

    from ingestion.privacy import personal_text, safe

    plain: dict[str, str] = {}
    for other in others[:MAX_COLUMNS]:
        if len(other) <= _LONGEST_NAME:
            plain.setdefault(other.casefold(), other)
    found = [plain[text] for text in get_close_matches(name.casefold(), plain, n=2)]
    return [safe(other, _LONGEST_NAME) for other in found if personal_text(other) is None]


def check_count(parsed: int, counted: int, place_nb: str = "", place_en: str = "") -> None:
    """Refuse a file whose records, counted apart from the parser, are not those it gave.

    Args:
        parsed: records that became rows, or that are known to be broken.
        counted: records of the independent count.
        place_nb, place_en: where the two part (`linje 12`, `line 12`), when that is known.

    Raises:
        FileRefusedError: FILE_COUNT_DIFFERS.
    """
    if parsed != counted:
        raise FileRefusedError(
            "FILE_COUNT_DIFFERS",
            f"{counted} poster i filen, {parsed} lest{_at(place_nb)}",
            f"{counted} records in the file, {parsed} read{_at(place_en)}",
        )


def _at(place: str) -> str:
    return f" ({place})" if place else ""


def check_size(rows: int, columns: int) -> None:
    """Refuse a file with more rows, columns or cells than a delivery can have.

    Raises:
        FileRefusedError: FILE_TOO_LARGE.
    """
    if rows > MAX_ROWS or columns > MAX_COLUMNS or rows * columns > MAX_CELLS:
        raise FileRefusedError(
            "FILE_TOO_LARGE",
            f"{rows} rader og {columns} kolonner",
            f"{rows} rows and {columns} columns",
        )


def both(names: str) -> tuple[str, str]:
    """The same column names as the detail in both languages."""
    return f"kolonne: {names}", f"column: {names}"


def marked_lost(raw: RawFile) -> RawFile:
    """The file with the records marked in which a mapped text has lost a character."""
    texts = [name for name, dtype in raw.frame.schema.items() if dtype == pl.String]
    if not texts or not raw.frame.height:
        return raw
    # One look at all of them, as most files are small and whole.
    if not pl.concat([raw.frame[name] for name in texts]).str.contains(LOST, literal=True).any():
        return raw
    hits = raw.frame.select(
        pl.any_horizontal(pl.col(texts).str.contains(LOST, literal=True)).fill_null(False)
    ).to_series()
    rows = raw.frame[ROW_NUMBER].filter(hits).to_list()
    return replace(raw, marks={**raw.marks, ROW_CHARACTER_LOST: rows})


def numbered(
    frame: pl.DataFrame, spec: SourceSpec, numbers: np.ndarray | None = None
) -> pl.DataFrame:
    """The frame with record numbers, and nulls for optional columns the file does not have.

    Args:
        numbers: of the records; from 1 on when not given.
    """
    absent = [name for name in spec.raw_columns() if name not in frame.columns]
    if numbers is None:
        numbers = np.arange(1, frame.height + 1)
    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, frame.height)
    return frame.hstack(
        [
            *(nothing.alias(name) for name in absent),
            pl.Series(ROW_NUMBER, numbers, dtype=pl.Int64),
        ]
    )


def _raw_ids(frame: pl.DataFrame, spec: SourceSpec) -> pl.DataFrame | None:
    """The raw id of each record; None where it is not in the raw columns as it stands.

    It is not where it is made of content, or of the units of a wide row.
    """
    names = list(dict.fromkeys(spec.columns["source_id"].raw_columns()))
    return frame[names] if names and set(names) <= set(frame.columns) else None


def ids_recur(frame: pl.DataFrame, spec: SourceSpec) -> bool:
    """Whether two records of the file may have the same raw id."""
    ids = _raw_ids(frame, spec)
    if ids is None:
        return frame.height > 1
    # Numbers are told apart faster than texts; two texts with one hash only cost some work.
    texts = [
        text.str.strip_chars(WHITE) if may_have_blank_ends(text) else text
        for text in (column.cast(pl.String) for column in ids)
    ]
    hashes = pl.DataFrame(texts).hash_rows()
    return hashes.n_unique() < hashes.len()


def alike(frame: pl.DataFrame, spec: SourceSpec) -> pl.Series | None:
    """The places of records that are equal to another in every raw column; None when there is none.

    All others are equal to none in the whole raw record, in formats where equal records give equal
    texts.
    """
    columns = frame[spec.raw_columns()]
    ids = _raw_ids(columns, spec)
    again = (columns if ids is None else ids).hash_rows().is_duplicated()
    if not again.any():
        return None
    places = again.arg_true()
    places = places.filter(columns[places].is_duplicated())
    return places if places.len() else None
