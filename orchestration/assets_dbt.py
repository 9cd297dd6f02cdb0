"""The dbt project as assets, and its tests as asset checks. dbt runs in this process.

Two builds: the first ends with the figures, the second is made from those that may be seen. What
may be seen is decided in between, by an asset of its own (`orchestration.assets_disclosure`).
"""

# Dagster reads the annotations of step functions, so they are not postponed here.

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from graphlib import TopologicalSorter
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, dbt_assets
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

from orchestration.assets_sources import WRITER_POOL, lake_key
from orchestration.engine import Engine
from orchestration.warehouse import COMPARISON, BuildOutcome, RawEvent

KPI_VALUES = "kpi_values"
KPI_RELEASABLE = "kpi_releasable"
# Sources whose tables the steps write into the warehouse.
_HANDED_OVER = ("disclosure", "site")
_LAKE_MODEL_PREFIX = "stg_lake__"


class Translator(DagsterDbtTranslator):  # type: ignore[misc, unused-ignore]
    """Names, groups and the edge from the lake, which dbt reads as files and so does not know."""

    def __init__(self, contracts: list[str]) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True))
        self._contracts = contracts

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        name = str(dbt_resource_props["name"])
        source = dbt_resource_props.get("source_name")
        return dg.AssetKey([str(source) if source in _HANDED_OVER else "warehouse", name])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        if dbt_resource_props["resource_type"] == "seed":
            return "seeds"
        folders = dbt_resource_props["fqn"][1:-1]
        return str(folders[0]) if folders else "warehouse"

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: Any
    ) -> dg.AssetSpec:
        spec: dg.AssetSpec = super().get_asset_spec(manifest, unique_id, project)
        name = unique_id.split(".")[-1]
        if unique_id.startswith("model.") and name.startswith(_LAKE_MODEL_PREFIX):
            spec = spec.merge_attributes(deps=[lake_key(contract) for contract in self._contracts])
        return spec

    def get_asset_check_spec(
        self, asset_spec: dg.AssetSpec, manifest: Mapping[str, Any], unique_id: str, project: Any
    ) -> dg.AssetCheckSpec | None:
        """A failed test fails the build step, which stops the release. Blocking by check as well
        would only warn about the tests that a normal load leaves out."""
        spec: dg.AssetCheckSpec | None = super().get_asset_check_spec(
            asset_spec, manifest, unique_id, project
        )
        return None if spec is None else spec._replace(blocking=False)


def kpi_values_key() -> dg.AssetKey:
    """The figures, before anything is hidden."""
    return dg.AssetKey(["warehouse", KPI_VALUES])


def kpi_releasable_key() -> dg.AssetKey:
    """The asset that a release is made from."""
    return dg.AssetKey(["warehouse", KPI_RELEASABLE])


def build_dbt_assets(
    manifest: Mapping[str, Any], contracts: list[str]
) -> tuple[dg.AssetsDefinition, dg.AssetsDefinition]:
    """Every seed and model as an asset, every data test as a check: the two builds."""
    translator = Translator(contracts)
    handed_on = _read_by_comparison(manifest, translator)

    @dbt_assets(  # type: ignore[untyped-decorator, unused-ignore]
        manifest=manifest,
        name="dbt_build",
        exclude=COMPARISON,
        dagster_dbt_translator=translator,
        required_resource_keys={"engine"},
        pool=WRITER_POOL,
        op_tags={"dagster/priority": "2"},
    )
    def warehouse(context: dg.AssetExecutionContext) -> Iterator[Any]:
        engine: Engine = context.resources.engine
        step = engine.build_warehouse
        yield from _run(
            context, manifest, translator, step, kpi_values_key(), handed_on, _WAREHOUSE
        )

    @dbt_assets(  # type: ignore[untyped-decorator, unused-ignore]
        manifest=manifest,
        name="dbt_compare",
        select=COMPARISON,
        dagster_dbt_translator=translator,
        required_resource_keys={"engine"},
        pool=WRITER_POOL,
        op_tags={"dagster/priority": "2"},
    )
    def comparison(context: dg.AssetExecutionContext) -> Iterator[Any]:
        engine: Engine = context.resources.engine
        step = engine.compare_warehouse
        yield from _run(context, manifest, translator, step, kpi_releasable_key(), {}, _COMPARISON)

    return warehouse, comparison


_WAREHOUSE, _COMPARISON = "Datavarehus / warehouse", "Sammenligning / comparison"
_Step = Callable[[Callable[[RawEvent], None], Sequence[str]], BuildOutcome | None]


def _run(
    context: dg.AssetExecutionContext,
    manifest: Mapping[str, Any],
    translator: Translator,
    step: _Step,
    result: dg.AssetKey,
    handed_on: Mapping[dg.AssetKey, Set[str]],
    name_of_step: str,
) -> Iterator[Any]:
    """One dbt build as Dagster events.

    `result` is the asset that the next step is about. `handed_on` are all that later steps read, in
    the order of the project, each with the outputs made from it. A step is left out when one of
    these is not reported, and a normal load builds only some of them: the others are reported as
    unchanged, before what is made from them.
    """
    engine: Engine = context.resources.engine
    select = _selection(context, manifest, translator)
    outcome: BuildOutcome | None = None
    built: set[str] = set()
    for item in _build(step, select):
        if isinstance(item, BuildOutcome):
            outcome = item
            continue
        message = DbtCoreCliEventMessage(raw_event=dict(item), event_history_metadata={})
        for event in message.to_default_asset_events(manifest, translator, context):
            if isinstance(event, dg.Output):
                name = event.output_name
                yield from _left_alone(context, handed_on, built | {name}, before=name)
                built |= {name, *_names(handed_on, before=name)}
            yield event
    if outcome is None:
        engine.say(f"{name_of_step}: alle bunter er med / holds every batch")
    else:
        engine.say(_summary(name_of_step, outcome))
        if outcome.failures:
            raise dg.Failure(
                "dbt: " + "; ".join(outcome.failures),
                metadata={"failures": list(outcome.failures)},
                allow_retries=False,
            )
    yield from _left_alone(context, handed_on, built | {result.to_python_identifier()})
    if result in context.selected_asset_keys and result.to_python_identifier() not in built:
        yield from _unchanged(context, result, checks=True)


def _names(handed_on: Mapping[dg.AssetKey, Set[str]], before: str | None = None) -> list[str]:
    """The outputs that are handed on; only those that `before` is made from when it is given."""
    return [
        key.to_python_identifier()
        for key, made_from_it in handed_on.items()
        if before is None or before in made_from_it
    ]


def _left_alone(
    context: dg.AssetExecutionContext,
    handed_on: Mapping[dg.AssetKey, Set[str]],
    reported: Set[str],
    before: str | None = None,
) -> Iterator[Any]:
    """Outputs that are handed on and that this build has left as they were."""
    wanted = set(_names(handed_on, before)) - reported
    for key in handed_on:
        if key.to_python_identifier() in wanted and key in context.selected_asset_keys:
            yield from _unchanged(context, key, checks=False)


def _unchanged(
    context: dg.AssetExecutionContext, key: dg.AssetKey, *, checks: bool
) -> Iterator[Any]:
    """Nothing was pending: what is there is what a release is made from, and its tests passed."""
    metadata = {"status": "unchanged since the last build"}
    yield dg.Output(None, output_name=key.to_python_identifier(), metadata=metadata)
    for check in context.selected_asset_check_keys:
        if checks and check.asset_key == key:
            yield dg.AssetCheckResult(
                asset_key=check.asset_key, check_name=check.name, passed=True, metadata=metadata
            )


def _build(step: _Step, select: list[str]) -> Iterator[RawEvent | BuildOutcome]:
    """dbt's result events as they come, then the outcome. dbt works on a thread of its own, so
    that storing events does not stand in its way."""
    events: queue.Queue[RawEvent | BuildOutcome | BaseException | None] = queue.Queue()

    def work() -> None:
        try:
            events.put(step(events.put, select))
        except BaseException as error:
            events.put(error)

    worker = threading.Thread(target=work, name="dbt", daemon=True)
    worker.start()
    while True:
        item = events.get()
        if isinstance(item, BaseException):
            raise item
        if item is None:
            return
        yield item
        if isinstance(item, BuildOutcome):
            return


def _selection(
    context: dg.AssetExecutionContext, manifest: Mapping[str, Any], translator: Translator
) -> list[str]:
    """dbt's selection arguments when a part of the project was picked by hand; empty for all."""
    if not context.is_subset:
        return []
    keys = context.selected_asset_keys
    names = [
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] in ("model", "seed", "snapshot")
        and translator.get_asset_key(node) in keys
    ]
    return ["--select", *names, "--exclude-resource-type", "unit_test"]


def _read_by_comparison(
    manifest: Mapping[str, Any], translator: DagsterDbtTranslator
) -> dict[dg.AssetKey, set[str]]:
    """What the second build reads of the first, in the order of the project, each with the names
    of the outputs that are made from it."""
    nodes = manifest["nodes"]
    parents = {
        name: [parent for parent in node.get("depends_on", {}).get("nodes", []) if parent in nodes]
        for name, node in nodes.items()
        if node["resource_type"] in ("model", "seed", "snapshot")
    }
    order = list(TopologicalSorter(parents).static_order())
    ancestors: dict[str, set[str]] = {}
    for name in order:
        direct = parents.get(name, [])
        ancestors[name] = {*direct, *(up for parent in direct for up in ancestors[parent])}
    tag = COMPARISON.removeprefix("tag:")
    second = {name for name in parents if tag in nodes[name].get("tags", [])}
    read = {parent for name in second for parent in parents[name]} - second
    keys = {name: translator.get_asset_key(nodes[name]) for name in parents}
    return {
        keys[name]: {keys[n].to_python_identifier() for n in parents if name in ancestors[n]}
        for name in order
        if name in read
    }


def _summary(name_of_step: str, outcome: BuildOutcome) -> str:
    counts = ", ".join(f"{count} {status}" for status, count in sorted(outcome.counts.items()))
    slow = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in outcome.slowest[:3])
    kind = "alt på nytt / full" if outcome.full_refresh else "nye bunter / new batches"
    return f"{name_of_step}: {kind}, {counts} på {outcome.seconds:.1f} s ({slow})"
