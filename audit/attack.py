"""An attack on a release: do hidden numbers follow from those that are shown?

Reads released tables only and knows nothing of how the hidden cells were chosen. Four steps:

1. peeling: every equation with one unknown is solved, and every sum of nothing is nothing;
2. intervals: no number is negative, and no part more than its whole; bounds are passed on from one
   equation to the next until they meet;
3. algebra: what no other solution of the linear equations changes has been found out;
4. bounds: for a random sample, the least and the most that a number can be when none is negative,
   by linear programming over the equations around it.

A hidden row is recovered when its value follows, or a number in it that is too small to be shown:
what is too small follows from what the KPI tells about, as the release states it.
Classes of equations are checked first where every number is shown; one that does not hold is not
used, and is listed.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from audit import equations, solve
from audit.equations import (
    Asked,
    Block,
    Bools,
    Floats,
    Form,
    Ints,
    Kpi,
    Release,
    System,
)

KEYS_SHOWN = 20
STEPS = ("same cell", "peeling", "intervals", "algebra", "bounds")
# Unknowns around a number in the linear programs.
_AROUND = 1500
_ROUNDS = 8
_DURATIONS = frozenset({"interval", "mean"})


@dataclass
class Rows:
    """The hidden rows of a KPI in one segment and level."""

    kpi: Kpi
    block: Block
    units: Ints
    periods: Ints
    step: list[str | None]
    withdrawn: Bools

    def key(self, at: int) -> tuple[str, ...]:
        grain, start = self.block.periods[self.periods[at]]
        unit = self.block.units[self.units[at]]
        where = (grain, start.isoformat(), self.block.level, unit)
        return (self.kpi.kpi_id, str(self.kpi.version), self.block.segment, *where)

    def columns(self, form: Form, at: int) -> tuple[Ints, Floats]:
        units, periods = self.units[at : at + 1], self.periods[at : at + 1]
        columns = [self.block.index(name, units, periods)[0] for name in form]
        return np.array(columns, dtype=np.int64), np.array(list(form.values()), dtype=float)

    def sum(self, form: Form, vector: Floats) -> Floats:
        total = np.zeros(self.units.size)
        for name, factor in form.items():
            total += factor * vector[self.block.index(name, self.units, self.periods)]
        return total


@dataclass
class Result:
    """What an attack came to."""

    attacked: int = 0
    steps: Counter[str] = field(default_factory=Counter)
    # All that was recovered: KPI, version, segment, grain, first day, level, unit.
    keys: list[tuple[str, ...]] = field(default_factory=list)
    kinds: Counter[tuple[str, ...]] = field(default_factory=Counter)
    found: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    dropped: list[str] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)
    without_bounds: int = 0
    withdrawn: int = 0
    zeros: int = 0
    doubtful: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def recovered(self) -> int:
        return sum(self.steps.values())


def attack(
    release: Release,
    before: Release | None = None,
    samples: int = 200,
    *,
    changed_only: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> Result:
    """Attack a release, family by family; `say` hears how far it has come.

    `changed_only`: only what is new or has changed since the release before, with the periods that
    hold it and their parts. `samples` numbers are bounded by linear programming.
    """
    result = Result()
    random = np.random.default_rng(20270101)
    targets: list[tuple[System, solve.Known, Rows, int]] = []
    for members in equations.families(release):
        started = time.perf_counter()
        system = equations.build(release, members, before, changed_only=changed_only)
        hidden = (system.values["status"] == "suppressed").sum()
        if not hidden:
            continue
        if not system.matrix.shape[0]:
            # Where no figure says anything, nothing follows.
            result.attacked += int(hidden)
            continue
        known, rows = _attack(release, system, result, random)
        left = sum(step is None for row in rows for step in row.step)
        result.notes.append(
            f"{', '.join(members)}: {system.matrix.shape[0]:,} equations, "
            f"{system.matrix.shape[1]:,} unknowns, {left:,} hidden rows stay hidden, "
            f"{time.perf_counter() - started:.0f} s"
        )
        say(result.notes[-1])
        open_rows = [(row, at) for row in rows for at, s in enumerate(row.step) if s is None]
        chosen = random.permutation(len(open_rows))[:samples]
        targets += [(system, known, *open_rows[i]) for i in chosen]
    chosen = random.permutation(len(targets))[:samples]
    _bounds(release, [targets[i] for i in chosen], result)
    return result


def _attack(
    release: Release, system: System, result: Result, random: np.random.Generator
) -> tuple[solve.Known, list[Rows]]:
    rows = _hidden(release, system)
    for row in rows:
        result.attacked += row.units.size
    nothing = np.zeros(system.matrix.shape[1])
    shown_kinds = np.array([kind[0] == "shown" for kind in system.kinds], dtype=np.bool_)
    earlier = np.array([kind[0] == "earlier" for kind in system.kinds], dtype=np.bool_)[system.kind]
    used = np.ones(system.matrix.shape[0], dtype=np.bool_)
    for _ in range(_ROUNDS):
        # What rows say of their own cell; all else is checked against it.
        own = np.flatnonzero(used & shown_kinds[system.kind])
        direct = solve.peel(
            system.matrix[own], system.right[own], nothing, system.zero, zeros=False
        )
        _drop_parts(system, used, direct, result)
        if not _drop(system, used, direct, result, "where all is shown"):
            break
    _mark(release, rows, direct, None, "same cell", system, result)
    before = used & earlier
    used &= ~earlier
    for _ in range(_ROUNDS):
        peeled, wrong = _peel(system, used)
        if not wrong.size:
            break
        _list_dropped(system, wrong, result, "after peeling")
        sums = wrong[~shown_kinds[system.kind[wrong]]]
        used[wrong] = False
        rules = _rules(system)
        used &= ~np.isin(rules[system.kind], np.unique(rules[system.kind[sums]]))
    used |= before
    while before.any():
        peeled, wrong = _peel(system, used)
        if not wrong.size:
            break
        # What a cell was is no more, although nothing that both releases show tells.
        changed = used & earlier & _about_the_same(system, wrong)
        used &= ~changed if changed.any() else ~earlier
    forgotten, kept_on = int((before & ~used).sum()), int((before & used).sum())
    if forgotten:
        families = ", ".join(sorted({block.family for block in system.blocks.values()}))
        result.dropped.append(
            f"earlier {families}: {forgotten:,} equations about figures that have changed although "
            f"nothing shows it; {kept_on:,} used"
        )
    _mark(release, rows, peeled, None, "peeling", system, result)
    kept = np.flatnonzero(used)
    ends = solve.narrow(system.matrix[kept], system.right[kept], peeled)
    _mark(release, rows, peeled, ends, "intervals", system, result)
    kernel = solve.kernel(system.matrix[kept], system.right[kept], peeled, random)
    result.notes.append(f"  core of the algebra: {kernel.core[0]:,} x {kernel.core[1]:,}")
    _mark(release, rows, peeled, kernel, "algebra", system, result)
    system.matrix, system.right = system.matrix[kept], system.right[kept]
    system.kind, system.group = system.kind[kept], system.group[kept]
    return peeled, rows


def _peel(system: System, used: Bools) -> tuple[solve.Known, Ints]:
    """What the equations in use give one after the other, and those that then do not hold."""
    kept = np.flatnonzero(used)
    nothing = np.zeros(system.matrix.shape[1])
    peeled = solve.peel(system.matrix[kept], system.right[kept], nothing, system.zero)
    peeled.by = np.where(peeled.by >= 0, kept[peeled.by], -1)
    return peeled, kept[peeled.broken]


def _drop_parts(system: System, used: Bools, direct: solve.Known, result: Result) -> None:
    """Leave out what is said to be a part of something and is more, where both are shown."""
    measures = sum(block.size for block in system.blocks.values())
    least = np.flatnonzero(
        used & np.isin(system.kind, _kinds(system, "part", "percentile", "readiness"))
    )
    if not least.size:
        return
    # The unknown of its own is the last of each of these equations.
    slack = system.matrix.indptr[least + 1] - 1
    own = system.matrix.copy()
    own.data = own.data.copy()
    own.data[slack] = 0.0
    rest = own[least] @ np.where(direct.known, direct.values, 0.0) - system.right[least]
    pattern = own[least].copy()
    pattern.data = (pattern.data != 0).astype(float)
    shown = (pattern @ (~direct.known).astype(float)) == 0
    assert (system.matrix.indices[slack] >= measures).all()
    wrong = least[shown & (rest < -0.5)]
    if wrong.size:
        used &= ~np.isin(system.kind, np.unique(system.kind[wrong]))
        _list_dropped(system, wrong, result, "where all is shown")


def _kinds(system: System, *names: str) -> Ints:
    return np.array([i for i, kind in enumerate(system.kinds) if kind[0] in names], dtype=np.int64)


def _drop(system: System, used: Bools, direct: solve.Known, result: Result, when: str) -> bool:
    """Leave out classes of equations that do not hold where everything is shown."""
    pattern = system.matrix.copy()
    pattern.data = np.ones_like(pattern.data)
    unknown = np.rint(pattern @ (~direct.known).astype(float))
    rest = system.right - system.matrix @ np.where(direct.known, direct.values, 0.0)
    scale = 1.0 + abs(system.matrix) @ np.abs(np.where(direct.known, direct.values, 0.0))
    tested = used & (unknown == 0)
    wrong = np.flatnonzero(tested & (np.abs(rest) > 1e-6 * scale))
    if not wrong.size:
        return False
    rules = _rules(system)
    used &= ~np.isin(rules[system.kind], np.unique(rules[system.kind[wrong]]))
    _list_dropped(system, wrong, result, when)
    return True


def _rules(system: System) -> Ints:
    """Per class the rule it is a case of: how units add up is the same for every number."""
    names: dict[tuple[str, ...], int] = {}
    found = []
    same = equations.same_places()
    for kind in system.kinds:
        # units, family, segment, level, level below, grain, measure
        rule = kind
        if kind[0] == "units":
            rule = (kind[0], same.get(kind[1], kind[1]), *kind[3:5])
        found.append(names.setdefault(rule, len(names)))
    return np.array(found, dtype=np.int64)


def _about_the_same(system: System, wrong: Ints) -> Bools:
    """Equations with any of the unknowns of some equations."""
    touched = np.zeros(system.matrix.shape[1])
    touched[system.matrix[wrong].indices] = 1
    return np.asarray(abs(system.matrix) @ touched > 0)


def _list_dropped(system: System, wrong: Ints, result: Result, when: str) -> None:
    counts = Counter(
        (kind[0], *(part for part in kind[1:] if "." not in part))
        for kind in (system.kinds[k] for k in system.kind[wrong])
    )
    for kind, count in sorted(counts.items()):
        text = f"{' '.join(kind)}: {count:,} equations do not hold {when}"
        if text not in result.dropped:
            result.dropped.append(text)


def _hidden(release: Release, system: System) -> list[Rows]:
    import polars as pl

    kpis = {(kpi.kpi_id, kpi.version): kpi for kpi in release.kpis}
    hidden = system.values.filter(pl.col("status") == "suppressed")
    found = []
    names = ["kpi_id", "kpi_version", "segment", "level"]
    for key, frame in sorted(hidden.partition_by(names, as_dict=True).items()):
        kpi = kpis[str(key[0]), int(key[1])]
        block = system.blocks[kpi.family, str(key[2]), str(key[3])]
        units, periods, _ = equations.locate(block, frame)
        shown = np.array([row in release.withdrawn for row in frame.select(equations.KEY).rows()])
        found.append(Rows(kpi, block, units, periods, [None] * frame.height, shown))
    return found


def _mark(
    release: Release,
    rows: list[Rows],
    known: solve.Known,
    more: solve.Kernel | tuple[Floats, Floats] | None,
    step: str,
    system: System,
    result: Result,
) -> None:
    """Which of the rows that were not recovered yet are so now."""
    for row in rows:
        kpi = row.kpi
        amounts: dict[str, tuple[Bools, Floats]] = {}
        rest = dict(kpi.denominator)
        for name, factor in kpi.numerator.items():
            rest[name] = rest.get(name, 0) - factor
        forms = {
            "numerator": kpi.numerator,
            "denominator": kpi.denominator,
            "n": kpi.n,
            "rest": {name: factor for name, factor in rest.items() if factor},
        }
        for name, form in forms.items():
            if more is None:
                fixed = row.sum(dict.fromkeys(form, 1), (~known.known).astype(float)) == 0
                amounts[name] = (np.asarray(fixed), row.sum(form, known.values))
            elif isinstance(more, solve.Kernel):
                free = [np.abs(row.sum(form, d)) for d in more.directions]
                fixed = np.maximum(*free) < 1e-6
                amounts[name] = (np.asarray(fixed), row.sum(form, more.solution))
            else:
                amounts[name] = _between(row, form, *more)
        whole, small = judge(release.asked(kpi, row.block.level), kpi, amounts)
        # What could not be placed points at nobody, however little it is.
        small &= row.units != row.block.unit_at.get(equations.UNKNOWN, -1)
        for at in np.flatnonzero(whole | small).tolist():
            if row.step[at] is not None:
                continue
            row.step[at] = step
            if row.withdrawn[at]:
                result.withdrawn += 1
                continue
            what = "small number" if small[at] else "value"
            top = (amounts["numerator"] if kpi.numerator else amounts["n"])[1][at]
            if not small[at] and abs(top) < 1e-6:
                result.zeros += 1  # nobody is behind it
                continue
            if abs(top - round(top)) > 1e-3 and kpi.kind not in (*equations.HOURS, "standardized"):
                result.doubtful += 1  # a count that is none: rounding, or a rule that does not hold
            grain = row.block.periods[row.periods[at]][0]
            result.steps[step] += 1
            result.keys.append(row.key(at))
            result.kinds[step, what, kpi.family, row.block.level, grain] += 1
            if len(result.found[step]) < KEYS_SHOWN:
                result.found[step].append(
                    {
                        "key": row.key(at),
                        "what": what,
                        "numbers": {
                            name: round(float(value[at]), 4)
                            for name, (fixed, value) in amounts.items()
                            if fixed[at] and forms[name]
                        },
                        "by": _why(system, known, row, at) if more is None else [],
                    }
                )


def _between(row: Rows, form: Form, lower: Floats, upper: Floats) -> tuple[Bools, Floats]:
    """Where the bounds of a sum meet, and on what number. Counts are whole."""
    up = {name: factor for name, factor in form.items() if factor > 0}
    down = {name: factor for name, factor in form.items() if factor < 0}
    with np.errstate(invalid="ignore"):
        least = row.sum(up, lower) + row.sum(down, upper)
        most = row.sum(up, upper) + row.sum(down, lower)
        if row.kpi.kind in (*equations.HOURS, "standardized", "mean"):
            return np.asarray(most - least < 1e-6), least
        least, most = np.ceil(least - 1e-3), np.floor(most + 1e-3)
        return np.asarray(most == least), least


def _why(system: System, known: solve.Known, row: Rows, at: int) -> list[str]:
    """The classes of equations that gave the measures of a row."""
    found = []
    for name in {**row.kpi.numerator, **row.kpi.denominator, **row.kpi.n}:
        column = row.block.index(name, row.units[at : at + 1], row.periods[at : at + 1])[0]
        by = known.by[column]
        if known.known[column] and 0 <= by < system.kind.size:
            found.append(f"{name}: {' '.join(system.kinds[system.kind[by]])}")
    return found


def judge(asked: Asked, kpi: Kpi, amounts: dict[str, tuple[Bools, Floats]]) -> tuple[Bools, Bools]:
    """Whether the value of a row follows, and whether a number that is too small does."""

    def under(name: str, limit: int) -> Bools:
        fixed, value = amounts[name]
        return np.asarray(fixed & (value > 1e-6) & (value < limit - 1e-6))

    cases = asked.min_denominator if asked.is_basis_secret else 0
    top, bottom = amounts["numerator"][0], amounts["denominator"][0]
    none = np.zeros(top.size, dtype=np.bool_)
    if kpi.kind in _DURATIONS:
        # The value is no sum of measures; how few it rests on is what must not be known.
        return none, under("n", cases)
    events = asked.min_count if kpi.kind in ("count", "rate") else asked.min_part
    small = none if kpi.kind in equations.HOURS else under("numerator", events)
    if kpi.denominator:
        small = small | under("denominator", cases)
        if kpi.kind in ("share", "excess"):
            small = small | under("rest", asked.min_part)
    return np.asarray(top & (bottom | (not kpi.denominator))), small


def _bounds(
    release: Release, targets: list[tuple[System, solve.Known, Rows, int]], result: Result
) -> None:
    by_column: dict[int, Any] = {}
    for system, known, row, at in targets:
        if id(system) not in by_column:
            by_column[id(system)] = system.matrix.T.tocsr()
        kpi = row.kpi
        form = kpi.n if kpi.kind in _DURATIONS else kpi.numerator

        def between(
            form: Form,
            system: System = system,
            known: solve.Known = known,
            row: Rows = row,
            at: int = at,
        ) -> tuple[float, float] | None:
            columns, factors = row.columns(form, at)
            if known.known[columns].all():
                total = float(factors @ known.values[columns])
                return total, total
            around = by_column[id(system)]
            return solve.bounds(
                system.matrix, around, system.right, known, columns, factors, _AROUND
            )

        ends = between(form)
        if ends is None:
            result.without_bounds += 1
            continue
        lower, upper = ends
        result.widths.append(upper - lower)
        asked = release.asked(kpi, row.block.level)
        cases = asked.min_denominator if asked.is_basis_secret else 0
        if upper - lower > 1e-6 or (kpi.kind in _DURATIONS and lower >= cases):
            continue
        if abs(lower) < 1e-6:
            result.zeros += 1
            continue
        if kpi.kind not in _DURATIONS and kpi.denominator:
            # A numerator alone is no value, and may be no secret.
            below = between(kpi.denominator) or (0.0, np.inf)
            amounts = {
                "numerator": (np.array([True]), np.array([lower])),
                "denominator": (np.array([below[1] - below[0] < 1e-6]), np.array([below[0]])),
                "n": (np.array([False]), np.array([0.0])),
                "rest": (np.array([below[1] - below[0] < 1e-6]), np.array([below[0] - lower])),
            }
            if not np.logical_or(*judge(asked, kpi, amounts)).any():
                continue
        result.steps["bounds"] += 1
        result.keys.append(row.key(at))
        grain = row.block.periods[row.periods[at]][0]
        result.kinds["bounds", "value", kpi.family, row.block.level, grain] += 1
        if len(result.found["bounds"]) < KEYS_SHOWN:
            result.found["bounds"].append(
                {"key": row.key(at), "what": "value", "numbers": {"value": lower}, "by": []}
            )


def describe(result: Result) -> str:
    """The report, for reading."""
    lines = [f"hidden rows attacked: {result.attacked:,}", f"recovered: {result.recovered:,}"]
    for step in STEPS:
        lines.append(f"  {step}: {result.steps[step]:,}")
        for (name, what, family, level, grain), count in sorted(
            result.kinds.items(), key=lambda item: -item[1]
        ):
            if name == step:
                lines.append(f"    {count:>7,}  {what}: {family}, {level}, {grain}")
        for item in result.found[step]:
            lines.append(f"      {' '.join(item['key'])}: {item['what']} {item['numbers']}")
            lines += [f"          {reason}" for reason in item["by"]]
    lines.append(f"shown by an earlier release, and listed as withdrawn: {result.withdrawn:,}")
    lines.append(f"hidden rows that follow and count nothing: {result.zeros:,}")
    lines.append(f"of the recovered, not a whole number: {result.doubtful:,}")
    if result.widths:
        shares = np.quantile(result.widths, [0, 0.1, 0.5, 0.9], method="lower")
        narrow = sum(width < 2 for width in result.widths)
        lines.append(
            f"intervals of {len(result.widths):,} hidden numbers (none is narrower than it may be "
            f"by all equations): least {shares[0]:.3g}, a tenth under {shares[1]:.3g}, half under "
            f"{shares[2]:.3g}, nine tenths under {shares[3]:.3g}; {narrow:,} narrower than 2; "
            f"{result.without_bounds:,} without bounds"
        )
    lines.append(f"classes of equations that do not hold and were not used: {len(result.dropped)}")
    lines += [f"  {text}" for text in result.dropped]
    return "\n".join(lines)


def report(result: Result) -> dict[str, Any]:
    """The report, for machines."""
    return {
        "attacked": result.attacked,
        "recovered": dict(result.steps),
        "by_kind": [{"kind": kind, "rows": n} for kind, n in result.kinds.most_common()],
        "examples": dict(result.found),
        "withdrawn": result.withdrawn,
        "widths": result.widths,
        "without_bounds": result.without_bounds,
        "not_used": result.dropped,
        "notes": result.notes,
    }
