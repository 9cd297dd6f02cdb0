"""The shape of the KPI registry.

A family is one relation (a fact) with named measures over its rows and the KPIs built from them.
Numerators, denominators and the like are linear expressions over measures with whole-number
coefficients, such as `answered_valid + unanswered`; they are kept as data, so that SQL and the
disclosure control are both derived from the same expression.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Linear = dict[str, int]
"""Measure name to coefficient. A dotted name is a measure of another family."""

Kind = Literal[
    "count",
    "share",
    "ratio",
    "rate",
    "interval",
    "mean",
    "hours",
    "hours_count",
    "standardized",
    "excess",
]
Level = Literal[
    "national",
    "region",
    "health_trust",
    "county",
    "municipality",
    "central",
    "base",
    "source_system",
]
Subject = Literal["calls", "alarms", "video", "chain", "lat", "data_quality"]
Sensitivity = Literal["service", "activity", "person"]

MS_PER_UNIT = {"s": 1_000, "min": 60_000, "h": 3_600_000}

_NAME = r"[a-z][a-z0-9_]*"
# A measure of one segment, where an identity is about that segment only.
_SEGMENT = r"\[[A-Za-z0-9_]+\]"
_TERM = re.compile(rf"\s*([+-])?\s*(?:(\d+)\s*\*\s*)?({_NAME}(?:\.{_NAME})?(?:{_SEGMENT})?)")


def parse_linear(text: str) -> Linear:
    """The linear form of an expression such as `2 * a + b - other_family.c`."""
    form: Linear = {}
    position = 0
    while position < len(text.rstrip()):
        match = _TERM.match(text, position)
        if match is None or (position > 0 and match[1] is None):
            raise ValueError(f"not a sum of measures: {text!r}")
        coefficient = int(match[2] or 1) * (-1 if match[1] == "-" else 1)
        form[match[3]] = form.get(match[3], 0) + coefficient
        position = match.end()
    if not form:
        raise ValueError("an empty expression")
    return {name: coefficient for name, coefficient in form.items() if coefficient}


def format_linear(form: Mapping[str, int]) -> str:
    """The inverse of `parse_linear`."""
    text = ""
    for name, coefficient in form.items():
        sign = "-" if coefficient < 0 else "+"
        factor = "" if abs(coefficient) == 1 else f"{abs(coefficient)} * "
        text += f" {sign} {factor}{name}"
    return text.removeprefix(" + ").strip()


def parse_identity(text: str) -> Linear:
    """`a = b + c` as the form `a - b - c`, which is zero in every cell."""
    left, separator, right = text.partition("=")
    if not separator:
        raise ValueError(f"not an identity: {text!r}")
    form = parse_linear(left)
    for name, coefficient in parse_linear(right).items():
        form[name] = form.get(name, 0) - coefficient
    return {name: coefficient for name, coefficient in form.items() if coefficient}


def split_segment(name: str) -> tuple[str, str | None]:
    """The name of a measure, and the one segment that is meant where it says so."""
    measure, bracket, segment = name.partition("[")
    return measure, segment.removesuffix("]") if bracket else None


def _linear(value: Any) -> Any:
    return parse_linear(value) if isinstance(value, str) else value


def _identity(value: Any) -> Any:
    return parse_identity(value) if isinstance(value, str) else value


LinearText = Annotated[Linear, BeforeValidator(_linear, json_schema_input_type=str)]
IdentityText = Annotated[Linear, BeforeValidator(_identity, json_schema_input_type=str)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Measure(_Strict):
    """A named number per cell: rows where a predicate holds, a sum, or another aggregate."""

    nb: str = Field(min_length=1, description="What is measured, in bokmål.")
    en: str = Field(min_length=1, description="What is measured, in English.")
    sql: str | None = Field(None, description="Predicate; the measure is the number of rows.")
    sum: str | None = Field(None, description="Whole-number column; the measure is its sum.")
    expression: str | None = Field(None, description="Any other SQL aggregate.")
    parts: int = Field(
        1, ge=1, description="The sum counts parts of what is measured, this many to one."
    )

    @model_validator(mode="after")
    def _one_definition(self) -> Measure:
        if sum(part is not None for part in (self.sql, self.sum, self.expression)) > 1:
            raise ValueError("one of sql, sum and expression")
        if self.parts > 1 and self.sum is None:
            raise ValueError("only a sum counts in parts")
        return self

    @property
    def is_stored(self) -> bool:
        """False for a measure that the relation brings with it (an exposure or an expectation)."""
        return self.sql is not None or self.sum is not None or self.expression is not None


class Percentile(_Strict):
    """One percentile of a duration column of the family."""

    column: str
    at: float = Field(gt=0, lt=1)


class Exclusion(_Strict):
    """Something that does not count, named once and used by many KPIs."""

    nb: str
    en: str


class Kpi(_Strict):
    """One version of one KPI."""

    id: str = Field(pattern=rf"^{_NAME}$")
    number: int = Field(ge=1, description="Number in the catalogue.")
    version: int = Field(1, ge=1, description="Raised when a change of definition changes figures.")
    kind: Kind
    sensitivity: Sensitivity = Field(
        description="What the figure tells about: how a service works, how much it does, or "
        "persons. Decides what of it is hidden; that of the family where left out."
    )
    numerator: LinearText = Field(default_factory=dict)
    denominator: LinearText = Field(default_factory=dict)
    observations: LinearText = Field(
        default_factory=dict,
        description="n; for durations the number of them, else the denominator or the count.",
    )
    known: LinearText = Field(
        default_factory=dict, description="Numerator of the coverage; n where it is left out."
    )
    base: LinearText = Field(
        default_factory=dict, description="Denominator of the coverage; complete where left out."
    )
    percentile: Percentile | None = None
    scale: float | None = Field(None, description="Factor of a ratio or rate.")
    name_nb: str
    name_en: str
    definition_nb: str
    definition_en: str
    formula: str
    exclusions: tuple[str, ...] = Field((), description="Names of exclusions of the family.")
    unit: Literal["n", "%", "s", "min", "h", "per 100", "per 1000", "per hendelse", "O/E"]
    direction: Literal["up", "down", "neutral"]
    target: float | None = None
    target_source: str | None = None
    levels: tuple[Level, ...] = Field(min_length=1)
    segments: tuple[str, ...] = Field(min_length=1)
    peer_group: tuple[
        Literal[
            "amk_volume", "lvs_population", "urban_centrality", "aircraft_type", "source_system"
        ],
        ...,
    ] = Field(min_length=1)
    min_denominator: int = Field(20, ge=0)
    why_nb: str
    why_en: str
    change_nb: str | None = Field(None, description="What this version changed, in bokmål.")
    change_en: str | None = Field(None, description="What this version changed, in English.")
    owner: str
    valid_from: date
    status: Literal["active", "no_source"] = "active"
    status_reason_nb: str | None = None
    status_reason_en: str | None = None
    # Filled from the family when the registry is loaded.
    family: str = ""
    subject: str = ""
    contract: str = ""

    @model_validator(mode="after")
    def _complete(self) -> Kpi:
        if (self.target is None) != (self.target_source is None):
            raise ValueError(f"{self.id}: a target names its source, and only a target does")
        if self.status == "no_source":
            if not self.status_reason_nb or not self.status_reason_en:
                raise ValueError(f"{self.id}: says why it has no source, in both languages")
            return self
        needs: dict[str, tuple[str, ...]] = {
            "count": ("numerator",),
            "share": ("numerator", "denominator"),
            "ratio": ("numerator", "denominator"),
            "rate": ("numerator", "denominator"),
            "interval": ("observations", "base", "percentile"),
            "mean": ("numerator", "observations", "base"),
            "hours": ("numerator", "denominator", "observations", "known"),
            "hours_count": ("numerator", "observations", "known", "base"),
            "standardized": ("numerator", "denominator", "observations"),
            "excess": ("numerator", "denominator"),
        }
        for name in needs[self.kind]:
            if not getattr(self, name):
                raise ValueError(f"{self.id}: a KPI of kind {self.kind} needs {name}")
        return self

    @property
    def key(self) -> tuple[str, int]:
        """What identifies the version: id and version number."""
        return self.id, self.version

    @property
    def n(self) -> Linear:
        """The linear form of the number of observations."""
        if self.observations:
            return self.observations
        return self.numerator if self.kind in ("count", "rate") else self.denominator

    @property
    def known_form(self) -> Linear:
        """The linear form of the numerator of the coverage."""
        return self.known or self.n

    @property
    def factor(self) -> float:
        """What numerator over denominator is multiplied with."""
        default = {"share": 100.0, "hours": 100.0, "excess": 100.0, "rate": 1000.0}
        return self.scale if self.scale is not None else default.get(self.kind, 1.0)

    @property
    def forms(self) -> Iterator[Linear]:
        """Every linear form of the definition."""
        yield from (
            form
            for form in (
                self.numerator,
                self.denominator,
                self.observations,
                self.known,
                self.base,
            )
            if form
        )


class Family(_Strict):
    """One relation, its measures and the KPIs over them."""

    family: str = Field(pattern=rf"^{_NAME}$")
    subject: Subject = Field(description="What the KPIs are about; decides their expected units.")
    sensitivity: Sensitivity | None = Field(None, description="That of KPIs that state none.")
    contract: str = Field(description="Record type whose deliveries span the periods.")
    fact: str = Field(description="Model whose rows are measured.")
    scope: str | None = Field(None, description="Predicate of the rows that are measured; all.")
    aggregate: str = Field(description="Model with the measures per cell.")
    description_nb: str
    description_en: str
    segment: str | None = Field(None, description="Column with the segment; none means 'all'.")
    units: dict[Level, str | None] = Field(
        description="Level to the column with its units; national has none."
    )
    measures: dict[str, Measure]
    identities: tuple[IdentityText, ...] = ()
    percentiles: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    exclusions: dict[str, Exclusion] = Field(default_factory=dict)
    kpis: tuple[Kpi, ...]

    @model_validator(mode="before")
    @classmethod
    def _pass_on(cls, value: Any) -> Any:
        """KPIs know their family."""
        if isinstance(value, Mapping):
            shared = {name: value.get(name, "") for name in ("family", "subject", "contract")}
            default = {"sensitivity": value["sensitivity"]} if value.get("sensitivity") else {}
            return {
                **value,
                "kpis": [
                    {**default, **kpi, **shared} if isinstance(kpi, Mapping) else kpi
                    for kpi in value.get("kpis", ())
                ],
            }
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Family:
        for kpi in self.kpis:
            strangers = {name for name in kpi.exclusions if name not in self.exclusions}
            strangers |= {level for level in kpi.levels if level not in self.units}
            if strangers:
                raise ValueError(f"{kpi.id}: unknown to the family: {sorted(strangers)}")
            if kpi.percentile is not None and kpi.percentile.at not in self.percentiles.get(
                kpi.percentile.column, ()
            ):
                raise ValueError(f"{kpi.id}: percentile {kpi.percentile} is not computed")
        return self


class Registry:
    """Every family and KPI; checked for references across families."""

    def __init__(self, families: Mapping[str, Family]) -> None:
        self.families = dict(families)
        self.kpis = tuple(
            sorted(
                (kpi for family in families.values() for kpi in family.kpis),
                key=lambda kpi: (kpi.number, kpi.version),
            )
        )
        self._check()

    def _check(self) -> None:
        keys = [kpi.key for kpi in self.kpis]
        if len(keys) != len(set(keys)):
            raise ValueError(
                f"listed twice: {sorted({key for key in keys if keys.count(key) > 1})}"
            )
        numbers: dict[int, str] = {}
        for kpi in self.kpis:
            if numbers.setdefault(kpi.number, kpi.id) != kpi.id:
                raise ValueError(f"number {kpi.number} belongs to {numbers[kpi.number]}")
            for form in kpi.forms:
                for name in form:
                    self.measure(kpi.family, name)
        for family in self.families.values():
            for identity in family.identities:
                for name in identity:
                    self.measure(family.family, name)

    def measure(self, family: str, name: str) -> Measure:
        """A measure by its name within a family, or by its dotted name."""
        owner, _, bare = split_segment(name)[0].rpartition(".")
        try:
            return self.families[owner or family].measures[bare]
        except KeyError:
            raise ValueError(f"no measure {name} (in family {family})") from None

    @cached_property
    def _versions(self) -> dict[str, list[Kpi]]:
        versions: dict[str, list[Kpi]] = {}
        for kpi in self.kpis:
            versions.setdefault(kpi.id, []).append(kpi)
        return versions

    @property
    def active(self) -> tuple[Kpi, ...]:
        """The versions that are computed."""
        return tuple(kpi for kpi in self.kpis if kpi.status == "active")

    def versions(self, kpi_id: str) -> tuple[Kpi, ...]:
        """Every version of a KPI, the oldest first."""
        return tuple(self._versions[kpi_id])

    def kpi(self, kpi_id: str, version: int | None = None) -> Kpi:
        """One version of a KPI; the newest when none is named."""
        versions = self._versions[kpi_id]
        if version is None:
            return versions[-1]
        return next(kpi for kpi in versions if kpi.version == version)

    def official(self, kpi_id: str, on: date) -> Kpi:
        """The version that counts for a period starting on a date.

        A correction has the date of what it corrects, and so counts for all its periods.
        """
        versions = self._versions[kpi_id]
        first = min(kpi.valid_from for kpi in versions)
        return next(k for k in reversed(versions) if k.valid_from <= max(on, first))

    def texts(self, kpi: Kpi, form: Mapping[str, int], language: Literal["nb", "en"]) -> str:
        """A linear form in words, from the texts of its measures."""
        words = ""
        for name, coefficient in form.items():
            factor = "" if abs(coefficient) == 1 else f"{abs(coefficient)} × "
            sign = "−" if coefficient < 0 else "+"
            words += f" {sign} {factor}{getattr(self.measure(kpi.family, name), language)}"
        return words.removeprefix(" + ").strip()
