"""What `akutt doctor` looks at. Each check gives findings; none changes anything."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from orchestration.paths import FILES, Home

Status = Literal["ok", "warn", "fail"]
_SUPPORTED = ((3, 11), (3, 12), (3, 13))
_DISK_WARN_BYTES = 5 * 1024**3
_DISK_FAIL_BYTES = 500 * 1024**2
# The packages that decide whether anything works; the others follow from them.
_PACKAGES = (
    "dagster",
    "dagster-dbt",
    "dbt-core",
    "dbt-duckdb",
    "duckdb",
    "great-expectations",
    "pandera",
    "polars",
    "pyarrow",
)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    status: Status
    what: str
    found: str
    advice: str = ""


def diagnose(home: Home, *, full: bool = False) -> list[Finding]:
    """Every check in order; a check that itself breaks is a finding, not a stack trace."""
    checks: list[Callable[[Home], Iterator[Finding]]] = [
        _python,
        _packages,
        _folder,
        _disk,
        _key,
        _sources,
        _registers,
        _events,
        _lake,
        _deliveries,
        _quality,
        _dbt,
        _state,
        _keys,
        _release,
        *([_release_files] if full else []),
    ]
    findings: list[Finding] = []
    for check in checks:
        try:
            findings += list(check(home))
        except Exception as error:
            what = check.__name__.strip("_").replace("_", " ")
            findings.append(Finding("fail", what, f"{type(error).__name__}: {error}"))
    return findings


def _python(_: Home) -> Iterator[Finding]:
    found = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] in _SUPPORTED:
        yield Finding("ok", "Python", found)
    else:
        yield Finding("fail", "Python", found, "bruk 3.11, 3.12 eller 3.13 / use 3.11 to 3.13")


def _packages(_: Home) -> Iterator[Finding]:
    wanted = _constraints(FILES / "constraints.txt")
    wrong = []
    for package in _PACKAGES:
        try:
            found = version(package)
        except PackageNotFoundError:
            wrong.append(f"{package} mangler / is missing")
            continue
        if package in wanted and found != wanted[package]:
            wrong.append(f"{package} {found} ({wanted[package]})")
    if wrong:
        yield Finding(
            "fail" if any("missing" in item for item in wrong) else "warn",
            "Pakker / packages",
            ", ".join(wrong),
            "pip install -c constraints.txt -e .",
        )
    else:
        yield Finding("ok", "Pakker / packages", f"{len(_PACKAGES)} som låst / as locked")


def _constraints(file: Path) -> dict[str, str]:
    if not file.is_file():
        return {}
    lines = file.read_text(encoding="utf-8").splitlines()
    pins = (line.split("#")[0].split(";")[0].strip().partition("==") for line in lines)
    return {name.lower().replace("_", "-"): pin for name, mark, pin in pins if mark}


def _folder(home: Home) -> Iterator[Finding]:
    folder = home.root
    where = f"{folder}"
    if not folder.exists():
        parent = next(path for path in folder.parents if path.exists())
        if os.access(parent, os.W_OK):
            yield Finding(
                "warn",
                "AKUTT_HOME",
                f"{where} finnes ikke ennå / is not there yet",
                "den lages av / it is made by `akutt demo` eller / or `akutt run`",
            )
        else:
            yield Finding(
                "fail",
                "AKUTT_HOME",
                f"{where} kan ikke lages / cannot be made",
                "sett AKUTT_HOME / set AKUTT_HOME",
            )
    elif not folder.is_dir() or not os.access(folder, os.W_OK):
        yield Finding(
            "fail",
            "AKUTT_HOME",
            f"{where} er ikke skrivbar / is not writable",
            "sett AKUTT_HOME til en mappe du kan skrive i / to a folder you can write to",
        )
    else:
        yield Finding("ok", "AKUTT_HOME", where)


def _disk(home: Home) -> Iterator[Finding]:
    existing = next(path for path in (home.root, *home.root.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    found = f"{free / 1024**3:.1f} GB ledig / free"
    if free < _DISK_FAIL_BYTES:
        yield Finding("fail", "Disk", found, "frigjør plass / free some space")
    elif free < _DISK_WARN_BYTES:
        yield Finding(
            "warn", "Disk", found, "et nasjonalt år trenger mer / a national year needs more"
        )
    else:
        yield Finding("ok", "Disk", found)


def _key(_: Home) -> Iterator[Finding]:
    from ingestion.errors import KeyMissingError
    from ingestion.privacy import KEY_VARIABLE, key_from_environment

    try:
        key_from_environment()
    except KeyMissingError as error:
        yield Finding("warn", KEY_VARIABLE, "ikke satt / not set", str(error))
    else:
        yield Finding("ok", KEY_VARIABLE, "satt / set")


def _sources(home: Home) -> Iterator[Finding]:
    from ingestion.sources.registry import read_sources

    found = read_sources(home=home)
    specs = {*found.specs, *found.skipped_names}
    yield Finding("ok", "Kilder / sources", ", ".join(found.specs))
    for error in found.skipped:
        yield Finding(
            "fail",
            "Kilder / sources",
            "; ".join(error.problems),
            f"hoppes over til den er rettet / skipped until it is mended: {error.path}",
        )
    from ingestion.attention import misplaced

    if strangers := misplaced(home.inbox, specs):
        yield Finding(
            "warn",
            "Inbox",
            f"hører ikke til en kilde / belongs to no source: {', '.join(strangers)}",
            "legg filene i inbox/KILDE/ / put the files in inbox/SOURCE/, or: "
            "akutt source new NAME --sample FILE --contract TYPE",
        )


def _deliveries(home: Home) -> Iterator[Finding]:
    from ingestion.attention import missing_days
    from ingestion.lake import read_receipts
    from ingestion.withdrawal import standing

    for source, days in missing_days(standing(read_receipts(home.lake), home.lake)).items():
        shown = ", ".join(day.isoformat() for day in days[:5])
        yield Finding(
            "warn",
            "Leveranser / deliveries",
            f"{source}: {len(days)} dager mangler / days are missing: {shown}"
            + (" …" if len(days) > 5 else ""),
            "etterlys dem hos eieren / ask the owner for them",
        )


def _registers(home: Home) -> Iterator[Finding]:
    from ingestion.sources.registry import read_sources
    from orchestration.paths import DBT_PROJECT
    from orchestration.registers import examine

    found = examine(DBT_PROJECT / "seeds", home.registers, read_sources(home=home))
    for problem in found.problems:
        yield Finding(
            "fail",
            "Registre / registers",
            str(problem),
            "rett raden / mend the row: akutt unit check",
        )
    if not found.problems:
        own = sum(table.own for table in found.tables.values())
        yield Finding("ok", "Registre / registers", f"{own} egne rader / rows of your own")


def _events(home: Home) -> Iterator[Finding]:
    from orchestration.engine import Engine, Settings
    from orchestration.events import EventsError

    where = "Hendelser / events"
    try:
        events = Engine(Settings(home)).stated_events()
    except EventsError as error:
        for problem in error.problems:
            yield Finding(
                "fail",
                where,
                str(problem),
                "ingen av hendelsene vises før filen er rettet / none of the events is shown until "
                f"the file is mended: {home.events_file}",
            )
        return
    if events:
        yield Finding("ok", where, f"{len(events)}: {home.events_file}")


def _lake(home: Home) -> Iterator[Finding]:
    import polars as pl

    from ingestion.lake import batch_folders
    from ingestion.withdrawal import withdrawn
    from orchestration.engine import Engine, Settings, lake_problems
    from orchestration.implausible import REASON

    batches = batch_folders(home.lake)
    if not batches:
        yield Finding("warn", "Datasjø / lake", "tom / empty", "akutt run")
        return
    problems = lake_problems(home.lake)
    if problems:
        yield Finding(
            "fail",
            "Datasjø / lake",
            "; ".join(problems[:3]),
            "en bunt er endret etter at den ble skrevet: gjenopprett den fra kopi / "
            "a batch was changed after it was written: restore it from a copy",
        )
    else:
        yield Finding("ok", "Datasjø / lake", f"{len(batches)} bunter / batches")
    aside = withdrawn(home.lake).filter(pl.col("reason") == REASON)
    if aside.height:
        names = sorted(set(aside["file_name"]))
        yield Finding(
            "warn",
            "Satt til side / set aside",
            f"{', '.join(names[:3])}{' …' if len(names) > 3 else ''}: {REASON}",
            "akutt lake withdrawals",
        )
    pending = Engine(Settings(home)).pending()
    if pending:
        files = sum(pending.values())
        yield Finding("warn", "Venter / pending", f"{files} filer / files", "akutt run")


def _quality(home: Home) -> Iterator[Finding]:
    from orchestration.engine import Engine, Settings

    engine = Engine(Settings(home))
    known = engine.checkpoint.known(engine.lake())
    for expectation in known.told() if known is not None else ():
        yield Finding(
            "warn", "Forventninger / expectations", expectation, f"{engine.checkpoint.docs}"
        )


def _dbt(home: Home) -> Iterator[Finding]:
    from orchestration.warehouse import Warehouse

    warehouse = Warehouse(home)
    if not (warehouse.project_dir / "dbt_project.yml").is_file():
        yield Finding(
            "fail",
            "dbt",
            f"{warehouse.project_dir} mangler / is missing",
            "kjør fra en klone av depotet / run from a clone of the repository",
        )
    elif not warehouse.manifest_file.is_file():
        yield Finding("warn", "dbt", "manifest mangler / is missing", "akutt run")
    else:
        yield Finding("ok", "dbt", f"{len(warehouse.manifest()['nodes'])} noder / nodes")


def _state(home: Home) -> Iterator[Finding]:
    from orchestration import state
    from orchestration.engine import Engine, Settings

    if not home.warehouse.is_file():
        yield Finding("warn", "Datavarehus / warehouse", "finnes ikke / is not there", "akutt run")
        return
    known = state.read_warehouse(home)
    engine = Engine(Settings(home))
    if known.failures:
        yield Finding(
            "fail",
            "Datavarehus / warehouse",
            "; ".join(known.failures),
            "rett årsaken og kjør igjen / mend the cause and run again: akutt run",
        )
    elif not engine.warehouse.is_fresh(engine.lake()):
        yield Finding(
            "warn", "Datavarehus / warehouse", "ikke à jour / behind the lake", "akutt run"
        )
    else:
        yield Finding("ok", "Datavarehus / warehouse", "har alle bunter / holds every batch")


def _keys(home: Home) -> Iterator[Finding]:
    from orchestration.engine import Engine, Settings

    if not home.warehouse.is_file():
        return
    collisions = Engine(Settings(home)).collisions()
    for collision in collisions:
        yield Finding(
            "fail",
            "Nøkler / keys",
            collision.sentence,
            "utgivelsen holdes tilbake til det er avklart / the release is held back until then",
        )
    if not collisions:
        yield Finding("ok", "Nøkler / keys", "én kilde per nøkkel / one source per key")


def _release(home: Home) -> Iterator[Finding]:
    from orchestration.engine import Engine, Settings
    from orchestration.release import list_releases
    from reporting.reader import NoReleaseError, open_current

    releases = list_releases(home.releases)
    if not releases:
        yield Finding("warn", "Utgivelse / release", "ingen / none", "akutt run")
        return
    try:
        with open_current(home.releases) as release:
            name = release.release_id
            release.sql("select count(*) from kpi_values")
    except NoReleaseError as error:
        yield Finding("fail", "Utgivelse / release", str(error), "akutt release rollback ID")
        return
    found = f"{name} ({len(releases)} i alt / in all)"
    if name != releases[0].release_id:
        yield Finding(
            "warn",
            "Utgivelse / release",
            f"{found}, rullet tilbake / rolled back",
            f"akutt release rollback {releases[0].release_id}",
        )
    elif not Engine(Settings(home)).release_is_fresh():
        yield Finding("warn", "Utgivelse / release", f"{found}, ikke à jour / behind", "akutt run")
    else:
        yield Finding("ok", "Utgivelse / release", found)


def _release_files(home: Home) -> Iterator[Finding]:
    from orchestration.release import list_releases, verify_release

    for info in list_releases(home.releases):
        problems = verify_release(home.releases, info.release_id)
        if problems:
            yield Finding("fail", info.release_id, "; ".join(problems), "akutt release rollback")
        else:
            yield Finding("ok", info.release_id, "filer, rader og skjerming / verified")
