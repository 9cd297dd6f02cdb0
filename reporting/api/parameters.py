"""The parameters of the addresses, as they are described, checked and read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from reporting.dimensions import LEVELS
from reporting.metrics import kpi_query
from reporting.periods import GRAINS
from reporting.profiles import MEASURES
from reporting.query import PARENT_LEVELS, KpiQuery

MOST_ROWS = 10_000
_LONGEST_NAME = 120
_MOST_NAMES = 100
_FARTHEST = 1_000_000_000

Name = Annotated[str, Field(max_length=_LONGEST_NAME)]
Names = Annotated[list[Name], Field(max_length=_MOST_NAMES)]
# What there is, is told with near names by the query itself.
Level = Annotated[Name, Field(json_schema_extra={"enum": list(LEVELS)})]


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _no_count(given: object) -> object:
    """A number would be read as seconds, which the document does not offer."""
    if isinstance(given, str) and given.strip().lstrip("+-").replace(".", "", 1).isdecimal():
        raise ValueError("a date and time, as 2026-10-01T06:00:00Z")
    return given


Moment = Annotated[datetime, BeforeValidator(_no_count), AfterValidator(_in_utc)]


class Asked(BaseModel):
    """What every address takes. A parameter that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    release: Name | None = Field(
        None, description="Id of a release that `/releases` lists; the current one when not given."
    )


class Catalogued(Asked):
    """In which notation."""

    format: Literal["jsonld", "turtle"] | None = Field(None, description="Goes before `Accept`.")


class Listed(Asked):
    """What every address with rows takes."""

    format: Literal["json", "csv", "parquet"] | None = Field(
        None, description="Goes before `Accept`."
    )
    limit: int | None = Field(
        None,
        ge=1,
        le=MOST_ROWS,
        description=f"Rows of a page, {MOST_ROWS:,} when not given. Without it only JSON gives one "
        "page of several; the other formats give all or an error.",
    )
    offset: int = Field(0, ge=0, le=_FARTHEST, description="Rows before the page.")
    modified_after: Moment | None = Field(
        None,
        description="No rows unless the release was made after this moment (UTC where no zone is "
        "given). A release never changes.",
    )

    @property
    def size(self) -> int:
        """Rows of the page at most."""
        return self.limit or MOST_ROWS


class Units(Listed):
    """Of which level."""

    level: Level | None = Field(None, description="One kind of unit.")


class Kpis(Listed):
    """Found by which words."""

    search: str | None = Field(
        None, max_length=_LONGEST_NAME, description="Words in id, name and definition."
    )


class Definition(Asked):
    """Which version of a KPI."""

    format: Literal["json"] | None = Field(None, description="Goes before `Accept`.")
    version: int | None = Field(None, ge=1, le=9999, description="The newest when not given.")


class Readiness(Listed):
    """Which table, and which rows of it."""

    table: Literal["grades", "measures", "findings"] = Field(
        "grades",
        description="grades: A to D per record type, unit and period; measures: what they rest "
        "on; findings: what is wrong, since when, and what to do.",
    )
    contract: Names = Field([], description="Record types.")
    source: Names = Field([], description="Sources; of measures and findings.")
    level: Names = Field([], description="Kinds of unit; of grades and measures.")
    unit: Names = Field([], description="Ids of units or sources; of grades and measures.")
    grain: Names = Field([], description="Kinds of period; of grades and measures.")


class Hours(Listed):
    """Whose week, and of which weeks."""

    level: Annotated[list[Level], Field(max_length=_MOST_NAMES)] = Field(
        [], description="Kinds of unit; all when not given."
    )
    unit: Names = Field([], description="Ids or names of units; all when not given.")
    segment: Names = Field([], description="Segments; all when not given.")
    period: Name | None = Field(
        None,
        description="2026, 2026-T1, 2026-Q3 or 2026-09-R12; not given: the longest of those that "
        "ended last.",
        examples=["2026"],
    )


class Classes(Hours):
    """Which times, too."""

    measure: Annotated[
        list[Annotated[Name, Field(json_schema_extra={"enum": list(MEASURES)})]],
        Field(max_length=_MOST_NAMES),
    ] = Field([], description="Which times; both when not given.")


class Figures(Listed):
    """Which figures: the filters of `metrics.query`."""

    format: Literal["json", "csv", "parquet", "jsonstat"] | None = Field(  # type: ignore[assignment]
        None, description="Goes before `Accept`."
    )
    kpi: Names = Field([], description="KPI ids; all when not given.")
    level: Annotated[list[Level], Field(max_length=_MOST_NAMES)] = Field(
        [], description="Kinds of unit; all when not given."
    )
    unit: Names = Field([], description="Ids or names of units; all when not given.")
    segment: Names = Field([], description="Segments; all when not given.")
    by: list[Annotated[Name, Field(json_schema_extra={"enum": list(PARENT_LEVELS)})]] = Field(
        [],
        max_length=_MOST_NAMES,
        description="Adds the unit of that level that each unit belonged to in the period.",
    )
    period: Name | None = Field(
        None,
        description="2026, 2026-Q3, 2026-09, 2026-W40, 2026-09-15, or a span of them: 2025..2026.",
        examples=["2026-09"],
    )
    start: Name | None = Field(None, alias="from", description="First period of a span.")
    end: Name | None = Field(None, alias="to", description="Last period of a span, included.")
    grain: Annotated[Name, Field(json_schema_extra={"enum": [*GRAINS, "all"]})] | None = Field(
        None, description="Kind of period; not given: that of the period, else month."
    )
    version: str | None = Field(
        None,
        pattern=r"^(all|[1-9][0-9]{0,3})$",
        description="Version of the definition; not given: the one in force when the period began.",
    )
    geography: Name | None = Field(
        None, description="Municipal division; the present one when not given."
    )
    no_data: bool = Field(True, description="false leaves out cells for which there is nothing.")
    last_year: bool = Field(
        False, description="Adds the same period of the year before, the change and its interval."
    )

    def wanted(self, *, peers: bool = False, trends: bool = False) -> KpiQuery:
        """The query. What cannot be asked raises `QueryError` or `PeriodError`."""
        version: int | Literal["all"] | None = None
        if self.version is not None:
            version = "all" if self.version == "all" else int(self.version)
        return kpi_query(
            kpis=self.kpi,
            level=self.level,
            by=self.by,
            units=self.unit,
            segments=self.segment,
            period=self.period,
            grain=self.grain,
            start=self.start,
            end=self.end,
            peers=peers,
            trends=trends,
            last_year=self.last_year,
            version=version,
            geography=self.geography,
            no_data=self.no_data,
        )
