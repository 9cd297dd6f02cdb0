"""What the assets work with: one object per run that holds the home, the steps and their results.

Assets stay thin: they call a step here and turn what it says into Dagster events. `akutt run`,
Dagster's own runs and tests all go through the same steps.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.lock import exclusive
from orchestration import state
from orchestration.paths import DBT_PROJECT, Home
from orchestration.quality.checkpoint import Checkpoint, Quality
from orchestration.quality.suites import DEFAULT_FILE as SUITES_FILE
from orchestration.suppression import DEFAULT_FILE as POLICY_FILE
from orchestration.warehouse import BuildOutcome, RawEvent, Warehouse

if TYPE_CHECKING:
    import polars as pl

    from ingestion.errors import SourceFileError
    from ingestion.intake import IngestReport, ProgressCallback
    from ingestion.sources.registry import Sources
    from ingestion.sources.spec import SourceSpec
    from orchestration.audiences import Audience
    from orchestration.collisions import Collision
    from orchestration.disclosure.step import Decision
    from orchestration.events import Event
    from orchestration.release import BuildResult

# A step started from Dagster waits this long for another process at work in the same home.
_STEP_WAIT_SECONDS = 1800.0


class GateError(RuntimeError):
    """The release is held back; the message names what holds it."""


def _silent(_: str) -> None:
    return


# An ordinary day hides some hundred numbers that the release before did not.
_AUDIT_AT_MOST = 2_000


def _keep_releases() -> int:
    """How many releases stay on disk: AKUTT_KEEP_RELEASES, or the default."""
    from orchestration.release import DEFAULT_KEEP

    return int(os.environ.get("AKUTT_KEEP_RELEASES") or DEFAULT_KEEP)


def _audit_at_most() -> int | None:
    """How much an attack before a release may take on: AKUTT_AUDIT_CELLS, or the default."""
    return int(os.environ.get("AKUTT_AUDIT_CELLS") or _AUDIT_AT_MOST)


@dataclass
class Settings:
    """What may differ between an installation, a test and a trial."""

    home: Home
    key: Callable[[], bytes] | None = None
    sources_dir: Path | None = None
    project_dir: Path = DBT_PROJECT
    suites_file: Path = SUITES_FILE
    policy_file: Path = POLICY_FILE
    keep_releases: int = field(default_factory=_keep_releases)
    # Newly hidden numbers that are attacked before they are released; None: however many.
    audit_at_most: int | None = field(default_factory=_audit_at_most)
    say: Callable[[str], None] = _silent


@dataclass
class Engine:
    """The steps from inbox to release."""

    settings: Settings
    warehouse: Warehouse = field(init=False)
    checkpoint: Checkpoint = field(init=False)
    # What the steps came to in this process, in numbers, per step of the job.
    counts: dict[str, dict[str, int]] = field(default_factory=dict, init=False)
    # What held the release back when it was last tried.
    reasons: tuple[str, ...] = field(default=(), init=False)
    _receipts: tuple[str, Any] | None = None

    def __post_init__(self) -> None:
        self.warehouse = Warehouse(self.home, self.settings.project_dir, self.settings.sources_dir)
        self.checkpoint = Checkpoint(self.home, self.settings.suites_file)

    @property
    def home(self) -> Home:
        return self.settings.home

    def sources(self) -> dict[str, SourceSpec]:
        """The sources of the project and of this home that can be used."""
        return self._read_sources().specs

    def skipped_sources(self) -> tuple[SourceFileError, ...]:
        """The source files that cannot be used, with the reasons."""
        return self._read_sources().skipped

    def _read_sources(self) -> Sources:
        from ingestion.sources.registry import read_sources

        return read_sources(self.settings.sources_dir, home=self.home)

    def writer(self) -> AbstractContextManager[None]:
        """One writer per home, whoever started it."""
        return exclusive(
            self.home.run_lock,
            wait_seconds=_STEP_WAIT_SECONDS,
            what=str(self.home.root),
            reentrant=True,
        )

    def pending(self) -> dict[str, int]:
        """Number of files in the inbox that the lake does not know, per source."""
        from ingestion.intake import pending_files
        from ingestion.known import Known, known_files

        known = known_files(self.home.lake)
        counts = {
            name: len(pending_files(self.home.inbox / name, spec, known.get(name, Known())))
            for name, spec in self.sources().items()
        }
        return {name: count for name, count in counts.items() if count}

    def has_deliveries(self) -> bool:
        """True when anything was ever taken in."""
        from ingestion.lake import batch_folders

        return bool(batch_folders(self.home.lake))

    def lake(self) -> str:
        """The fingerprint of the lake as it is now."""
        return state.lake_fingerprint(self.home.lake)

    def receipts(self) -> pl.DataFrame:
        """The receipts of the lake as it is now; those of withdrawn deliveries count no more."""
        from ingestion.lake import read_receipts
        from ingestion.withdrawal import standing

        lake = self.lake()
        if self._receipts is None or self._receipts[0] != lake:
            self._receipts = (lake, standing(read_receipts(self.home.lake), self.home.lake))
        frame: pl.DataFrame = self._receipts[1]
        return frame

    def key(self) -> bytes:
        """The secret behind caller pseudonyms.

        Raises:
            KeyMissingError: it is neither in the settings nor in the environment.
        """
        from ingestion.privacy import key_from_environment

        return (self.settings.key or key_from_environment)()

    def intake(
        self,
        sources: Sequence[str] | None = None,
        dates: tuple[date, date] | None = None,
        progress: ProgressCallback | None = None,
    ) -> IngestReport:
        """Take pending files into the lake."""
        from ingestion.intake import ingest

        with self.writer():
            report = ingest(
                self.home.root,
                sources,
                key=self._key_for_pending(),
                dates=dates,
                specs=self.sources(),
                progress=progress,
            )
            self.set_aside()
            return report

    def set_aside(self) -> None:
        """Withdraw deliveries dated far from the day they were taken in, and say which."""
        from orchestration.implausible import set_aside

        first_dates = {name: spec.first_date for name, spec in self.sources().items()}
        for sentence in set_aside(self.home.root, self.receipts(), first_dates):
            self.say(sentence)

    def _key_for_pending(self) -> bytes:
        """The key; none is needed to build anew from what the lake holds."""
        from ingestion.errors import KeyMissingError

        try:
            return self.key()
        except KeyMissingError:
            if self.pending():
                raise
            return b""

    def lake_problems(self) -> list[str]:
        """Batches whose files hold other rows than their receipts say."""
        return lake_problems(self.home.lake)

    def collisions(self) -> list[Collision]:
        """Keys that several sources deliver without having said so."""
        from orchestration.collisions import key_collisions

        shares = {
            name: list(getattr(spec, "shares_keys_with", None) or ())
            for name, spec in self.sources().items()
        }
        return key_collisions(self.home.warehouse, shares)

    def ask_quality(self) -> None:
        """Send the profile to the checkpoint, which works while dbt does."""
        self.checkpoint.ask(self.lake(), self.receipts())

    def quality(self) -> Quality:
        """The checkpoint's result for the lake as it is now."""
        found = self.checkpoint.result(self.lake(), self.receipts())
        self.counts["daily_profile"] = {
            "expectations": len(found.findings),
            "failed": len(found.failed),
            "blocking": len(found.blocking),
        }
        return found

    def build_warehouse(
        self,
        on_event: Callable[[RawEvent], None] | None = None,
        select: Sequence[str] = (),
    ) -> BuildOutcome | None:
        """Bring the warehouse up to the lake; nothing to do when it is there already."""
        from orchestration.readiness.tallies import write_tallies

        with self.writer():
            self.set_aside()
            lake = self.lake()
            if not select and self.warehouse.is_fresh(lake):
                return None
            write_tallies(self.home.lake, self.receipts())
            outcome = self.warehouse.build(lake, on_event=on_event, select=select)
            self.counts["dbt_build"] = _counted(outcome)
            return outcome

    def disclosure_is_fresh(self) -> bool:
        """True when what may be seen was decided on the present figures, and built from."""
        known = state.read_disclosure(self.home)
        return (
            self._decided_on_this(known)
            and known.events == self._events_as_stated()
            and not known.failures
        )

    def disclose(self) -> Decision | None:
        """Decide what may be seen of the present figures; nothing to do when that is known."""
        from orchestration.disclosure.step import disclose
        from orchestration.release_audit import auditor
        from orchestration.suppression import load_policy

        with self.writer():
            known = state.read_disclosure(self.home)
            if self._decided_on_this(known) and not known.failures:
                return None
            policy = load_policy(self.settings.policy_file)
            # Taken back before the work: the second build has to follow, whatever happens here.
            state.write_disclosure(self.home, state.DisclosureState(project=known.project))
            decision = disclose(
                self.home.warehouse,
                self.home.releases,
                self.receipts(),
                policy,
                self.audiences(),
                auditor(
                    self.home.warehouse,
                    self.home.releases,
                    policy,
                    self.settings.audit_at_most,
                ),
            )
            cells, hidden = int(decision.report["cells"]), decision.hidden.height
            self.counts["disclosure"] = {"cells": cells, "hidden": hidden}
            return decision

    def compare_warehouse(
        self,
        on_event: Callable[[RawEvent], None] | None = None,
        select: Sequence[str] = (),
    ) -> BuildOutcome | None:
        """Build everything that is made from releasable figures, unless that is done."""
        from orchestration.audience_tables import write_tables
        from orchestration.events import write_events

        with self.writer():
            if not select and self.disclosure_is_fresh():
                return None
            known = state.read_disclosure(self.home)
            full = known.project != self.warehouse.project()
            # Taken back before the work: what is built no longer is by the events it was.
            state.write_disclosure(self.home, replace(known, events=None))
            stated = self._events_as_stated()  # before it is read: it may change meanwhile
            write_events(self.home.warehouse, self.events())
            outcome = self.warehouse.compare(full=full, on_event=on_event, select=select)
            self.counts["dbt_compare"] = _counted(outcome)
            if not select and not outcome.failures:
                write_tables(self.home.warehouse, self.warehouse.compiled, self.audiences())
            if not select:
                done = self._disclosure_state(outcome.failures, outcome.warnings)
                state.write_disclosure(self.home, replace(done, events=stated))
            return outcome

    def _disclosure_state(
        self, failures: Sequence[str] = (), warnings: Sequence[str] = ()
    ) -> state.DisclosureState:
        return state.DisclosureState(
            project=self.warehouse.project(),
            lake=self.lake(),
            policy=self._policy(),
            events=self._events_as_stated(),
            failures=list(failures),
            warnings=list(warnings),
        )

    def _policy(self) -> str:
        """The policy and the code that applies it: a change of either is decided anew."""
        from orchestration.audiences import DEFAULT_FILE as AUDIENCES_FILE

        code = Path(__file__).parent
        named = ("suppression.py", "audiences.py", "audience_tables.py")
        rules = [*(code / name for name in named), *sorted((code / "disclosure").glob("*.py"))]
        own = [path for path in [self.home.audiences_file] if path.is_file()]
        return state.file_fingerprint(self.settings.policy_file, AUDIENCES_FILE, *own, *rules)

    def audiences(self) -> tuple[Audience, ...]:
        """Who reads a release of their own, besides everyone."""
        from orchestration.audiences import load_audiences

        return load_audiences(self.home.audiences_file)

    def events(self) -> list[Event]:
        """What the installation tells of its services; nothing while its file is wrong."""
        from orchestration.events import EventsError

        try:
            return self.stated_events()
        except EventsError:
            return []

    def stated_events(self) -> list[Event]:
        """The events of the installation's file.

        Raises:
            EventsError: the file of events is wrong.
        """
        from orchestration.events import load_events
        from orchestration.registers import examine
        from orchestration.registry.load import load_registry

        if not self.home.events_file.is_file():
            return []
        seeds = self.settings.project_dir / "seeds"
        found = examine(seeds, self.home.registers, self._read_sources())
        return load_events(self.home.events_file, load_registry(), found.tables)

    def _events_as_stated(self) -> str:
        """The fingerprint of the file of events: what reads it is built when it changes."""
        file = self.home.events_file
        return state.file_fingerprint(*([file] if file.is_file() else []))

    def _decided_on_this(self, known: state.DisclosureState) -> bool:
        wanted = self._disclosure_state()
        return (known.project, known.lake, known.policy) == (
            wanted.project,
            wanted.lake,
            wanted.policy,
        )

    def held_back_by(self) -> list[str]:
        """Everything that keeps the present warehouse from being released."""
        lake = self.lake()
        known = state.read_warehouse(self.home)
        reasons = [f"dbt: {failure}" for failure in known.failures]
        if not known.failures and not self.warehouse.is_fresh(lake):
            reasons.append("dbt: the warehouse does not hold every batch of the lake")
        decided = state.read_disclosure(self.home)
        reasons += [f"dbt: {failure}" for failure in decided.failures]
        if not self._decided_on_this(decided):
            reasons.append("disclosure: what may be seen of these figures has not been decided")
        reasons += [f"lake: {problem}" for problem in self.lake_problems()]
        reasons += [f"key: {collision.sentence}" for collision in self.collisions()]
        reasons += [f"quality: {finding.sentence}" for finding in self.quality().blocking]
        return reasons

    def release_is_fresh(self) -> bool:
        """True when the last release step was done on the present warehouse and policy."""
        known = state.read_release(self.home)
        return known == self._release_state(known.release_id) and (
            (self.home.releases / str(known.release_id)).is_dir()
            and (self.home.releases / "current").is_file()
        )

    def release(self) -> BuildResult:
        """Release the warehouse, unless something holds it back."""
        from orchestration.release import build_release

        with self.writer():
            reasons = self.held_back_by()
            if reasons:
                self.reasons = tuple(reasons)
                raise GateError(
                    "Utgivelsen holdes tilbake / the release is held back:\n- "
                    + "\n- ".join(reasons)
                )
            warnings = [finding.sentence for finding in self.quality().failed]
            dbt_warnings = [
                *state.read_warehouse(self.home).warnings,
                *state.read_disclosure(self.home).warnings,
            ]
            result = build_release(
                self.home.warehouse,
                self.home.releases,
                self.receipts(),
                audiences=self.audiences(),
                keep=self.settings.keep_releases,
                gate={"dbt_warnings": dbt_warnings, "quality_warnings": warnings},
                is_synthetic=self.home.synthetic.is_file(),
            )
            self.counts["release"] = {"created": int(result.created)}
            done = self._release_state(result.release_id)
            built = state.read_disclosure(self.home).events
            state.write_release(self.home, replace(done, events=built))
            return result

    def _release_state(self, release_id: str | None) -> state.ReleaseState:
        return state.ReleaseState(
            project=self.warehouse.project(),
            lake=self.lake(),
            policy=self._policy(),
            events=self._events_as_stated(),
            release_id=release_id,
        )

    def is_up_to_date(self) -> bool:
        """True when there is nothing to do between the lake and the release."""
        lake = self.lake()
        return (
            self.warehouse.is_fresh(lake)
            and self.disclosure_is_fresh()
            and self.checkpoint.known(lake) is not None
            and self.release_is_fresh()
        )

    def say(self, line: str) -> None:
        """Tell whoever watches."""
        self.settings.say(line)


def lake_problems(lake: Path) -> list[str]:
    """Batches whose Parquet files hold other rows than their receipts say.

    Only the footers of the files are read.
    """
    import json

    import pyarrow.parquet as pq

    from ingestion.lake import ACCEPTED, RECEIPTS, REJECTED, batch_folders

    problems = []
    for folder in batch_folders(lake):
        receipts = json.loads((folder / RECEIPTS).read_text(encoding="utf-8"))
        for receipt in receipts:
            kept = receipt["accepted"] + receipt["rejected"] + receipt["exact_duplicates"]
            if receipt["rows_read"] != kept:
                read = receipt["rows_read"]
                problems.append(f"{receipt['file_name']}: {read} rows read, {kept} accounted for")
        for file_name, column in ((ACCEPTED, "accepted"), (REJECTED, "rejected")):
            stated = sum(receipt[column] for receipt in receipts)
            path = folder / file_name
            stored = pq.read_metadata(path).num_rows if path.is_file() else 0
            if stated != stored:
                problems.append(
                    f"{folder.parent.name}/{folder.name}: {stated} rows {column}, {stored} stored"
                )
    return problems


def _counted(outcome: BuildOutcome) -> dict[str, int]:
    return {status.replace(" ", "_"): count for status, count in outcome.counts.items()}


class Clock:
    """Seconds since it was made, for lines of progress."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._start
