"""The deliveries: one asset per source file of the registry, and the lake they fill."""

# Dagster reads the annotations of step functions, so they are not postponed here.

import json
from collections.abc import Iterator, Mapping
from datetime import date
from time import perf_counter
from typing import Any

import dagster as dg
import polars as pl

from ingestion.intake import IngestReport, Progress
from ingestion.sources.spec import SourceSpec
from orchestration.engine import Engine
from orchestration.taken_in import counted, to_look_at
from reporting.numbers import spaced

WRITER_POOL = "duckdb_writer"
# The first day that Dagster offers as a partition; earlier deliveries are taken in all the same.
FIRST_PARTITION = "2024-01-01"
# Storing one event takes milliseconds, so a year of ten daily sources would spend longer on events
# than on rows. Beyond this number a run reports each source once, with its span.
MAX_PARTITION_EVENTS = 60

IDENTITY_CHECK = "rows_accounted_for"
RULES_CHECK = "rule_outcomes"
REFUSED_CHECK = "refused_files"
BATCH_CHECK = "batches_match_receipts"

daily = dg.DailyPartitionsDefinition(
    start_date=FIRST_PARTITION, timezone="Europe/Oslo", end_offset=1
)


def source_key(source: str) -> dg.AssetKey:
    """The asset of one source."""
    return dg.AssetKey(["source", source])


def lake_key(contract: str) -> dg.AssetKey:
    """The asset of one record type in the lake."""
    return dg.AssetKey(["lake", contract])


def build_source_assets(specs: Mapping[str, SourceSpec]) -> dg.AssetsDefinition:
    """One asset per source, partitioned by delivery date, taken in together.

    They are one step because intake reads the next source's files while it judges the present one's
    and because the step overhead of ten steps is seconds.
    """

    @dg.multi_asset(
        name="intake",
        specs=[
            dg.AssetSpec(
                source_key(name),
                group_name="sources",
                description=f"Deliveries of {name}, judged under the contract {spec.contract}.",
                metadata={"contract": spec.contract, "files": spec.files, "owner": spec.owner},
                kinds={"polars", spec.format.type},
                partitions_def=daily,
                skippable=True,
            )
            for name, spec in specs.items()
        ],
        check_specs=[
            spec
            for name in specs
            for spec in (
                dg.AssetCheckSpec(
                    IDENTITY_CHECK,
                    asset=source_key(name),
                    blocking=True,
                    description="rows read = accepted + rejected + exact duplicates",
                ),
                dg.AssetCheckSpec(
                    RULES_CHECK,
                    asset=source_key(name),
                    description="Rows per rule code: rejected, or kept with a warning",
                ),
                dg.AssetCheckSpec(
                    REFUSED_CHECK,
                    asset=source_key(name),
                    description="Files refused whole, per rule code",
                ),
            )
        ],
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.single_run(),
        required_resource_keys={"engine"},
        pool=WRITER_POOL,
        op_tags={"dagster/priority": "3"},
    )
    def intake(context: dg.AssetExecutionContext) -> Iterator[Any]:
        engine: Engine = context.resources.engine
        names = [
            name
            for name in specs
            if source_key(name) in context.op_execution_context.selected_asset_keys
        ]
        if any(engine.pending().values()):
            engine.checkpoint.start()
        report = engine.intake(names, _dates(context), progress=_teller(engine))
        engine.say(counted(report))
        for line in to_look_at(report, engine.home.inbox, specs):
            engine.say(line)
        receipts = engine.receipts()
        for event in _partition_events(report, receipts):
            context.log_event(event)
        for name in names:
            yield from _source_events(name, report, receipts)

    return intake


def build_lake_assets(specs: Mapping[str, SourceSpec]) -> dg.AssetsDefinition:
    """One asset per record type: all its batches, each checked against its receipts."""
    contracts: dict[str, list[str]] = {}
    for name, spec in specs.items():
        contracts.setdefault(spec.contract, []).append(name)

    @dg.multi_asset(
        name="lake",
        specs=[
            dg.AssetSpec(
                lake_key(contract),
                deps=[source_key(name) for name in names],
                group_name="lake",
                description=f"Accepted and rejected rows of {contract}, in immutable batches.",
                kinds={"parquet"},
                skippable=True,
            )
            for contract, names in contracts.items()
        ],
        check_specs=[
            dg.AssetCheckSpec(
                BATCH_CHECK,
                asset=lake_key(contract),
                blocking=True,
                description="Each batch holds exactly the rows that its receipts state",
            )
            for contract in contracts
        ],
        can_subset=True,
        required_resource_keys={"engine"},
        op_tags={"dagster/priority": "3"},
    )
    def lake(context: dg.AssetExecutionContext) -> Iterator[Any]:
        engine: Engine = context.resources.engine
        engine.ask_quality()
        problems = engine.lake_problems()
        receipts = engine.receipts()
        for contract in contracts:
            key = lake_key(contract)
            if key not in context.op_execution_context.selected_asset_keys:
                continue
            mine = receipts.filter(receipts["contract"] == contract)
            yield dg.MaterializeResult(
                asset_key=key,
                metadata={
                    "batches": mine["batch_id"].n_unique(),
                    "deliveries": mine.height,
                    "dagster/row_count": int(mine["accepted"].sum()),
                },
            )
            found = [item for item in problems if item.startswith(f"{contract}/")]
            yield dg.AssetCheckResult(
                asset_key=key,
                check_name=BATCH_CHECK,
                passed=not found,
                severity=dg.AssetCheckSeverity.ERROR,
                metadata={"problems": dg.MetadataValue.md("\n".join(f"- {p}" for p in found))},
            )

    return lake


def _dates(context: dg.AssetExecutionContext) -> tuple[date, date] | None:
    """The delivery dates of the run's partitions; None takes everything that is pending."""
    if not (context.has_partition_key or context.has_partition_key_range):
        return None
    keys = context.partition_key_range
    return date.fromisoformat(keys.start), date.fromisoformat(keys.end)


def _teller(engine: Engine) -> Any:
    last = [0.0]

    def tell(step: Progress) -> None:
        done = step.files_done == step.files_total
        if not done and perf_counter() - last[0] < 1.0:
            return
        last[0] = perf_counter()
        engine.say(
            f"  {step.seconds:6.1f} s  {step.source}: {step.files_done}/{step.files_total} filer, "
            f"{spaced(step.rows)} rader"
        )

    return tell


def _partition_events(
    report: IngestReport, receipts: pl.DataFrame
) -> Iterator[dg.AssetMaterialization]:
    """One event per source and delivery date taken in, when they are few."""
    taken = receipts.filter(
        receipts["batch_id"].is_in(report.batch_ids) & receipts["delivered_on"].is_not_null()
    )
    taken = taken.filter(taken["delivered_on"] >= date.fromisoformat(FIRST_PARTITION))
    days = taken.group_by("source", "delivered_on").agg(
        pl.col("rows_read", "accepted", "rejected").sum()
    )
    if days.height > MAX_PARTITION_EVENTS:
        return
    for row in days.sort("source", "delivered_on").iter_rows(named=True):
        yield dg.AssetMaterialization(
            asset_key=source_key(row["source"]),
            partition=row["delivered_on"].isoformat(),
            metadata={name: row[name] for name in ("rows_read", "accepted", "rejected")},
        )


def _source_events(name: str, report: IngestReport, receipts: pl.DataFrame) -> Iterator[Any]:
    """The materialisation of one source and what its receipts say, of this run if it took any."""
    key, counts = source_key(name), report.sources[name]
    mine = receipts.filter(receipts["source"] == name)
    new = mine.filter(mine["batch_id"].is_in(counts.batch_ids))
    looked_at = new if new.height else mine
    yield dg.MaterializeResult(
        asset_key=key,
        metadata={
            "files_taken_in": counts.files_read,
            "files_refused": counts.files_refused,
            "rows_read": counts.rows_read,
            "accepted": counts.accepted,
            "rejected": counts.rejected,
            "exact_duplicates": counts.exact_duplicates,
            "first_delivery": str(looked_at["delivered_on"].min()),
            "last_delivery": str(looked_at["delivered_on"].max()),
        },
    )
    read = int(looked_at["rows_read"].sum())
    kept = sum(int(looked_at[c].sum()) for c in ("accepted", "rejected", "exact_duplicates"))
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name=IDENTITY_CHECK,
        passed=read == kept,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"rows_read": read, "accounted_for": kept},
    )
    rejections, warnings = _tally(looked_at, "rejections"), _tally(looked_at, "warnings")
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name=RULES_CHECK,
        passed=not rejections,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "deliveries": looked_at.height,
            "rejected": _table(rejections),
            "kept_with_warning": _table(warnings),
        },
    )
    refused = looked_at.filter(looked_at["status"] == "refused")
    codes = {str(code): count for code, count in refused["refusal_code"].value_counts().iter_rows()}
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name=REFUSED_CHECK,
        passed=not codes,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"refused": _table(codes)},
    )


def _tally(receipts: pl.DataFrame, column: str) -> dict[str, int]:
    """Rows per rule code over many receipts."""
    total: dict[str, int] = {}
    for text in receipts[column].drop_nulls():
        for code, count in json.loads(text).items():
            total[code] = total.get(code, 0) + count
    return total


def _table(codes: Mapping[str, int]) -> dg.MarkdownMetadataValue:
    lines = ["| code | rows |", "|---|---:|"]
    lines += [f"| {code} | {count} |" for code, count in sorted(codes.items())]
    return dg.MetadataValue.md("\n".join(lines))
