"""The language of a source file: what a YAML under `ingestion/sources/` may say.

A source says where its files are, how they are written, how its clock runs and which of its
columns fill which column of the contract. What it does not name never leaves the reader.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from ingestion.errors import SourceProblem, SourceProblems
from ingestion.stamps import has_clock, has_offset


class Strict(BaseModel):
    """A model that refuses words it does not know, so that a typing error is found at once."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _pattern(value: str | None, groups: int | None = None) -> str | None:
    """A regular expression that Python and polars both read; with this many groups if given."""
    if value is None:
        return None
    try:
        compiled = re.compile(value)
        pl.Series([""]).str.contains(value)
    except (re.error, pl.exceptions.PolarsError) as error:
        raise _no_pattern(value, error) from error
    if groups is not None and compiled.groups != groups:
        raise SourceProblem(
            f"'{value}' må ha nøyaktig {groups} gruppe i parentes",
            f"'{value}' needs exactly {groups} group in parentheses",
        )
    return value


def _no_pattern(value: str, error: Exception) -> SourceProblem:
    return SourceProblem(
        f"'{value}' er ikke et regulært uttrykk", f"'{value}' is not a regular expression: {error}"
    )


Mark = Annotated[str, Field(min_length=1, max_length=1)]


class DatedCodes(Strict):
    """A code map that holds for deliveries in `[valid_from, valid_to)`."""

    valid_from: dt.date | None = None
    valid_to: dt.date | None = Field(None, description="Exclusive.")
    map: dict[str, Any]

    def holds_on(self, day: dt.date) -> bool:
        """Whether this map is in force for a delivery of `day`."""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_to is None or day < self.valid_to
        )


class ColumnMap(Strict):
    """How one contract column is filled. Exactly one of the origins below is given."""

    from_: Annotated[list[str], BeforeValidator(_as_list)] = Field(
        [], alias="from", description="Raw column, or several that are joined in this order."
    )
    constant: str | int | bool | None = Field(None, description="The same value on every row.")
    any_of: list[str] = Field([], description="True when any of these raw flags is true.")
    coalesce: list[ColumnMap] = Field([], description="The first of these that has a value.")
    hours_after_delivery: float | None = Field(
        None, description="Local midnight of the delivery date plus this many hours."
    )
    hash_of: Annotated[list[str], BeforeValidator(_as_list)] = Field(
        [],
        description="A key made of the content of these raw columns, where the sender has none.",
    )

    join: str = Field(" ", description="Text between joined columns.")
    join_nulls: Literal["null", "skip"] = Field(
        "null",
        description="What an empty part does to joined columns: the whole is empty, or it is "
        "left out.",
    )
    extract: str | None = Field(
        None, description="Regular expression with one group: only this part of the text is read."
    )
    trim: bool | None = Field(
        None, description="Whether white space around the text is taken away; as the source says."
    )
    form: str | None = Field(
        None,
        description="Regular expression of the source's own identifiers in this column, such as "
        r"'\d{11}': they are then judged together, not one by one, for identity numbers.",
    )
    codes: dict[str, Any] | list[DatedCodes] | None = Field(
        None, description="Raw code to contract code; the key '*' is for every other value."
    )
    format: Annotated[list[str], BeforeValidator(_as_list)] = Field(
        [],
        description="strftime format of a text timestamp, or several, tried in this order. In "
        "formats whose cells have types, an ISO date or timestamp is read beside them.",
    )
    utc: bool = Field(False, description="The stamp is UTC although it says no offset.")
    epoch: Literal["s", "ms", "us"] | None = Field(None, description="Number since 1970 in UTC.")
    after: str | None = Field(
        None, description="The number is an interval after this contract timestamp."
    )
    unit: Literal["s", "min", "ms", "h", "clock"] = Field(
        "s", description="Unit of `after`; `clock` is a duration written as h:mm:ss or mm:ss."
    )
    decimal: Mark | None = Field(None, description="Decimal mark of this column.")
    thousands: Mark | None = Field(None, description="Thousands mark of this column.")
    next_day_if_before: str | None = Field(
        None, description="A clock time more than 12 h before this stamp is on the next day."
    )
    pad: int | None = Field(None, description="Left-pad with zeros to this many characters.")
    pseudonym: bool = Field(False, description="Replace by a keyed pseudonym before anything else.")
    nulls: list[str] = Field([], description="More texts that mean 'no value' in this column.")
    optional: bool = Field(False, description="The raw column may be absent from the file.")

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        origins = [
            bool(self.from_),
            self.constant is not None,
            bool(self.any_of),
            bool(self.coalesce),
            self.hours_after_delivery is not None,
            bool(self.hash_of),
        ]
        if sum(origins) != 1:
            names = "from, constant, any_of, coalesce, hours_after_delivery, hash_of"
            raise SourceProblem(
                f"en kolonne tar nøyaktig én av: {names}", f"a column takes exactly one of: {names}"
            )
        return self

    @field_validator("format")
    @classmethod
    def _readable_format(cls, value: list[str]) -> list[str]:
        for form in value:
            try:
                pl.Series(["x"]).str.to_datetime(
                    form + (" %H:%M" * (not has_clock(form))), strict=False
                )
            except pl.exceptions.PolarsError as error:
                raise SourceProblem(
                    f"'{form}' er ikke et format for en tid", f"'{form}' is not a format of a stamp"
                ) from error
        if len({has_offset(form) for form in value}) > 1:
            raise SourceProblem(
                "formater med og uten tidssone (%z) kan ikke stå i samme kolonne",
                "formats with and without an offset (%z) cannot stand in one column",
            )
        return value

    @field_validator("extract")
    @classmethod
    def _one_group(cls, value: str | None) -> str | None:
        return _pattern(value, groups=1)

    @field_validator("form")
    @classmethod
    def _readable_form(cls, value: str | None) -> str | None:
        return _pattern(value)

    @property
    def is_universal(self) -> bool:
        """Whether a stamp of this map says its own offset, or is UTC."""
        return self.utc or self.epoch is not None or any(map(has_offset, self.format))

    def raw_columns(self) -> Iterator[str]:
        """Every raw column this map reads."""
        yield from self.from_
        yield from self.any_of
        yield from self.hash_of
        for part in self.coalesce:
            yield from part.raw_columns()

    def required_raw_columns(self) -> Iterator[str]:
        """The raw columns a file must have."""
        if self.optional:
            return
        yield from self.from_
        yield from self.any_of
        yield from self.hash_of
        for part in self.coalesce:
            yield from part.required_raw_columns()


Encoding = Literal["utf-8", "utf-16", "latin-1", "cp1252", "cp865"]
_ENCODING_NAMES = {
    "utf8": "utf-8",
    "utf-8-sig": "utf-8",
    "utf16": "utf-16",
    "utf-16-le": "utf-16",
    "utf-16-be": "utf-16",
    "latin1": "latin-1",
    "iso-8859-1": "latin-1",
    "windows-1252": "cp1252",
    "ibm865": "cp865",
}


def _encoding_name(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    name = value.lower().replace("_", "-")
    return _ENCODING_NAMES.get(name, name)


FormatType = Literal["csv", "fixed", "jsonl", "json", "xml", "xlsx", "xls", "ods", "parquet"]
# Formats whose cells have types: a stamp needs no format there.
TYPED_FORMATS: frozenset[str] = frozenset({"xlsx", "xls", "ods", "parquet"})
WORKBOOK_FORMATS: frozenset[str] = frozenset({"xlsx", "xls", "ods"})


class FileFormat(Strict):
    """How the file is written."""

    type: FormatType
    encoding: Annotated[Encoding, BeforeValidator(_encoding_name)] = "utf-8"
    delimiter: str = ";"
    quoting: Literal["standard", "none"] = Field(
        "standard", description="`none`: a quotation mark is a character like any other."
    )
    multiline: bool = Field(False, description="A quoted field may hold line breaks.")
    decimal: Mark = Field(".", description="Decimal mark of numbers.")
    thousands: Mark | None = Field(None, description="Mark between thousands, if there is one.")
    compression: Literal["none", "gzip", "zip"] = "none"
    members: str | None = Field(
        None,
        description="Regular expression of the archive members that are read, in name order, as "
        "one delivery. Without it the archive has exactly one.",
    )
    sheet: str | None = Field(None, description="Sheet of a workbook; the first when not given.")
    header_row: int = Field(
        1, ge=1, description="1-based line, or row of the sheet, that holds the column names."
    )
    record: str | None = Field(
        None,
        description="XML: path of the element that is a record (`Melding/Anrop`). JSON: dotted "
        "path of the array, when it is not the whole document.",
    )
    fields: dict[str, tuple[int, int]] = Field(
        {}, description="Fixed width: first and last character of each column, from 1."
    )

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, value: str) -> str:
        value = {"tab": "\t", r"\t": "\t"}.get(value, value)
        if len(value) != 1 or value in '"\r\n':
            raise SourceProblem(
                "skilletegnet er ett tegn (eller 'tab')",
                "the delimiter is one character (or 'tab')",
            )
        return value

    @field_validator("members")
    @classmethod
    def _readable_members(cls, value: str | None) -> str | None:
        return _pattern(value)

    @model_validator(mode="after")
    def _fits_type(self) -> Self:
        if self.decimal == self.thousands:
            raise SourceProblem(
                "desimaltegn og tusenskille er samme tegn",
                "decimal and thousands marks are the same",
            )
        if self.thousands is not None and self.type not in {"csv", "fixed", "xml"}:
            raise SourceProblem(
                "`thousands` er for tekstformater; tallene her har ingen skilletegn",
                "`thousands` is for text formats; numbers here have no marks",
                "thousands",
            )
        if self.type == "xml" and not self.record:
            raise SourceProblem(
                "en XML-kilde trenger `record`, stien til elementet som er en post",
                "an XML source needs `record`, the path of the record element",
            )
        if self.type == "fixed" and not self.fields:
            raise SourceProblem(
                "en kilde med fast bredde trenger `fields`: navn: [første, siste]",
                "a fixed-width source needs `fields`: name: [first, last]",
            )
        for name, (first, last) in self.fields.items():
            if not 1 <= first <= last:
                raise SourceProblem(
                    "første og siste tegn, talt fra 1",
                    "first and last character, counted from 1",
                    "fields",
                    name,
                )
        if self.members is not None and self.compression != "zip":
            raise SourceProblem(
                "`members` trenger compression: zip", "`members` needs compression: zip", "members"
            )
        return self

    @property
    def is_typed(self) -> bool:
        """Whether cells have types, so that a stamp needs no format."""
        return self.type in TYPED_FORMATS


class HeaderVariant(Strict):
    """Other names for the raw columns, in deliveries of `[valid_from, valid_to)`."""

    valid_from: dt.date | None = None
    valid_to: dt.date | None = Field(None, description="Exclusive.")
    rename: dict[str, str] = Field(description="Name in those files to the name used below.")

    def holds_on(self, day: dt.date) -> bool:
        """Whether these names are in force for a delivery of `day`."""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_to is None or day < self.valid_to
        )


class Clock(Strict):
    """The clock behind stamps that carry no offset."""

    zone: str = Field("Europe/Oslo", description="IANA name of the zone of naive stamps.")
    ambiguous: Literal["earliest", "latest"] = Field(
        "earliest",
        description="Which instant a stamp in the doubled October hour means. Flagged anyway.",
    )
    calendar: str = Field("Europe/Oslo", description="Zone whose calendar gives `event_date`.")

    @field_validator("zone", "calendar")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise SourceProblem(
                f"'{value}' er ikke en IANA-tidssone, som Europe/Oslo",
                f"'{value}' is not an IANA time zone, such as Europe/Oslo",
            ) from error
        return value


class Thresholds(Strict):
    """When a delivery as a whole is not believed."""

    max_reject_share: float = Field(0.5, ge=0, le=1, description="Above this it is refused.")
    min_rows: int = Field(1, ge=0, description="Fewer rows than this is not a day's activity.")
    min_rows_for_share: int = Field(20, ge=1, description="Smaller deliveries are let through.")
    min_volume_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Fewer rows than this share of the weekday's median are a warning.",
    )
    order_tolerance_seconds: float = Field(
        0, ge=0, description="Stamps may be out of order by this much."
    )


class Personal(Strict):
    """What becomes of a file with e-mail, coordinates, addresses or names in free columns."""

    email: Literal["warn", "refuse"] = "warn"
    coordinate: Literal["warn", "refuse"] = "warn"
    address: Literal["warn", "refuse"] = "warn"
    name: Literal["warn", "refuse"] = "warn"


def _pattern_of_name(value: str) -> None:
    try:
        re.compile(value)
    except re.error as error:
        raise _no_pattern(value, error) from error


class SourceSpec(Strict):
    """One source: an owner's extract and how it becomes contract records."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    contract: str
    owner: str = Field(description="Who answers for the data and receives the reject reports.")
    description: str = ""
    files: str = Field(description="Regular expression of the file name, with a group `date`.")
    date_format: str = Field("%Y-%m-%d", description="Format of the group `date`.")
    format: FileFormat
    clock: Clock = Clock()
    nulls: list[str] = Field([""], description="Texts that mean 'no value' in every column.")
    trim: bool = Field(True, description="White space around texts is taken away.")
    where: dict[str, Annotated[list[str], BeforeValidator(_as_list)]] = Field(
        {}, description="Only records with one of these texts in the raw column are of the source."
    )
    where_not: dict[str, Annotated[list[str], BeforeValidator(_as_list)]] = Field(
        {}, description="Records with one of these texts in the raw column are not of the source."
    )
    explode: list[dict[str, str]] = Field(
        [],
        description="Several units in one wide row: per unit, name used below to raw column. A "
        "unit whose columns are all empty gives no row.",
    )
    id_scope: Literal["system", "source"] = Field(
        "system",
        description="Where `source_id` is unique: in the whole source system, or in this source.",
    )
    shares_keys_with: list[str] = Field(
        [], description="Sources that deliver the same records, such as a predecessor."
    )
    personal: Personal = Personal()
    first_date: dt.date = Field(dt.date(2010, 1, 1), description="No stamp can be older.")
    thresholds: Thresholds = Thresholds()
    headers: list[HeaderVariant] = []
    columns: dict[str, ColumnMap]

    @field_validator("columns", mode="before")
    @classmethod
    def _plain_rename(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {
            name: {"from": item} if isinstance(item, str | list) else item
            for name, item in value.items()
        }

    @field_validator("contract")
    @classmethod
    def _records_only(cls, value: str) -> str:
        if value in {"aggregate", "daily", "daily_figures", "statistics"}:
            raise SourceProblem(
                "talte tall kan ikke være en kilde: definisjoner og persentiler trenger "
                "enkeltposter. Be eieren om én rad per anrop, oppdrag eller forespørsel",
                "counted figures cannot be a source: definitions and percentiles need single "
                "records. Ask the owner for one row per call, mission or request",
            )
        return value

    @field_validator("files")
    @classmethod
    def _has_date(cls, value: str) -> str:
        _pattern_of_name(value)
        if "date" not in re.compile(value).groupindex:
            raise SourceProblem(
                "filmønsteret trenger en gruppe (?P<date>...)",
                "the file pattern needs a group (?P<date>...)",
            )
        return value

    @model_validator(mode="after")
    def _can_be_meant(self) -> Self:
        # Not needed where a source file that was judged elsewhere is only used, and slow to import.
        from ingestion.sources.rules import problems

        if found := list(problems(self)):
            raise SourceProblems(found)
        return self

    @property
    def map_version(self) -> str:
        """Short hash of everything that decides how a file is read."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]

    def mapped_columns(self) -> list[str]:
        """Every raw column the map reads, in first-use order, as it is named after `explode`."""
        return self._columns[0]

    def raw_columns(self) -> list[str]:
        """Every raw column that must leave the reader, in first-use order."""
        return self._columns[1]

    def required_raw_columns(self) -> list[str]:
        """The raw columns every file must have."""
        return self._columns[2]

    def raw_columns_of(self, names: Iterable[str]) -> list[str]:
        """What the sender calls these contract columns; nothing for those without a raw column."""
        maps = (self.columns[name] for name in names if name in self.columns)
        return list(dict.fromkeys(raw for item in maps for raw in item.raw_columns()))

    @cached_property
    def _columns(self) -> tuple[list[str], list[str], list[str]]:
        """Mapped, raw and required columns: asked for several times a file, worked out once."""
        maps = self.columns.values()
        mapped = list(dict.fromkeys(raw for item in maps for raw in item.raw_columns()))
        required = list(dict.fromkeys(raw for item in maps for raw in item.required_raw_columns()))
        return mapped, self._in_file(mapped), self._in_file(required)

    def __copy__(self) -> Self:
        """A copy that may be changed: what was worked out of the original is not kept."""
        copied = super().__copy__()
        copied.__dict__.pop("_columns", None)
        return copied

    def _in_file(self, mapped: list[str]) -> list[str]:
        """The names in the file: those of the units of a wide row stand for the mapped ones."""
        if not self.explode:
            return list(dict.fromkeys([*mapped, *self.where, *self.where_not]))
        made = set(self.explode[0])
        plain = [name for name in mapped if name not in made]
        wide = [raw for part in self.explode for raw in part.values()]
        return list(dict.fromkeys([*plain, *wide, *self.where, *self.where_not]))

    def delivery_date(self, file_name: str) -> dt.date | None:
        """The date in the file name; None when the name does not fit the pattern."""
        match = re.fullmatch(self.files, file_name)
        if match is None or match["date"] is None:
            return None
        try:
            return dt.datetime.strptime(match["date"], self.date_format).date()
        except ValueError:
            return None

    def header_names(self, day: dt.date) -> dict[str, str]:
        """Renames of raw columns that are in force for a delivery of `day`."""
        renames: dict[str, str] = {}
        for variant in self.headers:
            if variant.holds_on(day):
                renames.update(variant.rename)
        return renames
