"""The one place where assets, checks, job, sensor and schedule are put together.

`build_definitions()` composes; nothing here reads or writes at import time. Dagster's own tools
load the module and call `defs`.
"""

# Dagster reads the annotations of step functions, so they are not postponed here.

from collections.abc import Mapping
from typing import Any

import dagster as dg

from orchestration.assets_dbt import build_dbt_assets
from orchestration.assets_disclosure import build_disclosure_asset
from orchestration.assets_release import build_quality_asset, build_release_asset
from orchestration.assets_sources import build_lake_assets, build_source_assets
from orchestration.engine import Engine, Settings
from orchestration.paths import akutt_home

JOB = "akutt"
SENSOR_SECONDS = 60
# Deliveries of a day are extracted at 04:00 the next morning.
SCHEDULE = "30 5 * * *"


def build_definitions(overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Everything Dagster knows of this project.

    `overrides` replaces resources by name; the only one is `engine`.
    """
    resources: dict[str, Any] = {"engine": None} | dict(overrides or {})
    unknown = set(resources) - {"engine"}
    if unknown:
        raise ValueError(f"unknown resources: {sorted(unknown)}")
    engine: Engine = resources["engine"] or Engine(Settings(akutt_home()))
    specs = engine.sources()
    contracts = sorted({spec.contract for spec in specs.values()})
    job = dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.all(),
        description="Everything pending, from inbox to release. `akutt run` runs this job.",
        executor_def=dg.in_process_executor,
    )
    return dg.Definitions(
        assets=[
            build_source_assets(specs),
            build_lake_assets(specs),
            *build_dbt_assets(engine.warehouse.manifest(), contracts),
            build_disclosure_asset(contracts),
            build_quality_asset(list(specs), contracts),
            build_release_asset(contracts),
        ],
        jobs=[job],
        sensors=[_inbox_sensor()],
        schedules=[_daily_schedule()],
        resources={"engine": dg.ResourceDefinition.hardcoded_resource(engine)},
        executor=dg.in_process_executor,
    )


def _inbox_sensor() -> dg.SensorDefinition:
    @dg.sensor(
        name="inbox",
        job_name=JOB,
        minimum_interval_seconds=SENSOR_SECONDS,
        required_resource_keys={"engine"},
        description="Starts the job when the inbox holds files that the lake does not know.",
    )
    def inbox(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        engine: Engine = context.resources.engine
        pending = engine.pending()
        if not pending:
            return dg.SkipReason("the lake knows every file in the inbox")
        files = sum(pending.values())
        # The lake's state is part of the key: the same files after a failed run are tried once,
        # and again when something has been taken in since.
        run_key = f"{engine.lake()}:" + ",".join(f"{k}={n}" for k, n in sorted(pending.items()))
        return dg.RunRequest(run_key=run_key, tags={"akutt/pending_files": str(files)})

    return inbox


def _daily_schedule() -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name="daily",
        job_name=JOB,
        cron_schedule=SCHEDULE,
        execution_timezone="Europe/Oslo",
        description="Once a day after the night's deliveries, also when the sensor is off.",
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What `dagster dev` and `dagster definitions validate` load."""
    engine = Engine(Settings(akutt_home()))
    for error in engine.skipped_sources():
        dg.get_dagster_logger().warning(f"Kilde hoppet over / source skipped: {error}")
    return build_definitions({"engine": engine})
