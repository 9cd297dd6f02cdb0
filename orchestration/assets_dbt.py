"""The dbt project as assets, and its tests as asset checks. dbt runs in this process.

Two builds: the first ends with the figures, the second is made from those that may be seen. What
may be seen is decided in between, by an asset of its own (`orchestration.assets_disclosure`).
"""

# Dagster reads the annotations of step functions, so they are not postponed here.

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, dbt_assets
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

from orchestration.assets_sources import WRITER_POOL, lake_key
from orchestration.engine import Engine
from orchestration.warehouse import COMPARISON, BuildOutcome, RawEvent

KPI_VALUES = "kpi_values"
KPI_RELEASABLE = "kpi_releasable"
_DISCLOSURE_SOURCE = "disclosure"
_LAKE_MODEL_PREFIX = "stg_lake__"


class Translator(DagsterDbtTranslator):  # type: ignore[misc, unused-ignore]
    """Names, groups and the edge from the lake, which dbt reads as files and so does not know."""

    def __init__(self, contracts: list[str]) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True))
        self._contracts = contracts

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        name = str(dbt_resource_props["name"])
        if dbt_resource_props.get("source_name") == _DISCLOSURE_SOURCE:
            return dg.AssetKey([_DISCLOSURE_SOURCE, name])
        return dg.AssetKey(["warehouse", name])

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
        yield from _run(context, manifest, translator, engine.build_warehouse, kpi_values_key())

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
        yield from _run(context, manifest, translator, step, kpi_releasable_key())

    return warehouse, comparison


_Step = Callable[[Callable[[RawEvent], None], Sequence[str]], BuildOutcome | None]


def _run(
    context: dg.AssetExecutionContext,
    manifest: Mapping[str, Any],
    translator: Translator,
    step: _Step,
    result: dg.AssetKey,
) -> Iterator[Any]:
    """One dbt build as Dagster events. `result` is the asset that the next step reads."""
    engine: Engine = context.resources.engine
    select = _selection(context, manifest, translator)
    outcome: BuildOutcome | None = None
    built = False
    for item in _build(step, select):
        if isinstance(item, BuildOutcome):
            outcome = item
            continue
        message = DbtCoreCliEventMessage(raw_event=dict(item), event_history_metadata={})
        for event in message.to_default_asset_events(manifest, translator, context):
            built = built or _is_output_of(event, result)
            yield event
    if outcome is None:
        engine.say("Varehus / warehouse: alle bunter er lastet / holds every batch")
    else:
        engine.say(_summary(outcome))
        if outcome.failures:
            raise dg.Failure(
                "dbt: " + "; ".join(outcome.failures),
                metadata={"failures": list(outcome.failures)},
                allow_retries=False,
            )
    if not built and result in context.selected_asset_keys:
        yield from _unchanged(context, result)


def _unchanged(context: dg.AssetExecutionContext, result: dg.AssetKey) -> Iterator[Any]:
    """Nothing was pending: what is there is what a release is made from, and its tests passed."""
    metadata = {"status": "unchanged since the last build"}
    yield dg.Output(None, output_name=result.to_python_identifier(), metadata=metadata)
    for check in context.selected_asset_check_keys:
        if check.asset_key == result:
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


def _is_output_of(event: Any, key: dg.AssetKey) -> bool:
    return isinstance(event, dg.Output) and event.output_name == key.to_python_identifier()


def _summary(outcome: BuildOutcome) -> str:
    counts = ", ".join(f"{count} {status}" for status, count in sorted(outcome.counts.items()))
    slow = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in outcome.slowest[:3])
    kind = "alt på nytt / full" if outcome.full_refresh else "nye bunter / new batches"
    return f"Varehus / warehouse: {kind}, {counts} på {outcome.seconds:.1f} s ({slow})"
