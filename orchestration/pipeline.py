"""`akutt run`: the Dagster job in this process, or nothing when nothing is pending."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.engine import Clock, Engine
from orchestration.paths import FILES

if TYPE_CHECKING:
    from dagster import DagsterInstance

LAUNCHED_BY = "akutt/launched_by"
RUN_COMMAND = "akutt run"
_GC_THRESHOLDS = (200_000, 50, 1000)


class RunFailedError(RuntimeError):
    """The job did not get to a release; the message says why.

    `held_back`: every step did its work, and a check holds the release back.
    """

    def __init__(self, message: str, *, held_back: bool = False) -> None:
        super().__init__(message)
        self.held_back = held_back


@dataclass(frozen=True)
class RunOutcome:
    """What a run came to."""

    release_id: str | None
    did_work: bool
    seconds: float


def run(engine: Engine, *, force: bool = False) -> RunOutcome:
    """Bring the release up to the inbox.

    Raises:
        RunFailedError: a step failed, or a check holds the release back.
        RegisterError: a seed or a register of the installation is wrong.
        KeyMissingError: files are pending, and there is no key for pseudonyms.
        LockBusyError: another process works in the same home.
    """
    from ingestion.lock import exclusive
    from orchestration.watching.account import account_of
    from orchestration.watching.records import INTERRUPTED, Record

    with exclusive(engine.home.run_lock, what=str(engine.home.root), reentrant=True):
        started_at = datetime.now(UTC)
        record = Record(engine.home.runs, started_at)
        record.begin()
        steps: list[dict[str, Any]] = []
        status, error = INTERRUPTED, None
        try:
            outcome = _run(engine, steps, force=force)
            status = "ok" if outcome.did_work else "nothing_pending"
            return outcome
        except Exception as raised:
            is_held_back = isinstance(raised, RunFailedError) and raised.held_back
            status, error = "held_back" if is_held_back else "failed", type(raised).__name__
            raise
        finally:
            account = account_of(engine, steps, started_at)
            record.end(status, datetime.now(UTC), error=error, **account)


def _run(engine: Engine, steps: list[dict[str, Any]], *, force: bool) -> RunOutcome:
    """Do what is pending; `steps` gets what each step of the job came to."""
    clock = Clock()
    engine.warehouse.seeds()  # better told here than by dbt
    _say_wrong_events(engine)
    pending = engine.pending()
    if not pending and not force and engine.is_up_to_date():
        return RunOutcome(_current(engine), did_work=False, seconds=clock.seconds)
    if not pending and not engine.has_deliveries():
        engine.say(f"Ingen leveranser / no deliveries: {engine.home.inbox}/<kilde>/<fil>")
        return RunOutcome(None, did_work=False, seconds=clock.seconds)
    if pending:
        engine.key()  # better here than in the middle of the job
    _collect_rarely()
    files = sum(pending.values())
    engine.say(f"Venter / pending: {files} filer fra {len(pending)} kilder")
    # Dagster and dbt share packages. Two threads that import the same one may find it half
    # made, so dbt's thread begins when Dagster is there.
    import dagster  # noqa: F401

    engine.warehouse.prepare()
    if pending:
        engine.checkpoint.start()
    try:
        _run_job(engine, steps)
    finally:
        engine.checkpoint.stop()
        gc.unfreeze()  # else DuckDB reports at exit what was never let go of
    _say_missing(engine)
    for expectation in engine.quality().told():
        engine.say(f"Ikke som ventet / not as expected: {expectation}")
    return RunOutcome(_current(engine), did_work=True, seconds=clock.seconds)


def _say_wrong_events(engine: Engine) -> None:
    """Figures do not wait for what is told beside them."""
    from orchestration.events import EventsError

    try:
        engine.stated_events()
    except EventsError as error:
        engine.say(str(error))


def _say_missing(engine: Engine) -> None:
    """Days on which a daily source delivered nothing are else seen only by who looks for them."""
    from ingestion.attention import missing_days

    for source, days in missing_days(engine.receipts()).items():
        engine.say(
            f"Mangler leveranser / deliveries are missing: {source}, {len(days)} dager / days, "
            f"{days[0]} – {days[-1]}"
        )


def _run_job(engine: Engine, steps: list[dict[str, Any]]) -> None:
    from dagster import DagsterEventType

    from orchestration.definitions import JOB, build_definitions
    from orchestration.warehouse import WarehouseError
    from orchestration.watching.account import class_of, is_held_back, steps_of

    try:
        definitions = build_definitions({"engine": engine})
    except WarehouseError as error:
        raise RunFailedError(str(error)) from error
    with instance(engine) as dagster_instance:
        _bury_the_dead(dagster_instance)
        result = definitions.resolve_job_def(JOB).execute_in_process(
            instance=dagster_instance,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            tags={LAUNCHED_BY: RUN_COMMAND},
            raise_on_error=False,
        )
        failures = {
            str(event.step_key): event.step_failure_data
            for event in result.all_events
            if event.event_type == DagsterEventType.STEP_FAILURE
        }
        errors = {step: class_of(failure.error) for step, failure in failures.items()}
        steps += steps_of(dagster_instance.get_run_step_stats(result.run_id), errors)
        if result.success:
            return
        reasons = []
        for step, failure in failures.items():
            told = failure.user_failure_data
            description = (told.description if told else None) or _innermost(failure.error)
            reasons.append(f"{step}: {description}")
        raise RunFailedError(
            "\n".join(reasons) or "the job failed", held_back=is_held_back(engine, errors)
        )


def _innermost(error: Any) -> str:
    while error is not None and error.cause is not None:
        error = error.cause
    return "unknown" if error is None else str(error.message).strip()


@contextmanager
def instance(engine: Engine) -> Iterator[DagsterInstance]:
    """Dagster's instance of this home: DAGSTER_HOME is $AKUTT_HOME/dagster.

    Raises:
        RunFailedError: the storage of its history is not there, or went away.
    """
    from dagster import DagsterInstance
    from dagster._core.instance.ref import InstanceRef

    folder = prepare_dagster_home(engine.home.dagster)
    overrides: dict[str, Any] = {}
    if not _has_storage_of_its_own(folder / "dagster.yaml"):
        overrides["event_log_storage"] = {
            "module": "orchestration.event_storage",
            "class": "PooledSqliteEventLogStorage",
            "config": {"base_dir": str(folder / "history" / "runs")},
        }
    reference = InstanceRef.from_dir(str(folder), overrides=overrides)
    try:
        with DagsterInstance.from_ref(reference) as opened:
            yield opened
    except Exception as error:
        if not _is_of_storage(error):
            raise
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise RunFailedError(
            "Dagsters historikk er ikke tilgjengelig; ingenting av dataene er tapt, kjør igjen når "
            "den er der / Dagster's history cannot be reached; no data are lost, run again when it "
            f"can: {first} ({folder / 'dagster.yaml'})"
        ) from error


def _is_of_storage(error: BaseException) -> bool:
    from sqlalchemy.exc import SQLAlchemyError

    return isinstance(error, SQLAlchemyError | ModuleNotFoundError) or type(
        error
    ).__module__.startswith("dagster_postgres")


def prepare_dagster_home(folder: Path) -> Path:
    """Put the repository's dagster.yaml (or the one AKUTT_DAGSTER_YAML names) in place."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = Path(os.environ.get("AKUTT_DAGSTER_YAML") or FILES / "dagster.yaml")
    target = folder / "dagster.yaml"
    if not target.is_file() or target.read_bytes() != wanted.read_bytes():
        shutil.copyfile(wanted, target)
    os.environ["DAGSTER_HOME"] = str(folder)
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    return folder


def _has_storage_of_its_own(file: Path) -> bool:
    import yaml

    settings = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    return any(
        key in settings
        for key in ("storage", "run_storage", "event_log_storage", "schedule_storage")
    )


def _bury_the_dead(dagster_instance: DagsterInstance) -> None:
    """Mark runs of `akutt run` that were killed as failed.

    This process holds the run lock, so whatever still counts as started has no process.
    """
    from dagster import DagsterRunStatus, RunsFilter

    unfinished = RunsFilter(
        statuses=[
            DagsterRunStatus.STARTED,
            DagsterRunStatus.STARTING,
            DagsterRunStatus.NOT_STARTED,
        ],
        tags={LAUNCHED_BY: RUN_COMMAND},
    )
    for dead in dagster_instance.get_runs(unfinished):
        dagster_instance.report_run_failed(dead, "the process ended without saying so")


def _collect_rarely() -> None:
    """Importing Dagster and dbt makes millions of objects that live as long as the process.

    Looking through them for garbage again and again is a quarter of the time of importing them.
    """
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def _current(engine: Engine) -> str | None:
    from orchestration.release import ReleaseError, get_release

    try:
        return get_release(engine.home.releases).release_id
    except ReleaseError:
        return None
