"""Disclosure control as an asset between the two dbt builds."""

# Dagster reads the annotations of step functions, so they are not postponed here.

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from orchestration.assets_dbt import kpi_values_key
from orchestration.assets_sources import WRITER_POOL, lake_key
from orchestration.engine import Clock, Engine
from reporting.numbers import spaced

TABLES = {
    "kpi_hidden": "The cells of kpi_values whose numbers are hidden, and why.",
    "kpi_scope": "The last released period per KPI, segment, level and grain.",
    "kpi_limits": "From how many observations on the limits of percentiles are shown.",
    "part_hidden": "Hours of the week and classes of times that are hidden.",
    "part_scope": "The last released period of them per level and grain.",
}


# What more is hidden at each step, where no other world is found for a number.
STEPS = {
    "shape": ("ingenting mer", "nothing more"),
    "unit": ("flere perioder for enheten", "more periods of the unit"),
    "period": ("andre enheter i samme periode", "other units in the same period"),
    "elsewhere": ("andre enheter og perioder", "other units and periods"),
    "again": ("tall som er vist før", "figures shown before"),
    "table": ("hele tabellen", "the whole table"),
    "all": ("alle tabellene for området", "all tables of the area"),
}


def hidden_besides(report: Mapping[str, Any]) -> Iterator[str]:
    """What was hidden for numbers without protection, or because it followed in the attack."""
    parts = report.get("parts", {}).values()
    rungs = [rung for of in (report, *parts) for rung in of.get("hidden_further", ())]
    for step, (nb, en) in STEPS.items():
        numbers, rows = (
            sum(rung[name] for rung in rungs if rung["step"] == step)
            for name in ("numbers", "rows")
        )
        if rows:
            yield (
                f"{spaced(rows)} celler til er skjult for tall som kunne følge av andre: {nb}; "
                f"{spaced(numbers)} er beskyttet med det. / {spaced(rows)} more cells are hidden "
                f"for numbers that could follow from others: {en}; {spaced(numbers)} are protected "
                "by it."
            )
    if cells := report.get("unprotected", 0):
        yield (
            f"{spaced(cells)} skjulte tall følger av andre, og ingenting utgis / hidden numbers "
            "follow from others, and nothing is released"
        )
    if left := report.get("audit", {}).get("left", 0):
        yield (
            f"{spaced(left)} tall er nylig skjult, og er ikke prøvd med et angrep / numbers are "
            "newly hidden, and were not attacked: akutt release attack"
        )
    more = report.get("audit", {}).get("hidden_for_it", 0)
    if more:
        yield (
            f"Angrepet fant tall som følger av andre; {spaced(more)} celler til er skjult. / "
            "The attack found numbers that follow from others; "
            f"{spaced(more)} more cells are hidden."
        )


def disclosure_key(table: str) -> dg.AssetKey:
    """The key of a table that the second dbt build reads as a source."""
    return dg.AssetKey(["disclosure", table])


def build_disclosure_asset(contracts: list[str]) -> dg.AssetsDefinition:
    """Decides what may be seen of the figures."""

    @dg.multi_asset(
        name="disclosure",
        specs=[
            dg.AssetSpec(
                disclosure_key(table),
                deps=[kpi_values_key(), *(lake_key(contract) for contract in contracts)],
                group_name="disclosure",
                description=description,
                kinds={"duckdb"},
            )
            for table, description in TABLES.items()
        ],
        required_resource_keys={"engine"},
        pool=WRITER_POOL,
        op_tags={"dagster/priority": "2"},
    )
    def disclosure(context: dg.AssetExecutionContext) -> Iterator[Any]:
        engine: Engine = context.resources.engine
        clock = Clock()
        decision = engine.disclose()
        if decision is None:
            metadata: dict[str, Any] = {"status": "unchanged since the last decision"}
        else:
            metadata = dict(decision.report)
            cells, hidden = decision.report["cells"], decision.hidden.height
            engine.say(
                f"Avsløringskontroll / disclosure: {spaced(hidden)} av / of {spaced(cells)} "
                f"celler skjult / hidden på {clock.seconds:.1f} s"
            )
            for line in hidden_besides(decision.report):
                engine.say(line)
        for table in TABLES:
            yield dg.MaterializeResult(asset_key=disclosure_key(table), metadata=metadata)

    return disclosure
