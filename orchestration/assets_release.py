"""The checkpoint on the deliveries, and the release that all checks must let through."""

# Dagster reads the annotations of step functions, so they are not postponed here.

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from orchestration.assets_dbt import kpi_releasable_key
from orchestration.assets_sources import WRITER_POOL, lake_key
from orchestration.engine import Clock, Engine, GateError
from orchestration.quality.checkpoint import Finding
from orchestration.quality.suites import RECONCILIATION

QUALITY_KEY = dg.AssetKey(["quality", "daily_profile"])
RELEASE_KEY = dg.AssetKey(["release", "current"])


def build_quality_asset(sources: list[str], contracts: list[str]) -> dg.AssetsDefinition:
    """Data Docs over the daily profile; one check per source and one across sources."""
    suites = [*sources, RECONCILIATION]

    @dg.multi_asset(
        name="daily_profile",
        specs=[
            dg.AssetSpec(
                QUALITY_KEY,
                deps=[lake_key(contract) for contract in contracts],
                group_name="quality",
                description="Great Expectations on the daily profile per source, as Data Docs.",
                kinds={"great_expectations"},
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(
                f"expectations_{suite}",
                asset=QUALITY_KEY,
                blocking=True,
                description=f"Daily profile of {suite}: volume, completeness, freshness, rejects",
            )
            for suite in suites
        ],
        required_resource_keys={"engine"},
        # After dbt, which takes longer: the checkpoint's own process works in the meantime.
        op_tags={"dagster/priority": "1"},
    )
    def daily_profile(context: dg.AssetExecutionContext) -> Iterator[Any]:
        engine: Engine = context.resources.engine
        quality = engine.quality()
        engine.say(
            f"Kvalitet / quality: {len(quality.findings)} forventninger, "
            f"{len(quality.failed)} brutt "
            f"({len(quality.blocking)} stopper utgivelsen / block the release)"
        )
        yield dg.MaterializeResult(
            asset_key=QUALITY_KEY,
            metadata={
                "data_docs": dg.MetadataValue.path(str(quality.docs / "index.html")),
                "expectations": len(quality.findings),
                "failed": len(quality.failed),
            },
        )
        for suite in suites:
            mine = [finding for finding in quality.findings if finding.suite == suite]
            yield _check_result(suite, mine)

    return daily_profile


def build_release_asset(contracts: list[str]) -> dg.AssetsDefinition:
    """The release. It asks for itself whether anything holds it back, whoever started it."""

    @dg.asset(
        key=RELEASE_KEY,
        deps=[kpi_releasable_key(), QUALITY_KEY, *(lake_key(contract) for contract in contracts)],
        group_name="release",
        description="What readers see: suppressed, frozen, versioned, swapped in one step.",
        kinds={"duckdb", "parquet"},
        required_resource_keys={"engine"},
        pool=WRITER_POOL,
    )
    def release(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        engine: Engine = context.resources.engine
        clock = Clock()
        try:
            result = engine.release()
        except GateError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        verb = "ny / new" if result.created else result.reason
        engine.say(f"Utgivelse / release: {result.release_id} ({verb}) på {clock.seconds:.1f} s")
        return dg.MaterializeResult(
            asset_key=RELEASE_KEY,
            metadata={
                "release_id": result.release_id,
                "content_hash": result.content_hash,
                "created": result.created,
                "published": result.published,
                "reason": result.reason,
                "path": dg.MetadataValue.path(str(result.path)),
            },
        )

    return release


def _check_result(suite: str, findings: list[Finding]) -> dg.AssetCheckResult:
    failed = [finding for finding in findings if not finding.success]
    blocking = any(finding.blocking for finding in failed)
    severity = dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN
    metadata: Mapping[str, Any] = {
        "expectations": len(findings),
        "failed": dg.MetadataValue.md("\n".join(f"- {finding.sentence}" for finding in failed)),
    }
    return dg.AssetCheckResult(
        asset_key=QUALITY_KEY,
        check_name=f"expectations_{suite}",
        passed=not failed,
        severity=severity,
        metadata=metadata,
    )
