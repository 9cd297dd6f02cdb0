"""The step between the two builds: read the figures, decide, write the decision back."""

from __future__ import annotations

import functools
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from orchestration import release_content
from orchestration.disclosure import events as kinds_of_events
from orchestration.disclosure import parts
from orchestration.disclosure.assistant import Assistant, assistant
from orchestration.disclosure.forms import groups
from orchestration.disclosure.history import (
    FLAGS,
    NUMBERS,
    WITHDRAWN,
    last_release,
    with_history,
)
from orchestration.disclosure.history import withdrawn as find_withdrawn
from orchestration.disclosure.keys import coded, plain
from orchestration.disclosure.limits import limits_shown
from orchestration.disclosure.places import Unit
from orchestration.disclosure.protect import Decided, decide_group, protect
from orchestration.disclosure.scope import (
    in_scope,
    last_delivered,
    released_periods,
    unplaced,
)
from orchestration.disclosure.table import SHOWN, tells
from orchestration.registry import load_registry
from orchestration.suppression import KINDS_SCHEMA, PARTS, SuppressionPolicy, small_parts
from reporting.audience import releases_of
from reporting.columns import KEY, UNPLACED

if TYPE_CHECKING:
    from orchestration.audiences import Audience
    from orchestration.disclosure.events import Events
    from orchestration.disclosure.history import History
    from orchestration.registry.spec import Registry

SCHEMA = "disclosure"
SEEN_SCHEMA = dict.fromkeys(("kpi_id", "level", "unit_id"), pl.String)
_NAME = "decision"
_HIDDEN_NUMBERS = "hidden_numbers"
# The numbers of the decision that the last release was made by: the run after it may be stopped
# between its decision and its release, and decides again.
_PUBLISHED_NUMBERS = "published_numbers"
# From so many figures on, a part of them is decided on in a process of its own.
_WORTH_A_PROCESS = 500_000
# How often what follows is protected by itself before whole periods are hidden.
_TARGETED = 3
REASONS = ("primary", "complementary", "earlier")
_NUMBERS = ("numerator", "denominator", "n", "value", "coverage")
_FIGURES_SQL = f"""
select {{columns}} from {{kpi_values}}
semi join wanted using (kpi_id, segment, level, period_grain)
union all
select {{columns}} from {{kpi_values}}
anti join wanted using (kpi_id, segment, level, period_grain)
where unit_id = '{UNPLACED}'
"""
_HIERARCHY_SQL = """
select level, unit_id, parent_level, parent_id from {unit_hierarchy}
-- Where a unit belonged before there were figures says nothing about them.
where valid_to is null
    or valid_to > coalesce(
        (select min(period_start) from {kpi_values} where period_grain = 'day'), date '1900-01-01'
    )
"""
# Where the dated hierarchy is not built: the same from the seeds it is made of.
_SEEDS_SQL = """
select 'municipality' as level, cast(municipality_code as varchar) as unit_id,
    'county' as parent_level, cast(county_code as varchar) as parent_id
from {municipalities}
union all
select 'municipality', cast(municipality_code as varchar), 'health_trust', health_trust_code
from {municipalities}
union all
select 'health_trust', health_trust_code, 'region', rhf_code from {health_trusts}
union all
select case when unit_kind = 'LAT_BASE' then 'base' else 'central' end, unit_id, 'region', rhf_code
from {units}
"""


class DisclosureError(RuntimeError):
    """What may be seen cannot be decided; the message says why."""


@dataclass(frozen=True)
class Audited:
    """What an audit found: the rows that follow (by KEY), and what it says about itself."""

    recovered: pl.DataFrame | None
    report: Mapping[str, Any]


# Given the figures as everyone would see them.
Audit = Callable[[pl.DataFrame], Audited]


@dataclass(frozen=True)
class Decision:
    """What a run of the step came to."""

    hidden: pl.DataFrame
    scope: pl.DataFrame
    # From how many observations on the limits of percentiles may be seen.
    limits: pl.DataFrame
    withdrawn: pl.DataFrame
    # What the hidden cells are; it stays in the warehouse, for the next decision.
    numbers: pl.DataFrame
    report: dict[str, Any]


def disclose(
    warehouse: Path,
    releases_dir: Path,
    receipts: pl.DataFrame,
    policy: SuppressionPolicy,
    audiences: Sequence[Audience] = (),
    audit: Audit | None = None,
) -> Decision:
    """Decide which cells of the warehouse's kpi_values may be seen, and write it there.

    For everyone, and for each audience that sees some of the cells in full but not all. `audit`
    looks for numbers that follow all the same from what everyone would see; more is hidden until
    there are none. Returns the decision for everyone.
    """
    registry, delivered = load_registry(), last_delivered(receipts)
    # One name for what is decided together; the releases made of it carry it.
    name = uuid.uuid4().hex
    # It gets ready while the figures are read.
    with assistant(decide_group, wanted=_rows(warehouse) >= _WORTH_A_PROCESS) as helper:
        values, parents = _read(warehouse, registry, delivered, policy)
        events = kinds_of_events.read(warehouse, registry)
        history = _history(warehouse, SCHEMA, releases_dir, policy)
        decision = decide(
            values, parents, registry, delivered, policy, history, helper, events=events
        )
    if audit is not None:
        again = functools.partial(
            decide, values, parents, registry, delivered, policy, history, events=events
        )
        decision = audited(decision, again, values, registry, audit)
    decide_parts = functools.partial(
        parts.decide,
        parts.read(warehouse),
        parents=parents,
        registry=registry,
        delivered=delivered,
        policy=policy,
    )
    of_parts = decide_parts(decision.numbers, parts.released(releases_dir, history))
    decision = replace(decision, report={**decision.report, "parts": of_parts.report})
    _write(warehouse, SCHEMA, name, decision, policy, history, of_parts.tables())
    for audience in audiences:
        if audience.sees_everything:
            continue
        units = values.select("level", "unit_id").unique().iter_rows()
        seen = pl.DataFrame(
            sorted(audience.seen(registry, units, parents)), schema=SEEN_SCHEMA, orient="row"
        )
        folder = releases_of(releases_dir, audience.name)
        history = _history(warehouse, audience.schema_name, folder, policy)
        own = decide(
            values, parents, registry, delivered, policy, history, seen=seen, events=events
        )
        of_parts = decide_parts(own.numbers, parts.released(folder, history), seen=seen)
        further = {"kpi_seen": seen, **of_parts.tables()}
        _write(warehouse, audience.schema_name, name, own, policy, history, further)
    return decision


def audited(
    decision: Decision,
    again: Callable[..., Decision],
    values: pl.DataFrame,
    registry: Registry,
    audit: Audit,
) -> Decision:
    """The decision with more hidden where numbers follow from what everyone would see.

    What follows is protected as what is too small is; where it follows still, everything of the
    same families in its periods is hidden, and then the whole table of these families. `again`
    decides anew.
    """
    follow: pl.DataFrame | None = None
    more: pl.DataFrame | None = None
    first = decision.hidden.height
    for attempt in range(_TARGETED + 2):
        shown = released(values, decision)
        found = audit(shown)
        if found.recovered is None:
            break
        follow = found.recovered if follow is None else pl.concat([follow, found.recovered])
        if attempt >= _TARGETED:
            whole = attempt > _TARGETED
            same = _same_families(shown, found.recovered, registry, whole=whole)
            more = same if more is None else pl.concat([more, same])
        decision = again(follow=follow.unique(maintain_order=True), more=more)
    hidden = decision.hidden.height - first
    # Of families hidden as a whole nothing is left that something could follow from.
    told = {"audit": {**found.report, "recovered": 0, "hidden_for_it": hidden}}
    return replace(decision, report={**decision.report, **told})


def released(values: pl.DataFrame, decision: Decision) -> pl.DataFrame:
    """The figures as everyone would see them: KEY, numbers and status."""
    hidden = coded(decision.hidden.select(*KEY, pl.lit(True).alias("_hidden")))
    marked = in_scope(coded(values), coded(decision.scope)).join(hidden, on=KEY, how="left")
    is_hidden = pl.col("_hidden").fill_null(False)
    return plain(
        marked.select(
            *KEY,
            *(pl.when(~is_hidden).then(pl.col(name)).alias(name) for name in _NUMBERS),
            pl.when(is_hidden).then(pl.lit("suppressed")).otherwise("status").alias("status"),
        )
    )


def _same_families(
    shown: pl.DataFrame, recovered: pl.DataFrame, registry: Registry, *, whole: bool
) -> pl.DataFrame:
    """Keys of the rows of families that share measures with some rows; in the same periods only,
    or all of them."""
    concerned = set(recovered["kpi_id"])
    kpis = {
        kpi.id
        for families in groups(registry)
        for mine in [[kpi for kpi in registry.kpis if kpi.family in families]]
        if concerned & {kpi.id for kpi in mine}
        for kpi in mine
    }
    rows = shown.filter(pl.col("kpi_id").is_in(sorted(kpis)) & tells())
    if not whole:
        periods = ["period_grain", "period_start"]
        rows = rows.join(recovered.select(periods).unique(), on=periods, how="semi")
    return rows.select(KEY)


def _history(warehouse: Path, schema: str, folder: Path, policy: SuppressionPolicy) -> History:
    history = last_release(folder, policy)
    if history.decision is None:
        return history
    return replace(history, hidden=_hidden_numbers(warehouse, schema, history.decision))


def decide(
    values: pl.DataFrame,
    parents: Mapping[Unit, frozenset[Unit]],
    registry: Registry,
    delivered: Mapping[str, date],
    policy: SuppressionPolicy,
    history: History,
    helper: Assistant[Decided] | None = None,
    seen: pl.DataFrame | None = None,
    events: Mapping[str, Events] | None = None,
    follow: pl.DataFrame | None = None,
    more: pl.DataFrame | None = None,
) -> Decision:
    """The decision, from data alone; `delivered` is the last delivered day per contract.

    `seen` are KPIs, levels and units whose cells are shown in full whatever they are. `events` are
    the kinds of events per family, where they are known. `follow` are rows found to follow from
    others: they are protected too. `more` are rows to hide besides. Where the search finds no other
    world for a number, more is hidden step by step until it is protected; the report says so.
    """
    values = coded(values)
    if history.hidden is not None and not history.is_same_policy:
        history = replace(history, hidden=_judged_anew(history.hidden, registry, policy))
    scope = _scope(values.select("kpi_id", "segment", "level"), registry, delivered, policy)
    cells = with_small(in_scope(values, coded(scope)), registry, policy)
    cells = with_history(cells, history)
    if follow is not None:
        marked = coded(follow).with_columns(pl.lit(True).alias("_follows"))
        cells = cells.join(marked, on=KEY, how="left", maintain_order="left")
    if seen is not None:
        cells = in_sight(cells, seen)
    found = protect(
        pl.concat([cells, unplaced(values, cells)], how="diagonal_relaxed"),
        scope,
        registry,
        parents,
        policy,
        helper,
        events,
    )
    all_hidden = _with_more(found.hidden, cells, more)
    hidden = cells.join(coded(all_hidden), on=KEY)
    taken_back = find_withdrawn(hidden, history)
    report = {
        **_report(cells, hidden),
        # Numbers without another world, and what was hidden so that there are none.
        "unprotected": found.unprotected,
        "hidden_further": [
            {
                "families": ", ".join(rung.families),
                "step": rung.step,
                "numbers": rung.numbers,
                "rows": rung.rows,
            }
            for rung in found.ladder
        ],
        "withdrawn": taken_back.height,
        "history": history.note,
    }
    small = pl.col("reason") == "primary"
    if "_small_before" in hidden.columns:
        small = small | pl.col("_small_before")
    numbers = hidden.select(*KEY, *NUMBERS, small.alias("was_small"))
    limits = limits_shown(registry, policy)
    return Decision(all_hidden, scope, limits, taken_back, plain(numbers), report)


def _with_more(
    hidden: pl.DataFrame, cells: pl.DataFrame, more: pl.DataFrame | None
) -> pl.DataFrame:
    """The hidden rows, with some more."""
    if more is None:
        return hidden
    wanted = plain(cells.filter(tells())).select(KEY).join(more, on=KEY, how="semi")
    added = wanted.unique(maintain_order=True).cast(hidden.drop("reason").schema)
    added = added.join(hidden, on=KEY, how="anti").with_columns(
        pl.lit("complementary").alias("reason")
    )
    return pl.concat([hidden, added.select(hidden.columns)])


def with_small(cells: pl.DataFrame, registry: Registry, policy: SuppressionPolicy) -> pl.DataFrame:
    """The rows of kpi_values with a flag per number of them that is too small."""
    kinds = coded(
        pl.DataFrame(
            [
                (kpi.id, kpi.version, kpi.kind, kpi.sensitivity, at)
                for kpi in registry.kpis
                for at in [kpi.percentile.at if kpi.percentile else None]
            ],
            schema=KINDS_SCHEMA,
            orient="row",
        )
    )
    small = small_parts(policy)
    return (
        cells.join(kinds, on=["kpi_id", "kpi_version"], how="left", maintain_order="left")
        .with_columns(flag.alias(f"_small_{name}") for name, flag in small.items())
        .select(*cells.columns, *(f"_small_{name}" for name in small))
    )


def _judged_anew(
    hidden: pl.DataFrame, registry: Registry, policy: SuppressionPolicy
) -> pl.DataFrame:
    """The numbers that an earlier release hides, with those that are small by this policy."""
    counted = coded(hidden.with_columns(pl.lit(None, dtype=pl.Float64).alias("value")))
    judged = with_small(counted, registry, policy)
    small = pl.any_horizontal(f"_small_{name}" for name in PARTS if name != "percentile")
    return plain(judged).with_columns(small.alias("was_small")).select(hidden.columns)


def in_sight(cells: pl.DataFrame, seen: pl.DataFrame) -> pl.DataFrame:
    """The rows with those that are seen in full: known, never hidden, and no protection."""
    keys = ["kpi_id", "level", "unit_id"]
    there = coded(seen).select(*keys, pl.lit(True).alias("_seen"))
    cells = cells.join(there, on=keys, how="left", maintain_order="left")
    is_seen = pl.col("_seen").fill_null(False)
    flags = [n for n in cells.columns if n in FLAGS or n.startswith("_small_")]
    cells = cells.with_columns((pl.col(name) & ~is_seen).alias(name) for name in flags)
    known = pl.col("_known") if "_known" in flags else pl.lit(False)
    return cells.with_columns((known | is_seen).alias("_known")).drop("_seen")


def _scope(
    keys: pl.DataFrame,
    registry: Registry,
    delivered: Mapping[str, date],
    policy: SuppressionPolicy,
) -> pl.DataFrame:
    keys = plain(keys.unique())
    unregistered = set(keys["kpi_id"]) - {kpi.id for kpi in registry.kpis}
    if unregistered:
        raise DisclosureError(f"KPIs without an entry in the registry: {sorted(unregistered)}")
    return released_periods(keys, registry, delivered, policy)


def _report(cells: pl.DataFrame, hidden: pl.DataFrame) -> dict[str, Any]:
    """How many cells with numbers there are, and how many are hidden for which reason."""
    where = ["level", "period_grain"]
    shown = cells.filter(pl.col("status").is_in(SHOWN))
    counts = (
        shown.group_by(where)
        .len("cells")
        .join(
            hidden.group_by(where).agg(
                *(
                    (pl.col("reason") == reason).sum().cast(pl.Int64).alias(reason)
                    for reason in REASONS
                )
            ),
            on=where,
            how="left",
        )
        .with_columns(pl.col("cells").cast(pl.Int64), pl.col(REASONS).fill_null(0))
        .pipe(plain)
        .sort(where)
    )
    totals = counts.select(pl.col("cells", *REASONS).sum()).to_dicts()[0]
    return {**totals, "by_level_and_grain": counts.to_dicts()}


def _rows(warehouse: Path) -> int:
    """How many figures there are, those that are not released included."""
    import duckdb

    with duckdb.connect(str(warehouse), read_only=True) as connection:
        values = release_content.relation(connection, "kpi_values")
        rows = connection.execute(f"select count(*) from {values}").fetchall()
    return int(rows[0][0])


def _read(
    warehouse: Path, registry: Registry, delivered: Mapping[str, date], policy: SuppressionPolicy
) -> tuple[pl.DataFrame, dict[Unit, frozenset[Unit]]]:
    """The figures that may matter, and which unit lies in which.

    Most figures are of periods too short to be released, and are left where they are.
    """
    import duckdb

    connection = duckdb.connect(str(warehouse), read_only=True)
    try:
        values = release_content.relation(connection, "kpi_values")
        columns = ", ".join((*KEY, *_NUMBERS, "status"))
        keys = connection.sql(f"select distinct kpi_id, segment, level from {values}").pl()
        scope = _scope(keys, registry, delivered, policy)
        wanted = scope.select("level", "kpi_id", "segment", "period_grain").unique()
        connection.register("wanted", wanted.to_arrow(compat_level=pl.CompatLevel.oldest()))
        frame = connection.sql(_FIGURES_SQL.format(columns=columns, kpi_values=values)).pl()
        hierarchy = release_content.relation(connection, "unit_hierarchy", required=False)
        if hierarchy is not None:
            query = _HIERARCHY_SQL.format(unit_hierarchy=hierarchy, kpi_values=values)
        else:
            names = ("municipalities", "health_trusts", "units")
            query = _SEEDS_SQL.format(
                **{name: release_content.relation(connection, name) for name in names}
            )
        links = connection.execute(query).fetchall()
    finally:
        connection.close()
    parents: dict[Unit, set[Unit]] = {}
    for level, unit, parent_level, parent in links:
        if parent is not None:
            parents.setdefault((level, unit), set()).add((parent_level, parent))
    return frame, {unit: frozenset(above) for unit, above in parents.items()}


def _write(
    warehouse: Path,
    schema: str,
    name_of_decision: str,
    decision: Decision,
    policy: SuppressionPolicy,
    history: History,
    further: Mapping[str, pl.DataFrame],
) -> None:
    import duckdb

    before = read_info(warehouse, schema)
    is_published = history.decision is not None and before.get(_NAME) == history.decision
    said = {
        "policy": policy.describe(),
        "report": {**decision.report, _NAME: name_of_decision},
        _NAME: name_of_decision,
        _PUBLISHED_NUMBERS: before.get(_NAME if is_published else _PUBLISHED_NUMBERS),
    }
    info = pl.DataFrame(
        {"name": list(said), "value": [json.dumps(value) for value in said.values()]}
    )
    tables = {
        "kpi_hidden": decision.hidden,
        "kpi_scope": decision.scope,
        "kpi_limits": decision.limits,
        WITHDRAWN: decision.withdrawn,
        _HIDDEN_NUMBERS: decision.numbers,
        "info": info,
        **further,
    }
    connection = duckdb.connect(str(warehouse))
    try:
        connection.execute("begin")
        connection.execute(f"create schema if not exists {schema}")
        if is_published:
            connection.execute(
                f"create or replace table {schema}.{_PUBLISHED_NUMBERS}"
                f" as from {schema}.{_HIDDEN_NUMBERS}"
            )
        for name, frame in tables.items():
            connection.register("incoming", frame.to_arrow(compat_level=pl.CompatLevel.oldest()))
            connection.execute(f"create or replace table {schema}.{name} as from incoming")
            connection.unregister("incoming")
        connection.execute("commit")
    finally:
        connection.close()


def _hidden_numbers(warehouse: Path, schema: str, decision: str) -> pl.DataFrame | None:
    """What the cells are that a decision hides; None when the warehouse does not know."""
    import duckdb

    info = read_info(warehouse, schema)
    names = {info.get(_NAME): _HIDDEN_NUMBERS, info.get(_PUBLISHED_NUMBERS): _PUBLISHED_NUMBERS}
    if decision not in names:
        return None
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        frame: pl.DataFrame = connection.sql(f"select * from {schema}.{names[decision]}").pl()
        return frame


def read_info(warehouse: Path, schema: str = SCHEMA) -> dict[str, Any]:
    """What the last run of the step left: `policy` and `report`; empty when it never ran."""
    import duckdb

    connection = duckdb.connect(str(warehouse), read_only=True)
    try:
        rows = connection.execute(f"select name, value from {schema}.info").fetchall()
    except duckdb.CatalogException:
        return {}
    finally:
        connection.close()
    return {name: json.loads(value) for name, value in rows}
