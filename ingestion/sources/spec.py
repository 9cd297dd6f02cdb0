"""The language of a source file: what a YAML under `ingestion/sources/` may say.

A source says where its files are, how they are written, how its clock runs and which of its
columns fill which column of the contract. What it does not name never leaves the reader.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from contracts import CONTRACTS


class Strict(BaseModel):
    """A model that refuses words it does not know, so that a typing error is found at once."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


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

    join: str = Field(" ", description="Text between joined columns.")
    codes: dict[str, Any] | list[DatedCodes] | None = Field(
        None, description="Raw code to contract code; the key '*' is for every other value."
    )
    format: str | None = Field(None, description="strftime format of a text timestamp.")
    utc: bool = Field(False, description="The stamp is UTC although it says no offset.")
    epoch: Literal["s", "ms", "us"] | None = Field(None, description="Number since 1970 in UTC.")
    after: str | None = Field(
        None, description="The number is an interval after this contract timestamp."
    )
    unit: Literal["s", "min", "ms"] = Field("s", description="Unit of `after`.")
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
        ]
        if sum(origins) != 1:
            raise ValueError(
                "a column takes exactly one of: from, constant, any_of, coalesce, "
                "hours_after_delivery"
            )
        if any(part.after is not None for part in self.coalesce):
            raise ValueError("an interval (after) cannot be one of several (coalesce)")
        return self

    def raw_columns(self) -> Iterator[str]:
        """Every raw column this map reads."""
        yield from self.from_
        yield from self.any_of
        for part in self.coalesce:
            yield from part.raw_columns()

    def required_raw_columns(self) -> Iterator[str]:
        """The raw columns a file must have."""
        if self.optional:
            return
        yield from self.from_
        yield from self.any_of
        for part in self.coalesce:
            yield from part.required_raw_columns()


class FileFormat(Strict):
    """How the file is written."""

    type: Literal["csv", "jsonl", "xlsx", "parquet"]
    encoding: Literal["utf-8", "cp1252"] = "utf-8"
    delimiter: str = ";"
    decimal: Literal[".", ","] = "."
    compression: Literal["none", "gzip", "zip"] = "none"
    sheet: str | None = Field(None, description="Excel sheet; the first one when not given.")
    header_row: int = Field(1, ge=1, description="1-based row that holds the column names.")

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, value: str) -> str:
        value = {"tab": "\t", r"\t": "\t"}.get(value, value)
        if len(value) != 1:
            raise ValueError("the delimiter is one character (or 'tab')")
        return value


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
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"'{value}' is not an IANA time zone") from error
        return value


class Thresholds(Strict):
    """When a delivery as a whole is not believed."""

    max_reject_share: float = Field(0.5, ge=0, le=1, description="Above this it is refused.")
    min_rows: int = Field(1, ge=0, description="Fewer rows than this is not a day's activity.")
    min_rows_for_share: int = Field(20, ge=1, description="Smaller deliveries are let through.")


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

    @field_validator("files")
    @classmethod
    def _has_date(cls, value: str) -> str:
        if "date" not in re.compile(value).groupindex:
            raise ValueError("the file pattern needs a group (?P<date>...)")
        return value

    @model_validator(mode="after")
    def _fits_contract(self) -> Self:
        contract = CONTRACTS.get(self.contract)
        if contract is None:
            raise ValueError(f"contract '{self.contract}' is not one of {sorted(CONTRACTS)}")
        unknown = sorted(set(self.columns) - set(contract.columns))
        if unknown:
            raise ValueError(f"not columns of contract '{self.contract}': {', '.join(unknown)}")
        unfilled = [
            column.name
            for column in contract.columns.values()
            if column.required and column.default is None and column.name not in self.columns
        ]
        derived = {"extract_at", "urgency_changed"}
        missing = [name for name in unfilled if name not in derived]
        if missing:
            raise ValueError(
                f"contract '{self.contract}' requires columns that are not mapped: "
                f"{', '.join(missing)}"
            )
        for name, column in self.columns.items():
            for other in (column.after, column.next_day_if_before):
                if other is not None and other not in self.columns:
                    raise ValueError(f"column '{name}' refers to '{other}', which is not mapped")
        return self

    @property
    def map_version(self) -> str:
        """Short hash of everything that decides how a file is read."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]

    def raw_columns(self) -> list[str]:
        """Every raw column the map reads, in first-use order."""
        names = (raw for column in self.columns.values() for raw in column.raw_columns())
        return list(dict.fromkeys(names))

    def required_raw_columns(self) -> list[str]:
        """The raw columns every file must have."""
        names = (raw for column in self.columns.values() for raw in column.required_raw_columns())
        return list(dict.fromkeys(names))

    def delivery_date(self, file_name: str) -> dt.date | None:
        """The date in the file name; None when the name does not fit the pattern."""
        match = re.fullmatch(self.files, file_name)
        if match is None:
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
