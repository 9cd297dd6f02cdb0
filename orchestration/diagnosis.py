"""What `akutt doctor` looks at. Each check gives findings; none changes anything."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from orchestration.findings import Finding, Said
from orchestration.paths import FILES, Home

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
            said = f"{type(error).__name__}: {error}"
            findings.append(Finding("fail", "CHECK_BROKE", what, said, subject=what))
    return findings


def _python(_: Home) -> Iterator[Finding]:
    found = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] in _SUPPORTED:
        yield Finding("ok", "PYTHON_OK", "Python", found)
    else:
        remedy = Said("bruk 3.11, 3.12 eller 3.13", "use 3.11 to 3.13")
        yield Finding("fail", "PYTHON_UNSUPPORTED", "Python", found, remedy)


def _packages(_: Home) -> Iterator[Finding]:
    wanted = _constraints(FILES / "constraints.txt")
    where, remedy = "Pakker / packages", "pip install -c constraints.txt -e ."
    missing, other = [], []
    for package in _PACKAGES:
        try:
            found = version(package)
        except PackageNotFoundError:
            missing.append(package)
            continue
        if package in wanted and found != wanted[package]:
            other.append(f"{package} {found} ({wanted[package]})")
    if missing:
        names = ", ".join(missing)
        said = Said(f"{names} mangler", f"{names}: missing")
        yield Finding("fail", "PACKAGES_MISSING", where, said, remedy)
    if other:
        yield Finding("warn", "PACKAGES_DIFFER", where, ", ".join(other), remedy)
    if not missing and not other:
        count = len(_PACKAGES)
        yield Finding("ok", "PACKAGES_OK", where, Said(f"{count} som låst", f"{count} as locked"))


def _constraints(file: Path) -> dict[str, str]:
    if not file.is_file():
        return {}
    lines = file.read_text(encoding="utf-8").splitlines()
    pins = (line.split("#")[0].split(";")[0].strip().partition("==") for line in lines)
    return {name.lower().replace("_", "-"): pin for name, mark, pin in pins if mark}


def _folder(home: Home) -> Iterator[Finding]:
    folder, where = home.root, "AKUTT_HOME"
    if not folder.exists():
        parent = next(path for path in folder.parents if path.exists())
        if os.access(parent, os.W_OK):
            yield Finding(
                "warn",
                "HOME_MISSING",
                where,
                Said(f"{folder} finnes ikke ennå", f"{folder} is not there yet"),
                Said(
                    "den lages av `akutt demo` eller `akutt run`",
                    "it is made by `akutt demo` or `akutt run`",
                ),
                str(folder),
            )
        else:
            yield Finding(
                "fail",
                "HOME_UNMAKABLE",
                where,
                Said(f"{folder} kan ikke lages", f"{folder} cannot be made"),
                Said("sett AKUTT_HOME", "set AKUTT_HOME"),
                str(folder),
            )
    elif not folder.is_dir() or not os.access(folder, os.W_OK):
        yield Finding(
            "fail",
            "HOME_READONLY",
            where,
            Said(f"{folder} er ikke skrivbar", f"{folder} is not writable"),
            Said(
                "sett AKUTT_HOME til en mappe du kan skrive i",
                "set AKUTT_HOME to a folder you can write to",
            ),
            str(folder),
        )
    else:
        yield Finding("ok", "HOME_OK", where, str(folder), subject=str(folder))


def _disk(home: Home) -> Iterator[Finding]:
    existing = next(path for path in (home.root, *home.root.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    room = f"{free / 1024**3:.1f} GB"
    found = Said(f"{room} ledig", f"{room} free")
    if free < _DISK_FAIL_BYTES:
        remedy = Said("frigjør plass", "free some space")
        yield Finding("fail", "DISK_FULL", "Disk", found, remedy)
    elif free < _DISK_WARN_BYTES:
        remedy = Said("et nasjonalt år trenger mer", "a national year needs more")
        yield Finding("warn", "DISK_LOW", "Disk", found, remedy)
    else:
        yield Finding("ok", "DISK_OK", "Disk", found)


def _key(_: Home) -> Iterator[Finding]:
    from ingestion.errors import KeyMissingError
    from ingestion.privacy import KEY_VARIABLE, key_from_environment

    try:
        key_from_environment()
    except KeyMissingError as error:
        yield Finding("warn", "KEY_MISSING", KEY_VARIABLE, Said("ikke satt", "not set"), str(error))
    else:
        yield Finding("ok", "KEY_OK", KEY_VARIABLE, Said("satt", "set"))


def _sources(home: Home) -> Iterator[Finding]:
    from ingestion.sources.registry import read_sources

    found = read_sources(home=home)
    specs = {*found.specs, *found.skipped_names}
    yield Finding("ok", "SOURCES_OK", "Kilder / sources", ", ".join(found.specs))
    for error in found.skipped:
        yield Finding(
            "fail",
            "SOURCE_SKIPPED",
            "Kilder / sources",
            "; ".join(error.problems),
            Said(
                f"hoppes over til den er rettet: {error.path}",
                f"skipped until it is mended: {error.path}",
            ),
            error.path.stem,
        )
    from ingestion.attention import misplaced

    if strangers := misplaced(home.inbox, specs):
        names, command = ", ".join(strangers), "akutt source new NAME --sample FILE --contract TYPE"
        yield Finding(
            "warn",
            "INBOX_STRANGERS",
            "Inbox",
            Said(f"hører ikke til en kilde: {names}", f"belongs to no source: {names}"),
            Said(
                f"legg filene i inbox/KILDE/, eller: {command}",
                f"put the files in inbox/SOURCE/, or: {command}",
            ),
        )


def _deliveries(home: Home) -> Iterator[Finding]:
    from ingestion.attention import missing_days
    from ingestion.lake import read_receipts
    from ingestion.withdrawal import standing

    for source, days in missing_days(standing(read_receipts(home.lake), home.lake)).items():
        shown = ", ".join(day.isoformat() for day in days[:5]) + (" …" if len(days) > 5 else "")
        yield Finding(
            "warn",
            "DAYS_MISSING",
            "Leveranser / deliveries",
            Said(
                f"{source}: {len(days)} dager mangler: {shown}",
                f"{source}: {len(days)} days are missing: {shown}",
            ),
            Said("etterlys dem hos eieren", "ask the owner for them"),
            source,
        )


def _registers(home: Home) -> Iterator[Finding]:
    from ingestion.sources.registry import read_sources
    from orchestration.paths import DBT_PROJECT
    from orchestration.registers import examine

    found = examine(DBT_PROJECT / "seeds", home.registers, read_sources(home=home))
    for problem in found.problems:
        yield Finding(
            "fail",
            "REGISTER_WRONG",
            "Registre / registers",
            str(problem),
            Said("rett raden: akutt unit check", "mend the row: akutt unit check"),
        )
    if not found.problems:
        own = sum(table.own for table in found.tables.values())
        found_nb, found_en = f"{own} egne rader", f"{own} rows of your own"
        yield Finding("ok", "REGISTERS_OK", "Registre / registers", Said(found_nb, found_en))


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
                "EVENTS_WRONG",
                where,
                str(problem),
                Said(
                    f"ingen av hendelsene vises før filen er rettet: {home.events_file}",
                    f"none of the events is shown until the file is mended: {home.events_file}",
                ),
                str(home.events_file),
            )
        return
    if events:
        yield Finding("ok", "EVENTS_OK", where, f"{len(events)}: {home.events_file}")


def _lake(home: Home) -> Iterator[Finding]:
    import polars as pl

    from ingestion.lake import batch_folders
    from ingestion.withdrawal import withdrawn
    from orchestration.engine import Engine, Settings, lake_problems
    from orchestration.implausible import REASON

    batches = batch_folders(home.lake)
    if not batches:
        yield Finding("warn", "LAKE_EMPTY", "Datasjø / lake", Said("tom", "empty"), "akutt run")
        return
    problems = lake_problems(home.lake)
    if problems:
        yield Finding(
            "fail",
            "LAKE_CHANGED",
            "Datasjø / lake",
            "; ".join(problems[:3]),
            Said(
                "en bunt er endret etter at den ble skrevet: gjenopprett den fra kopi",
                "a batch was changed after it was written: restore it from a copy",
            ),
        )
    else:
        count = len(batches)
        yield Finding(
            "ok", "LAKE_OK", "Datasjø / lake", Said(f"{count} bunter", f"{count} batches")
        )
    aside = withdrawn(home.lake).filter(pl.col("reason") == REASON)
    if aside.height:
        names = sorted(set(aside["file_name"]))
        yield Finding(
            "warn",
            "DELIVERY_SET_ASIDE",
            "Satt til side / set aside",
            f"{', '.join(names[:3])}{' …' if len(names) > 3 else ''}: {REASON}",
            "akutt lake withdrawals",
        )
    pending = Engine(Settings(home)).pending()
    if pending:
        files = sum(pending.values())
        said = Said(f"{files} filer", f"{files} files")
        yield Finding("warn", "FILES_PENDING", "Venter / pending", said, "akutt run")


def _quality(home: Home) -> Iterator[Finding]:
    from orchestration.engine import Engine, Settings

    engine = Engine(Settings(home))
    known = engine.checkpoint.known(engine.lake())
    for expectation in known.told() if known is not None else ():
        yield Finding(
            "warn",
            "EXPECTATION_NOT_MET",
            "Forventninger / expectations",
            expectation,
            f"{engine.checkpoint.docs}",
            expectation.split(" ", 1)[0].rstrip(":"),
        )


def _dbt(home: Home) -> Iterator[Finding]:
    from orchestration.warehouse import Warehouse

    warehouse = Warehouse(home)
    if not (warehouse.project_dir / "dbt_project.yml").is_file():
        yield Finding(
            "fail",
            "DBT_PROJECT_MISSING",
            "dbt",
            Said(f"{warehouse.project_dir} mangler", f"{warehouse.project_dir} is missing"),
            Said("kjør fra en klone av depotet", "run from a clone of the repository"),
        )
    elif not warehouse.manifest_file.is_file():
        said = Said("manifest mangler", "the manifest is missing")
        yield Finding("warn", "DBT_MANIFEST_MISSING", "dbt", said, "akutt run")
    else:
        count = len(warehouse.manifest()["nodes"])
        yield Finding("ok", "DBT_OK", "dbt", Said(f"{count} noder", f"{count} nodes"))


def _state(home: Home) -> Iterator[Finding]:
    from orchestration import state
    from orchestration.engine import Engine, Settings

    where = "Datavarehus / warehouse"
    if not home.warehouse.is_file():
        said = Said("finnes ikke", "is not there")
        yield Finding("warn", "WAREHOUSE_MISSING", where, said, "akutt run")
        return
    known = state.read_warehouse(home)
    engine = Engine(Settings(home))
    if known.failures:
        yield Finding(
            "fail",
            "WAREHOUSE_FAILED",
            where,
            "; ".join(known.failures),
            Said(
                "rett årsaken og kjør igjen: akutt run", "mend the cause and run again: akutt run"
            ),
        )
    elif not engine.warehouse.is_fresh(engine.lake()):
        said = Said("ikke à jour", "behind the lake")
        yield Finding("warn", "WAREHOUSE_BEHIND", where, said, "akutt run")
    else:
        yield Finding("ok", "WAREHOUSE_OK", where, Said("har alle bunter", "holds every batch"))


def _keys(home: Home) -> Iterator[Finding]:
    from orchestration.engine import Engine, Settings

    if not home.warehouse.is_file():
        return
    collisions = Engine(Settings(home)).collisions()
    for collision in collisions:
        yield Finding(
            "fail",
            "KEYS_COLLIDE",
            "Nøkler / keys",
            collision.sentence,
            Said(
                "utgivelsen holdes tilbake til det er avklart",
                "the release is held back until it is settled",
            ),
        )
    if not collisions:
        said = Said("én kilde per nøkkel", "one source per key")
        yield Finding("ok", "KEYS_OK", "Nøkler / keys", said)


def _release(home: Home) -> Iterator[Finding]:
    from orchestration.engine import Engine, Settings
    from orchestration.release import list_releases
    from reporting.reader import NoReleaseError, open_current

    where = "Utgivelse / release"
    releases = list_releases(home.releases)
    if not releases:
        yield Finding("warn", "RELEASE_NONE", where, Said("ingen", "none"), "akutt run")
        return
    try:
        with open_current(home.releases) as release:
            name = release.release_id
            release.sql("select count(*) from kpi_values")
    except NoReleaseError as error:
        remedy = "akutt release rollback ID"
        yield Finding("fail", "RELEASE_UNREADABLE", where, str(error), remedy)
        return
    count, newest = len(releases), releases[0].release_id
    nb, en = f"{name} ({count} i alt)", f"{name} ({count} in all)"
    if name != newest:
        yield Finding(
            "warn",
            "RELEASE_ROLLED_BACK",
            where,
            Said(f"{nb}, rullet tilbake", f"{en}, rolled back"),
            f"akutt release rollback {newest}",
            name,
        )
    elif not Engine(Settings(home)).release_is_fresh():
        said = Said(f"{nb}, ikke à jour", f"{en}, behind")
        yield Finding("warn", "RELEASE_BEHIND", where, said, "akutt run", name)
    else:
        yield Finding("ok", "RELEASE_OK", where, Said(nb, en), subject=name)


def _release_files(home: Home) -> Iterator[Finding]:
    from orchestration.release import list_releases, verify_release

    for info in list_releases(home.releases):
        name = info.release_id
        problems = verify_release(home.releases, name)
        if problems:
            found, remedy = "; ".join(problems), "akutt release rollback"
            yield Finding("fail", "RELEASE_FILES_WRONG", name, found, remedy, name)
        else:
            said = Said("filer, rader og skjerming som oppgitt", "files, rows and hiding as stated")
            yield Finding("ok", "RELEASE_FILES_OK", name, said, subject=name)
