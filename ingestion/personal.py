"""Which files hold something personal, judged column by column before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from contracts import CONTRACTS
from contracts.columns import Kind
from ingestion.beside import each
from ingestion.delivery import FILE_INDEX
from ingestion.errors import FileRefusedError
from ingestion.privacy import MASK, ColumnUse, masked_where, personal_rows, personal_texts, safe
from ingestion.readers.raw import ROW_NUMBER
from ingestion.sources.spec import SourceSpec

REFUSED = ("FILE_IDENTITY_NUMBER", "FILE_PHONE_NUMBER")
# Warnings, unless the source says that they refuse the file.
OPTIONAL = {
    "FILE_EMAIL": "email",
    "FILE_COORDINATE": "coordinate",
    "FILE_ADDRESS": "address",
    "FILE_PERSON_NAME": "name",
}
# Of several contract columns that one raw column fills, the use that forbids least decides: the
# pieces of a key are numbers by design.
_PERMISSIVE: tuple[Kind, ...] = ("key", "code", "unit", "number", "timestamp", "flag", "text")


# So many columns and rows are named of each kind; of the others, how many there are.
_COLUMNS_NAMED, _ROWS_NAMED = 8, 3


@dataclass(frozen=True)
class Found:
    """How many rows of a raw column hold something personal, and the numbers of the first."""

    rows: int
    first: tuple[int, ...]

    @classmethod
    def of(cls, numbers: list[int]) -> Found:
        """From the numbers of the rows."""
        return cls(len(numbers), tuple(sorted(numbers)[:_ROWS_NAMED]))

    def joined(self, other: Found) -> Found:
        """With other rows of the same column."""
        first = sorted({*self.first, *other.first})[:_ROWS_NAMED]
        return Found(self.rows + other.rows, tuple(first))


# Per code and raw column, what was found.
Findings = Mapping[str, Mapping[str, Found]]


@dataclass(frozen=True)
class Screening:
    """What was found, by index of the file.

    Attributes:
        guilty: files that are refused, and for what.
        warnings: what else was found in each file.
        hidden: per raw column and file, the texts that a warning is about: the row is kept, and
            they are not.
    """

    guilty: Mapping[int, Findings] = field(default_factory=dict)
    warnings: Mapping[int, Findings] = field(default_factory=dict)
    hidden: Mapping[tuple[str, int], frozenset[str]] = field(default_factory=dict)

    @property
    def refused(self) -> dict[int, FileRefusedError]:
        """The files that are refused, and why."""
        return {index: _refusal(found) for index, found in self.guilty.items()}

    def joined(self, other: Screening) -> Screening:
        """Both screenings of the same files."""
        return Screening(
            # Values that could not be read are some of those that were looked at as texts.
            _joined(self.guilty, other.guilty, lambda mine, _: mine),
            _joined(self.warnings, other.warnings, Found.joined),
            {**self.hidden, **other.hidden},
        )

    def of(self, files: Sequence[int]) -> Screening:
        """The screening of these files alone, numbered anew in this order."""
        at = {index: place for place, index in enumerate(files)}
        return Screening(
            {at[index]: found for index, found in self.guilty.items() if index in at},
            {at[index]: found for index, found in self.warnings.items() if index in at},
            {(name, at[i]): texts for (name, i), texts in self.hidden.items() if i in at},
        )

    def masked(self, raw: pl.DataFrame) -> pl.DataFrame:
        """The raw rows without the texts that warnings are about."""
        columns: dict[str, pl.Expr] = {}
        for (name, index), texts in self.hidden.items():
            hit = (pl.col(FILE_INDEX) == index) & pl.col(name).is_in(list(texts))
            columns[name] = (
                pl.when(hit).then(pl.lit(MASK)).otherwise(columns.get(name, pl.col(name)))
            )
        return raw.with_columns(expr.alias(name) for name, expr in columns.items())


def _joined(
    mine: Mapping[int, Findings],
    theirs: Mapping[int, Findings],
    both: Callable[[Found, Found], Found],
) -> dict[int, Findings]:
    """The findings of two screenings; of a column that is in both, what `both` makes of them."""
    joined: dict[int, dict[str, dict[str, Found]]] = {}
    for findings in (mine, theirs):
        for index, codes in findings.items():
            for code, columns in codes.items():
                known = joined.setdefault(index, {}).setdefault(code, {})
                for name, found in columns.items():
                    known[name] = both(known[name], found) if name in known else found
    return dict(joined)


def _refusal(found: Findings) -> FileRefusedError:
    """Why a file is refused: by its gravest code, with every column that has something."""
    first, *others = sorted(found, key=[*REFUSED, *OPTIONAL].index)
    nb, en = told(found[first])
    also = [(code, *told(found[code])) for code in others]
    return FileRefusedError(
        first,
        "; ".join([f"kolonne: {nb}", *(f"også {code}: {text}" for code, text, _ in also)]),
        "; ".join([f"column: {en}", *(f"also {code}: {text}" for code, _, text in also)]),
    )


def told(columns: Mapping[str, Found]) -> tuple[str, str]:
    """Columns and rows in both languages: `Unit ID, 1 rad (4); Area, 5 rader (første 11, 12)`."""
    nb, en = [], []
    for name, found in list(columns.items())[:_COLUMNS_NAMED]:
        rows = ", ".join(map(str, found.first))
        if found.rows == 1:
            nb.append(f"{safe(name, 80)}, 1 rad ({rows})")
            en.append(f"{safe(name, 80)}, 1 row ({rows})")
        else:
            nb.append(f"{safe(name, 80)}, {found.rows} rader (første {rows})")
            en.append(f"{safe(name, 80)}, {found.rows} rows (first {rows})")
    if more := len(columns) - len(nb):
        nb.append(f"{more} kolonner til")
        en.append(f"{more} more columns")
    return "; ".join(nb), "; ".join(en)


def column_uses(spec: SourceSpec) -> dict[str, ColumnUse]:
    """What each mapped raw column is used for."""
    contract = CONTRACTS[spec.contract]
    uses: dict[str, ColumnUse] = {}
    for name, column_map in spec.columns.items():
        kind = contract.columns[name].kind
        for part in [column_map, *column_map.coalesce]:
            for raw in part.raw_columns():
                known = uses.get(raw, ColumnUse("text"))
                uses[raw] = ColumnUse(
                    kind=min(known.kind, kind, key=list[str](_PERMISSIVE).index),
                    form=part.form or known.form,
                    coded=part.codes is not None or known.coded,
                )
    return uses


def _free_columns(spec: SourceSpec) -> dict[str, ColumnUse]:
    """Raw columns whose text reaches the lake as it is."""
    contract = CONTRACTS[spec.contract]
    free: set[str] = set()
    for name, column_map in spec.columns.items():
        column = contract.columns[name]
        if column.is_text or column.kind == "number":
            for part in column_map.coalesce or [column_map]:
                if part.codes is None and not part.pseudonym and not part.hash_of:
                    free.update(part.raw_columns())
    return {name: use for name, use in column_uses(spec).items() if name in free}


def screened(raw: pl.DataFrame, spec: SourceSpec) -> Screening:
    """Look through every raw column that can carry text into the lake, file by file."""
    uses = {name: use for name, use in _free_columns(spec).items() if raw.schema[name] == pl.String}

    def of_column(name: str) -> Screening:
        return _screened(raw.select(FILE_INDEX, ROW_NUMBER, name), uses[name], spec)

    screening = Screening()
    for found in each(of_column, uses, raw.height):
        screening = screening.joined(found)
    for rows, use in _joined_columns(raw, spec):
        # What stands in the parts is known; a number in two parts is whole only when joined.
        guilty = _screened(rows, use, spec).guilty
        screening = screening.joined(
            Screening({at: own for at, own in guilty.items() if at not in screening.guilty})
        )
    return screening


def _joined_columns(
    raw: pl.DataFrame, spec: SourceSpec
) -> Iterator[tuple[pl.DataFrame, ColumnUse]]:
    """Text columns that are joined of several raw ones, as they are joined."""
    contract = CONTRACTS[spec.contract]
    for name, column_map in spec.columns.items():
        for part in column_map.coalesce or [column_map]:
            if len(part.from_) < 2 or not contract.columns[name].is_text or part.pseudonym:
                continue
            text = pl.concat_str(
                [pl.col(raw_name).cast(pl.String) for raw_name in part.from_],
                separator=part.join,
                ignore_nulls=True,
            )
            use = ColumnUse(contract.columns[name].kind, part.form, part.codes is not None)
            joined = text.alias(" + ".join(part.from_))
            yield raw.select(FILE_INDEX, ROW_NUMBER, joined), use


def screened_values(
    unread: Mapping[str, pl.Series], raw: pl.DataFrame, spec: SourceSpec
) -> Screening:
    """Look through values that became no value of the contract, before they are shown."""
    screening, uses = Screening(), column_uses(spec)
    hidden = {
        name
        for column in spec.columns.values()
        for part in [column, *column.coalesce]
        if part.pseudonym
        for name in part.raw_columns()
    }
    for name, mask in unread.items():
        if name in hidden or raw.schema[name] != pl.String:
            continue
        rows = raw.select(FILE_INDEX, ROW_NUMBER, name).filter(mask)
        screening = screening.joined(_screened(rows, uses[name], spec))
    return screening


def _screened(rows: pl.DataFrame, use: ColumnUse, spec: SourceSpec) -> Screening:
    """One column of several files; each is judged by its own values."""
    name = str(rows.columns[-1])
    guilty: dict[int, dict[str, dict[str, Found]]] = {}
    warnings: dict[int, dict[str, dict[str, Found]]] = {}
    hidden: dict[tuple[str, int], frozenset[str]] = {}
    for index, by_code in personal_texts(rows[name], rows[FILE_INDEX], use).items():
        own = rows.filter(pl.col(FILE_INDEX) == index)
        for code, texts in by_code.items():
            found = Found.of(own.filter(pl.col(name).is_in(list(texts)))[ROW_NUMBER].to_list())
            # A key without its text is no key, so there is nothing to keep of the row.
            if (
                code in REFUSED
                or use.kind == "key"
                or getattr(spec.personal, OPTIONAL[code]) == "refuse"
            ):
                guilty.setdefault(index, {})[code] = {name: found}
            else:
                warnings.setdefault(index, {})[code] = {name: found}
                hidden[name, index] = hidden.get((name, index), frozenset()) | texts
    return Screening(guilty, warnings, hidden)


# Dates and clock times hide nobody, and are what one looks for in a rejected row; nor do words.
_CLOCK = r"[0-2]?[0-9]:[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
_DAY, _MONTH = "(?:0?[1-9]|[12][0-9]|3[01])", "(?:0?[1-9]|1[0-2])"
_YEAR = "(?:19|20)?[0-9]{2}"
_DATE = rf"(?:{_YEAR}[-./]{_MONTH}[-./]{_DAY}|{_DAY}[-./]{_MONTH}[-./]{_YEAR})"
_ORDINARY = rf"^(?:[0-9]{{0,4}}|[A-Za-z]{{1,40}}|{_CLOCK}|{_DATE}(?:[T ]{_CLOCK})?)$"


def showable(values: pl.Series, use: ColumnUse) -> pl.Series:
    """Raw values as they may be shown in quarantine: what looks personal is masked.

    In a column of ids numbers are judged together; elsewhere each text by itself, and strictly,
    as there is nothing that it is known to be.
    """
    if use.kind not in ("key", "unit"):
        odd = values.filter(~values.str.contains(_ORDINARY)).unique()
        return values.replace(odd, pl.Series(map(safe, odd), dtype=pl.String))
    for hits in personal_rows(values, use).values():
        values = masked_where(values, hits)
    return values
