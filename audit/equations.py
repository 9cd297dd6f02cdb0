"""What anyone with the files of a release knows about its numbers, as linear equations.

Unknown is every measure (a named count or sum of the registry) in every cell: family, segment,
level, unit and period. Known are the numbers that rows show, what identities say about measures of
one cell, and how measures add up over units and over time. Where levels are released per week and
month only, the pieces of weeks that lie in one month (`span`) are unknowns that tie the two.

Nothing here comes from the disclosure control; the rules are those of the released files.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

from audit import definitions, readiness

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Form = dict[str, int]
KEY = ("kpi_id", "kpi_version", "segment", "period_grain", "period_start", "level", "unit_id")
NUMBERS = ("numerator", "denominator", "n", "coverage")
# Of percentiles: the value, and its limits.
VALUES = ("value", "lower", "upper")
UNKNOWN = "UNKNOWN"
PUBLIC = frozenset(
    {"person_years", "resources", "cancellation_unknown", "transfer_unknown", "reason_unknown"}
)
HOURS = frozenset({"hours", "hours_count"})
# Kinds whose numerator is a part of the denominator.
PARTS = frozenset({"share", "hours", "excess"})
# Grain to the grains it is the sum of, the preferred one first.
_PARTS = {
    "week": ("day", "span"),
    "span": ("day",),
    "month": ("day", "span"),
    "quarter": ("month",),
    "tertial": ("month",),
    "year": ("quarter", "month"),
    "ytd": ("month",),
    "rolling12": ("month",),
}
# Months from the day that names a period to its end.
_MONTHS = {"month": 1, "quarter": 3, "tertial": 4, "year": 12, "ytd": 1, "rolling12": 1}
_LINKS = {
    "level": pl.String,
    "unit_id": pl.String,
    "parent_level": pl.String,
    "parent_id": pl.String,
    "valid_from": pl.Date,
    "valid_to": pl.Date,
}
_AREAS = ("county", "health_trust")
_POINTS = ("central", "base")
_Z_95 = 1.959963984540054
_TERM = re.compile(r"([+-]?)\s*(?:(\d+)\s*\*\s*)?([a-z_][a-z0-9_.]*)")


@dataclass(frozen=True)
class Kpi:
    """What the rows of a KPI show, as sums of measures."""

    kpi_id: str
    version: int
    family: str
    kind: str
    numerator: Form
    denominator: Form
    n: Form
    known: Form
    base: Form
    # What it tells about; of a release that does not say, the strictest.
    sensitivity: str = "person"


@dataclass(frozen=True)
class Asked:
    """From how much on a number may be known, as the release states it; zero asks for nothing."""

    min_count: int = 0
    min_denominator: int = 0
    min_part: int = 0
    is_basis_secret: bool = True


@dataclass(frozen=True)
class Release:
    """The tables of a release that tell about numbers."""

    values: pl.DataFrame
    kpis: tuple[Kpi, ...]
    parents: pl.DataFrame
    policy: dict[str, Any]
    # What an earlier release has shown, and this one no longer repeats.
    withdrawn: frozenset[tuple[Any, ...]] = frozenset()
    # What is told about the rows that figures rest on, where the release has it.
    readiness: pl.DataFrame | None = None

    def rows_per_step(self) -> int:
        """So many rows at least are a step in which shares of rows are told."""
        stated = self.policy.get("too_small", {}).get("service", self.policy)
        return int(stated.get("min_denominator", 10))

    def asked(self, kpi: Kpi, level: str) -> Asked:
        """What counts as too small in the figures of a KPI at a level."""
        stated = self.policy.get("too_small")
        if stated is None:  # one rule for all figures
            count = int(self.policy.get("min_count", 5))
            return Asked(count, int(self.policy.get("min_denominator", 10)), count)
        rule = stated[kpi.sensitivity]
        rule = stated[rule.get("at", {}).get(level, kpi.sensitivity)]
        return Asked(**{name: rule[name] for name in Asked.__annotations__ if name in rule})


@dataclass
class Block:
    """The unknowns of a family, segment and level: measure by unit by period."""

    family: str
    segment: str
    level: str
    measures: list[str]
    units: list[str]
    periods: list[tuple[str, date]]
    offset: int
    unit_at: dict[str, int] = field(init=False)
    period_at: dict[tuple[str, date], int] = field(init=False)
    measure_at: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.unit_at = {u: i for i, u in enumerate(self.units)}
        self.period_at = {p: i for i, p in enumerate(self.periods)}
        self.measure_at = {m: i for i, m in enumerate(self.measures)}

    @property
    def size(self) -> int:
        return len(self.measures) * len(self.units) * len(self.periods)

    def index(self, measure: str, units: Ints, periods: Ints) -> Ints:
        """Numbers of the unknowns of a measure."""
        at = self.measure_at[measure] * len(self.units) + units
        return np.asarray(self.offset + at * len(self.periods) + periods, dtype=np.int64)


@dataclass
class System:
    """Equations `matrix @ x = right`, each with the class it belongs to."""

    blocks: dict[tuple[str, str, str], Block]
    matrix: sparse.csr_matrix
    right: Floats
    kind: Ints
    group: Ints
    kinds: list[tuple[str, ...]]
    zero: Bools
    values: pl.DataFrame


def read(folder: Path) -> Release:
    """A release as anyone can read it."""
    metadata = folder / "metadata.json"
    policy: dict[str, Any] = {}
    if metadata.is_file():
        policy = json.loads(metadata.read_text()).get("suppression") or {}
    withdrawn, hierarchy, ready = (
        folder / f"{name}.parquet" for name in ("withdrawn", "unit_hierarchy", "data_readiness")
    )
    figures = folder / "kpi_values.parquet"
    held = pl.read_parquet_schema(figures)
    names = [name for name in (*KEY, *NUMBERS, *VALUES, "status") if name in held]
    return of_frames(
        pl.read_parquet(figures, columns=names),
        pl.read_parquet(folder / "kpi_registry.parquet"),
        pl.read_parquet(hierarchy) if hierarchy.is_file() else None,
        policy,
        pl.read_parquet(withdrawn, columns=list(KEY)) if withdrawn.is_file() else None,
        pl.read_parquet(ready) if ready.is_file() else None,
    )


def of_frames(
    values: pl.DataFrame,
    registry: pl.DataFrame,
    parents: pl.DataFrame | None,
    policy: dict[str, Any],
    withdrawn: pl.DataFrame | None = None,
    ready: pl.DataFrame | None = None,
) -> Release:
    """A release from its tables: figures, definitions, which unit lies in which, what is small.

    Where it is not said which unit lies in which, units add up to the country only. Figures may
    come without the limits of percentiles. `ready` is the table data_readiness.
    """
    texts = ("kpi_id", "segment", "period_grain", "level", "unit_id", "status")
    missing = [name for name in VALUES if name not in values.columns]
    values = values.with_columns(
        pl.col(texts).cast(pl.String), *(pl.lit(None, pl.Float64).alias(name) for name in missing)
    )
    kpis = []
    for row in registry.filter(pl.col("status") == "active").iter_rows(named=True):
        forms = {
            name: _form(row["relation"], row[f"{column}_measures"])
            for name, column in (
                ("numerator", "numerator"),
                ("denominator", "denominator"),
                ("n", "observation"),
                ("known", "known"),
                ("base", "base"),
            )
        }
        kpis.append(
            Kpi(
                row["kpi_id"],
                int(row["version"]),
                row["relation"],
                row["measure"],
                **forms,
                sensitivity=row.get("sensitivity") or "person",
            )
        )
    gone = set() if withdrawn is None else set(withdrawn.select(KEY).iter_rows())
    links = pl.DataFrame(schema=_LINKS) if parents is None else parents.select(list(_LINKS))
    return Release(values, tuple(kpis), links, policy, frozenset(gone), ready)


def _form(family: str, text: str | None) -> Form:
    form: Form = {}
    for sign, factor, name in _TERM.findall(text or ""):
        if name.rpartition(".")[2] in PUBLIC:
            continue
        full = name if "." in name else f"{family}.{name}"
        form[full] = form.get(full, 0) + int(factor or 1) * (-1 if sign == "-" else 1)
    return form


def identities() -> dict[str, list[Form]]:
    """Per family: sums of measures that are zero in every cell."""
    found: dict[str, list[Form]] = {}
    for family, spec in definitions.families().items():
        for text in spec.get("identities") or ():
            left, _, right = text.partition("=")
            form = _form(family, left)
            for name, factor in _form(family, right).items():
                form[name] = form.get(name, 0) - factor
            found.setdefault(family, []).append(form)
    return found


def same_places() -> dict[str, str]:
    """Families whose events are those of another: what is no rule for one is none for the other."""
    found = {}
    for family, forms in identities().items():
        for form in forms:
            others = {name.partition(".")[0] for name in form} - {family}
            if len(form) == 2 and others:
                found[family] = others.pop()
    return found


def families(release: Release) -> list[tuple[str, ...]]:
    """Families that share measures, together."""
    linked = {kpi.family: {kpi.family} for kpi in release.kpis}
    names = [
        (kpi.family, name)
        for kpi in release.kpis
        for form in (kpi.numerator, kpi.denominator, kpi.n, kpi.known, kpi.base)
        for name in form
    ]
    names += [(family, name) for family, forms in identities().items() for f in forms for name in f]
    for family, name in names:
        other = name.partition(".")[0]
        if family in linked and other in linked:
            merged = linked[family] | linked[other]
            for member in merged:
                linked[member] = merged
    return sorted({tuple(sorted(members)) for members in linked.values()})


def end_of(grain: str, start: date) -> date:
    """The last day of a period."""
    if grain == "day":
        return start
    if grain == "week":
        return start + timedelta(days=6)
    return _months_on(start, _MONTHS[grain]) - timedelta(days=1)


def first_of(grain: str, start: date) -> date:
    """The first day of a period. Running ones are named by their last month."""
    if grain == "ytd":
        return start.replace(month=1)
    return _months_on(start, -11) if grain == "rolling12" else start


def _months_on(day: date, months: int) -> date:
    total = day.year * 12 + day.month - 1 + months
    return date(total // 12, total % 12 + 1, 1)


def spans(first: date, last: date) -> list[date]:
    """First days of the pieces of weeks within months."""
    days = (first + timedelta(days=i) for i in range((last - first).days + 1))
    return [day for day in days if day == first or day.day == 1 or day.weekday() == 0]


class _Builder:
    def __init__(self) -> None:
        self.rows: list[Ints] = []
        self.columns: list[Ints] = []
        self.factors: list[Floats] = []
        self.right: list[Floats] = []
        self.kind: list[Ints] = []
        self.group: list[Ints] = []
        self.count = 0
        # Unknowns beside the measures: what is left of a whole beside its parts.
        self.slacks = 0
        self.kinds: dict[tuple[str, ...], int] = {}
        self.groups: dict[str, int] = {}

    def add(
        self,
        kind: tuple[str, ...],
        group: str,
        terms: Sequence[tuple[Ints, Floats | float]],
        right: Floats,
    ) -> None:
        """Equations of one class; each term gives one unknown, and its factor, per equation."""
        size = right.size
        if not size:
            return
        at = np.arange(self.count, self.count + size)
        for columns, factor in terms:
            self.rows.append(at)
            self.columns.append(columns)
            self.factors.append(np.broadcast_to(np.asarray(factor, dtype=float), (size,)))
        self.right.append(right)
        number = self.kinds.setdefault(kind, len(self.kinds))
        place = self.groups.setdefault(group, len(self.groups))
        self.kind.append(np.full(size, number))
        self.group.append(np.full(size, place))
        self.count += size

    def add_least(
        self,
        kind: tuple[str, ...],
        terms: Sequence[tuple[Ints, Floats | float]],
        least: Floats,
        offset: int,
    ) -> None:
        """Sums that are at least so much: what they are more is an unknown of its own."""
        columns = offset + self.slacks + np.arange(least.size)
        self.slacks += least.size
        self.add(kind, "", [*terms, (columns, -1.0)], least)

    def system(self, blocks: dict[tuple[str, str, str], Block], values: pl.DataFrame) -> System:
        size = sum(block.size for block in blocks.values()) + self.slacks
        none = np.zeros(0, dtype=np.int64)
        matrix = sparse.coo_matrix(
            (
                np.concatenate([*self.factors, none.astype(float)]),
                (np.concatenate([*self.rows, none]), np.concatenate([*self.columns, none])),
            ),
            shape=(self.count, size),
        ).tocsr()
        return System(
            blocks,
            matrix,
            np.concatenate([*self.right, none.astype(float)]),
            np.concatenate([*self.kind, none]),
            np.concatenate([*self.group, none]),
            list(self.kinds),
            np.zeros(size, dtype=np.bool_),
            values,
        )


def build(
    release: Release,
    members: tuple[str, ...],
    earlier: Release | None = None,
    *,
    changed_only: bool = False,
) -> System:
    """Everything that is known about the numbers of some families that belong together.

    `changed_only`: of the periods that have changed since the earlier release, and their parts.
    """
    kpis = [kpi for kpi in release.kpis if kpi.family in members]
    ids = pl.DataFrame(
        [(k.kpi_id, k.version, k.family) for k in kpis],
        schema={"kpi_id": pl.String, "kpi_version": pl.Int32, "family": pl.String},
        orient="row",
    )
    values = release.values.join(ids, on=["kpi_id", "kpi_version"])
    everything = _periods(values)
    if changed_only and earlier is not None:
        values = _touched(values, earlier.values.join(ids, on=["kpi_id", "kpi_version"]))
    blocks = _blocks(values, kpis, everything)
    builder = _Builder()
    size = sum(block.size for block in blocks.values())
    for kpi in kpis:
        _shown(builder, blocks, kpi, values, "shown")
        if earlier is not None:
            _shown(builder, blocks, kpi, _unchanged(values, earlier, ids), "earlier")
    for block in blocks.values():
        _identities(builder, block)
        _parts(builder, block, kpis, size)
        _over_time(builder, block, everything[block.family, block.segment, block.level])
    _over_units(builder, blocks, release)
    _between_families(builder, blocks)
    for kpi in kpis:
        _percentile(builder, blocks, kpi, values, size)
    _readiness(builder, blocks, release, values, size)
    system = builder.system(blocks, values)
    for block in blocks.values():
        _absent(system, block, values)
    return system


Periods = set[tuple[str, date]]


def _periods(values: pl.DataFrame) -> dict[tuple[str, str, str], Periods]:
    """The periods per family, segment and level; pieces of weeks too, where there are weeks."""
    found: dict[tuple[str, str, str], Periods] = {}
    for key, frame in values.partition_by(["family", "segment", "level"], as_dict=True).items():
        periods = set(frame.select("period_grain", "period_start").unique().iter_rows())
        if any(grain == "week" for grain, _ in periods):
            first = min(start for _, start in periods)
            last = max(end_of(grain, start) for grain, start in periods)
            periods |= {("span", start) for start in spans(first, last)}
        family, segment, level = (str(name) for name in key)
        found[family, segment, level] = periods
    return found


def _touched(values: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """The rows in periods in which any row has changed, and in the parts of these periods."""
    names = [*KEY, *NUMBERS, "status"]
    types = {name: values.schema[name] for name in names}
    same = before.select(pl.col(name).cast(dtype) for name, dtype in types.items())
    new = values.select(names).join(same, on=names, how="anti", nulls_equal=True)
    changed = set(new.select("period_grain", "period_start").unique().iter_rows())
    every = set(values.select("period_grain", "period_start").unique().iter_rows())
    wanted = set(changed)
    for grain, start in changed:
        first, last = first_of(grain, start), end_of(grain, start)
        shorter = {"day", "week"} if grain == "month" else set(_PARTS.get(grain, ()))
        wanted |= {
            (part, day)
            for part, day in every
            if part in shorter and first_of(part, day) <= last and end_of(part, day) >= first
        }
    kept = pl.DataFrame(
        sorted(wanted), schema={"period_grain": pl.String, "period_start": pl.Date}, orient="row"
    )
    return values.join(kept, on=["period_grain", "period_start"], how="semi")


def _blocks(
    values: pl.DataFrame, kpis: list[Kpi], everything: dict[tuple[str, str, str], Periods]
) -> dict[tuple[str, str, str], Block]:
    measures: dict[str, set[str]] = defaultdict(set)
    for kpi in kpis:
        for form in (kpi.numerator, kpi.denominator, kpi.n, kpi.known, kpi.base):
            measures[kpi.family].update(form)
    for family, forms in identities().items():
        if family in measures:
            measures[family].update(name for form in forms for name in form)
    blocks: dict[tuple[str, str, str], Block] = {}
    offset = 0
    keys = ["family", "segment", "level"]
    for key, frame in sorted(values.partition_by(keys, as_dict=True).items()):
        family, segment, level = (str(name) for name in key)
        units = set(frame["unit_id"].unique())
        if level != "national":
            units.add(UNKNOWN)
        periods = set(frame.select("period_grain", "period_start").unique().iter_rows())
        held = [(first_of(*p), end_of(*p)) for p in periods if p[0] in ("week", "month")]
        periods |= {
            (grain, start)
            for grain, start in everything[family, segment, level]
            if grain == "span" and any(first <= start <= last for first, last in held)
        }
        block = Block(
            family, segment, level, sorted(measures[family]), sorted(units), sorted(periods), offset
        )
        blocks[family, segment, level] = block
        offset += block.size
    return blocks


def locate(block: Block, frame: pl.DataFrame) -> tuple[Ints, Ints, Bools]:
    """Where the rows of a frame are in a block, and whether they are."""
    units = np.array([block.unit_at.get(u, -1) for u in frame["unit_id"]], dtype=np.int64)
    periods = np.array(
        [block.period_at.get(p, -1) for p in frame.select("period_grain", "period_start").rows()],
        dtype=np.int64,
    )
    return units, periods, (units >= 0) & (periods >= 0)


def _shown(
    builder: _Builder,
    blocks: dict[tuple[str, str, str], Block],
    kpi: Kpi,
    values: pl.DataFrame,
    source: str,
) -> None:
    """The numbers of the rows that show them. A row without data shows zeros."""
    mine = values.filter(
        (pl.col("kpi_id") == kpi.kpi_id)
        & (pl.col("kpi_version") == kpi.version)
        & (pl.col("status") != "suppressed")
    )
    for (segment, level), frame in mine.partition_by(["segment", "level"], as_dict=True).items():
        block = blocks[kpi.family, str(segment), str(level)]
        units, periods, found = locate(block, frame)
        empty = (frame["status"] == "no_data").to_numpy()
        numbers = {
            name: frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in NUMBERS
        }

        def show(
            name: str,
            form: Form,
            right: Floats,
            rows: Bools,
            block: Block = block,
            units: Ints = units,
            periods: Ints = periods,
            level: object = level,
            found: Bools = found,
        ) -> None:
            rows = rows & found & ~np.isnan(right)
            if form and rows.any():
                terms = [
                    (block.index(m, units[rows], periods[rows]), float(f)) for m, f in form.items()
                ]
                kind = (source, name, kpi.kpi_id, block.segment, str(level))
                builder.add(kind, "", terms, right[rows])

        everywhere = np.ones(frame.height, dtype=np.bool_)
        for name, form in (
            ("numerator", kpi.numerator),
            ("denominator", kpi.denominator),
            ("n", kpi.n),
        ):
            right = numbers[name]
            show(name, form, right, everywhere)
            show(f"{name} of nothing", form, np.zeros(frame.height), empty & np.isnan(right))
        coverage, n = numbers["coverage"], numbers["n"]
        if not kpi.base:
            continue
        if kpi.kind in HOURS:
            known = ~np.isnan(coverage) & found
            terms: list[tuple[Ints, Floats | float]] = [
                (block.index(m, units[known], periods[known]), float(f))
                for m, f in kpi.known.items()
            ]
            terms += [
                (block.index(m, units[known], periods[known]), -f * coverage[known])
                for m, f in kpi.base.items()
            ]
            kind = (source, "coverage", kpi.kpi_id, block.segment, str(level))
            builder.add(kind, "", terms, np.zeros(int(known.sum())))
        elif kpi.known == kpi.n:
            with np.errstate(divide="ignore", invalid="ignore"):
                base = n / coverage
            show("base", kpi.base, np.rint(base), (coverage > 0) & (n > 0) & np.isfinite(base))
            show("base of nothing", kpi.base, np.zeros(frame.height), empty & np.isnan(coverage))


def _unchanged(values: pl.DataFrame, earlier: Release, ids: pl.DataFrame) -> pl.DataFrame:
    """Rows of an earlier release in periods where all that both releases show is the same."""
    before = earlier.values.join(ids, on=["kpi_id", "kpi_version"])
    shown = ["ok", "no_denominator", "no_data"]
    both = values.filter(pl.col("status").is_in(shown)).join(
        before.filter(pl.col("status").is_in(shown)).select(
            *KEY, *(pl.col(name).alias(f"{name}_before") for name in NUMBERS)
        ),
        on=KEY,
    )
    same = pl.all_horizontal(
        (pl.col(name) - pl.col(f"{name}_before")).abs().fill_null(0.0) < 1e-9 for name in NUMBERS
    )
    where = ["family", "segment", "period_grain", "period_start"]
    quiet = both.group_by(where).agg(same.all().alias("same")).filter("same").select(where)
    # And something of the cell itself is shown by both.
    cell = [*where, "level", "unit_id"]
    return before.join(quiet, on=where, how="semi").join(both.select(cell), on=cell, how="semi")


def _identities(builder: _Builder, block: Block) -> None:
    units, periods = np.indices((len(block.units), len(block.periods))).reshape(2, -1)
    for form in identities().get(block.family, []):
        if all(name.startswith(f"{block.family}.") for name in form):
            kind = ("identity", block.family, block.segment, block.level)
            terms = [(block.index(m, units, periods), float(f)) for m, f in form.items()]
            builder.add(kind, "", terms, np.zeros(units.size))


def _parts(builder: _Builder, block: Block, kpis: list[Kpi], size: int) -> None:
    """No part is more than its whole, and parts with nothing in common fit into it together."""
    units, periods = np.indices((len(block.units), len(block.periods))).reshape(2, -1)
    wholes = [
        (large, small)
        for kpi in kpis
        if kpi.family == block.family
        for large, small in (
            [(kpi.base, kpi.known), (kpi.denominator, kpi.numerator)]
            if kpi.kind in PARTS
            else [(kpi.base, kpi.known)]
        )
        if large and small and kpi.kind not in HOURS
    ]
    wholes += definitions.parts(block.family)
    stated = set()
    for large, small in wholes:
        form = dict(large)
        for name, factor in small.items():
            form[name] = form.get(name, 0) - factor
        form = {name: factor for name, factor in form.items() if factor}
        key = tuple(sorted(form.items()))
        if not form or key in stated or not set(form) <= set(block.measure_at):
            continue
        stated.add(key)
        terms = [(block.index(m, units, periods), float(f)) for m, f in form.items()]
        kind = ("part", block.family, block.segment, block.level, str(key))
        builder.add_least(kind, terms, np.zeros(units.size), size)


def _percentile(
    builder: _Builder,
    blocks: dict[tuple[str, str, str], Block],
    kpi: Kpi,
    values: pl.DataFrame,
    size: int,
) -> None:
    """On which side of a limit a percentile or its own limits lie says how many are within it."""
    told = definitions.percentile(kpi.family, kpi.kpi_id, kpi.version)
    if told is None or len(kpi.n) != 1:
        return
    (observed,) = kpi.n
    mine = values.filter(
        (pl.col("kpi_id") == kpi.kpi_id)
        & (pl.col("kpi_version") == kpi.version)
        & (pl.col("status") == "ok")
        & pl.col("value").is_not_null()
        & (pl.col("n") > 0)
    )
    for (segment, level), frame in mine.partition_by(["segment", "level"], as_dict=True).items():
        block = blocks[kpi.family, str(segment), str(level)]
        units, periods, _ = locate(block, frame)
        n = frame["n"].cast(pl.Float64).to_numpy()
        for name, low, high in _ranks(n, told.at):
            value = frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
            for measure, limit in told.within.items():
                if measure not in block.measure_at:
                    continue
                # It may have been rounded.
                clear = ~np.isnan(value) & (np.abs(value - limit) >= 0.05)
                kind = ("percentile", kpi.kpi_id, block.segment, block.level, measure, name)
                rows = clear & (value <= limit)
                here = block.index(measure, units[rows], periods[rows])
                builder.add_least(kind, [(here, 1.0)], low[rows], size)
                rows = clear & (value > limit)
                here = block.index(measure, units[rows], periods[rows])
                beyond = block.index(observed, units[rows], periods[rows])
                terms: list[tuple[Ints, Floats | float]] = [(beyond, 1.0), (here, -1.0)]
                builder.add_least(kind, terms, np.maximum(n - high + 1, 0)[rows], size)


def _ranks(n: Floats, at: float) -> list[tuple[str, Floats, Floats]]:
    """Percentile and limits: between which of n sorted observations each lies, counted from 1.

    The limits are observations themselves (Conover 1999, section 3.2, as the definitions say).
    """
    spread = _Z_95 * np.sqrt(n * at * (1 - at))
    middle = n * at + (_Z_95**2 - 1) * (1 - 2 * at) / 6 - 0.5
    lower, upper = np.ceil(middle - spread), np.ceil(middle + spread) + 1
    below, of_n = np.floor(at * (n - 1)) + 1, np.ceil(at * n)
    return [
        # Between two of them, or one of these, by whichever definition of a percentile.
        ("value", np.minimum(below, of_n), np.maximum(below, of_n - 1) + 1),
        ("lower", lower, lower),
        ("upper", upper, upper),
    ]


def _readiness(
    builder: _Builder,
    blocks: dict[tuple[str, str, str], Block],
    release: Release,
    values: pl.DataFrame,
    size: int,
) -> None:
    """What is told of the readiness of data: how many rows there are, and how many are bad."""
    if release.readiness is None or not any(key[0] == readiness.FAMILY for key in blocks):
        return
    where = ["segment", "level", "unit_id", "period_grain", "period_start"]
    rows_of = [kpi.kpi_id for kpi in release.kpis if set(kpi.denominator) == {readiness.ROWS}]
    known = (
        values.filter(pl.col("kpi_id").is_in(rows_of) & pl.col("denominator").is_not_null())
        .group_by(where)
        .agg(pl.col("denominator").max().cast(pl.Float64).alias("rows"))
    )
    told = readiness.bounds(release.readiness, known, release.rows_per_step())
    for key, frame in told.partition_by(["segment", "level", "measure"], as_dict=True).items():
        segment, level, measure = (str(name) for name in key)
        block = blocks.get((readiness.FAMILY, segment, level))
        if block is None or not {measure, readiness.ROWS} <= set(block.measure_at):
            continue
        units, periods, found = locate(block, frame)
        kind = ("readiness", readiness.FAMILY, segment, level, measure)
        bad = block.index(measure, units, periods)
        rows = block.index(readiness.ROWS, units, periods)
        least, most, low, high, some = (
            frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
            for name in ("least", "most", "share_least", "share_most", "some")
        )
        every, nothing = np.ones(low.size), np.zeros(low.size)
        for at_rows, at_bad, bound in (
            (every, nothing, least),
            (-every, nothing, -most),
            (nothing, every, some),
            (every, -every, some),
            (-low, every, np.where(low > 0, 0.0, np.nan)),
            (high, -every, nothing),
        ):
            # What has no part in an equation is none of its unknowns.
            for has_rows in (True, False):
                mine = found & ~np.isnan(bound) & ((at_rows != 0) == has_rows)
                terms: list[tuple[Ints, Floats | float]] = [
                    (columns[mine], factors[mine])
                    for columns, factors in ((rows, at_rows), (bad, at_bad))
                    if factors[mine].any()
                ]
                if terms:
                    builder.add_least(kind, terms, bound[mine], size)


def _over_time(builder: _Builder, block: Block, everything: Periods) -> None:
    """A period is the sum of the shorter ones that lie in it, where all of them are known."""
    by_grain: dict[str, list[date]] = defaultdict(list)
    for grain, start in sorted(everything):
        by_grain[grain].append(start)
    for grain, starts in by_grain.items():
        options = [part for part in _PARTS.get(grain, ()) if part in by_grain]
        if grain == "month" and "span" in options:
            options = ["span"] if "day" not in options else options
        for part in options:
            for start in starts:
                if (grain, start) in block.period_at:
                    _period(builder, block, by_grain, grain, start, part)


def _period(
    builder: _Builder,
    block: Block,
    by_grain: dict[str, list[date]],
    grain: str,
    start: date,
    part: str,
) -> None:
    if grain == "span":
        later = [day for day in by_grain["span"] if day > start]
        ends = [min(later) - timedelta(days=1)] if later else []
        last = ends[0] if ends else start
        if not ends:
            return
    else:
        last = end_of(grain, start)
    first = first_of(grain, start)
    inside = [day for day in by_grain[part] if first <= day <= last]
    if part == "span":
        complete = start in inside
    else:
        covered = sum((end_of(part, day) - day).days + 1 for day in inside)
        complete = covered == (last - first).days + 1
    if not inside or any((part, day) not in block.period_at for day in inside):
        return
    # Days before the first one that is released hold nothing, if the sums say so.
    edge = "" if complete else "at the edge"
    if edge and max(end_of(part, day) if part != "span" else day for day in inside) < last:
        return
    units = np.arange(len(block.units))
    whole = np.full(units.size, block.period_at[grain, start])
    for measure in block.measures:
        terms: list[tuple[Ints, Floats | float]] = [(block.index(measure, units, whole), 1.0)]
        terms += [
            (block.index(measure, units, np.full(units.size, block.period_at[part, day])), -1.0)
            for day in inside
        ]
        kind = ("time", block.family, block.segment, block.level, grain, part, measure, edge)
        builder.add(kind, "", terms, np.zeros(units.size))


def _over_units(
    builder: _Builder, blocks: dict[tuple[str, str, str], Block], release: Release
) -> None:
    """A unit is the sum of the units in it, of each level that divides it."""
    links: dict[tuple[str, str, str], list[tuple[str, date, date]]] = defaultdict(list)
    unions: dict[str, str] = {}
    for level, unit, above, parent, start, end in release.parents.select(
        "level", "unit_id", "parent_level", "parent_id", "valid_from", "valid_to"
    ).iter_rows():
        if level == above == "municipality":
            unions[unit] = parent
        else:
            links[level, unit, above].append((parent, start or date.min, end or date.max))
    for (family, segment, level), block in blocks.items():
        for (other_family, other_segment, below), parts in blocks.items():
            if (other_family, other_segment) != (family, segment) or below == level:
                continue
            areas = level in ("region", *_AREAS) and below in ("municipality", *_AREAS)
            if level == "national" or (level == "region" and below in _POINTS) or areas:
                _sums(builder, block, parts, links, unions)


def _sums(
    builder: _Builder,
    block: Block,
    parts: Block,
    links: dict[tuple[str, str, str], list[tuple[str, date, date]]],
    unions: dict[str, str],
) -> None:
    level, below = block.level, parts.level
    # Most periods divide units alike; they are written down together.
    alike: dict[tuple[str, str, tuple[int, ...]], list[tuple[str, date]]] = defaultdict(list)
    for period in block.period_at:
        if period in parts.period_at:
            for parent, numbers in _held(block, parts, period, links, unions).items():
                alike[period[0], parent, tuple(numbers)].append(period)
    for (grain, parent, inside), periods in alike.items():
        here = np.array([block.period_at[period] for period in periods])
        there = np.array([parts.period_at[period] for period in periods])
        mine = np.full(here.size, block.unit_at[parent])
        for measure in set(block.measures) & set(parts.measures):
            terms: list[tuple[Ints, Floats | float]] = [(block.index(measure, mine, here), 1.0)]
            terms += [
                (parts.index(measure, np.full(there.size, number), there), -1.0)
                for number in inside
            ]
            kind = ("units", block.family, block.segment, level, below, grain, measure)
            builder.add(kind, parent, terms, np.zeros(here.size))


def _held(
    block: Block,
    parts: Block,
    period: tuple[str, date],
    links: dict[tuple[str, str, str], list[tuple[str, date, date]]],
    unions: dict[str, str],
) -> dict[str, list[int]]:
    """Per unit the units that it is the sum of in a period; none where a parent changed in it."""
    level, below = block.level, parts.level
    grain, start = period
    last = start if grain == "span" else end_of(grain, start)
    first = first_of(grain, start)
    held: dict[str, list[int]] = defaultdict(list)
    doubtful = set[str]()
    for unit, number in parts.unit_at.items():
        found = {
            parent
            for parent, begins, ends in links.get((below, unit, level), [])
            if begins <= last and first < ends
        }
        if level == "national":
            found = {block.units[0]}
        elif unit == UNKNOWN:
            found = {UNKNOWN}
        union = unions.get(unit) if below == "municipality" else None
        if (
            union in parts.unit_at
            and union is not None
            and (level == "national" or links.get((below, union, level)))
        ):
            continue  # its rows are counted in the union
        if len(found) > 1:
            doubtful |= found
        for parent in found:
            held[parent].append(number)
    # What could not be placed at one level may have a place at another.
    out = doubtful | ({UNKNOWN} if below != "central" else set())
    return {
        parent: numbers
        for parent, numbers in held.items()
        if parent in block.unit_at and parent not in out
    }


def _between_families(builder: _Builder, blocks: dict[tuple[str, str, str], Block]) -> None:
    """Measures that a family borrows: the same number, over all segments of the lender."""
    for (family, segment, level), block in blocks.items():
        for measure in block.measures:
            lender = measure.partition(".")[0]
            lenders = [b for (f, _, lv), b in blocks.items() if f == lender and lv == level]
            if lender != family and lenders:
                _borrowed(builder, block, measure, lenders)
        for form in identities().get(family, []):
            if any(not name.startswith(f"{family}.") for name in form):
                units, periods = np.indices((len(block.units), len(block.periods))).reshape(2, -1)
                terms: list[tuple[Ints, Floats | float]] = [
                    (block.index(m, units, periods), float(f)) for m, f in form.items()
                ]
                builder.add(("identity", family, segment, level), "", terms, np.zeros(units.size))


def _borrowed(builder: _Builder, block: Block, measure: str, lenders: list[Block]) -> None:
    periods = [p for p in block.periods if all(p in other.period_at for other in lenders)]
    here = np.array([block.period_at[period] for period in periods], dtype=np.int64)
    for unit, number in block.unit_at.items():
        having = [b for b in lenders if unit in b.unit_at]
        if not having:
            continue
        terms: list[tuple[Ints, Floats | float]] = [
            (block.index(measure, np.full(here.size, number), here), 1.0)
        ]
        for other in having:
            there = np.array([other.period_at[period] for period in periods], dtype=np.int64)
            place = np.full(there.size, other.unit_at[unit])
            terms.append((other.index(measure, place, there), -1.0))
        kind = ("family", block.family, block.segment, block.level, measure)
        builder.add(kind, unit, terms, np.zeros(here.size))


def _absent(system: System, block: Block, values: pl.DataFrame) -> None:
    """Cells without any row, in periods that are released: nothing happened there."""
    mine = values.filter(
        (pl.col("family") == block.family)
        & (pl.col("segment") == block.segment)
        & (pl.col("level") == block.level)
    )
    units, periods, found = locate(block, mine)
    present = np.zeros((len(block.units), len(block.periods)), dtype=np.bool_)
    present[units[found], periods[found]] = True
    grains = np.array([grain for grain, _ in block.periods])
    absent = ~present & (grains != "span")[None, :]
    if UNKNOWN in block.unit_at and block.level != "national":
        # What could not be placed is released per month or longer only.
        absent[block.unit_at[UNKNOWN]] &= np.isin(grains, list(_MONTHS))
    rows, columns = np.nonzero(absent)
    for measure in block.measures:
        if measure.startswith(f"{block.family}."):
            system.zero[block.index(measure, rows, columns)] = True
