"""Backups: what is in them, that they are whole, and that a home comes back as it was."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from typer.testing import CliRunner, Result

from ingestion.lock import LockBusyError, exclusive
from orchestration.backup import (
    BackupError,
    Made,
    Snapshot,
    check,
    files,
    list_snapshots,
    make,
    open_snapshot,
    restore,
    snapshot,
)
from orchestration.backup.manifest import MANIFEST, write_manifest
from orchestration.cli.main import app
from orchestration.diagnosis import diagnose
from orchestration.disclosure import step
from orchestration.disclosure.step import disclose
from orchestration.engine import Engine, Settings
from orchestration.paths import Home
from orchestration.pipeline import run
from orchestration.release import build_release, get_release, list_releases, verify_release
from orchestration.suppression import SuppressionPolicy, load_policy
from tests.orchestration.conftest import KEY, MINI_PROJECT, NothingExpected, deliver
from tests.orchestration.fabricated import RELEASABLE_SQL, SEEDS, write_warehouse
from tests.orchestration.test_attack import DAYS, POLICY, figures, truth
from tests.orchestration.test_decided_again import delivered_until

NIGHT = datetime(2026, 11, 23, 0, 10, tzinfo=UTC)
RECEIPTS = "lake/call/batch_1/receipts.json"
ORIGINAL = "inbox/some_calls/calls_2026-11-22.csv"
WAREHOUSE = "warehouse/akutt.duckdb"
KEPT = {
    RECEIPTS: "[]",
    "lake/call/batch_1/accepted.parquet": "rows " * 400,
    "lake/call/withdrawal_1/withdrawn.parquet": "taken back",
    ORIGINAL: "id;time\n1;00:10\n",
    "releases/20261122T001000Z-12345678/kpi_values.parquet": "figures",
    "releases/current": "20261122T001000Z-12345678\n",
    "audiences/internal/20261122T001000Z-12345678/kpi_values.parquet": "all figures",
    "sources/own_calls.yaml": "name: own_calls\n",
    "registers/units.csv": "unit_id\n",
    "events.yaml": "[]\n",
    "access.yaml": "people: {}\n",
    "synthetic.json": "{}",
    "notes/of the site.txt": "nobody knows this file",
}
LEFT_OUT = {
    "dbt/target/manifest.json": "{}",
    "state/warehouse.json": "{}",
    "gx/result.json": "{}",
    "logs/dbt.log": "line",
    "dagster/history/runs.db": "runs",
    "run.lock": "",
    "lake/.lock": "",
    "lake/call/.aside-batch_2-1/accepted.parquet": "half of it",
}
PRIVATE = "audiences/internal"


def written(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Every kind of file that a home has, each of them small."""
    made = Home(tmp_path / "home")
    for name, text in {**KEPT, **LEFT_OUT}.items():
        written(made.root, name, text)
    (made.root / "registers" / "empty").mkdir()
    (made.root / PRIVATE).chmod(0o700)
    (made.root / "access.yaml").chmod(0o600)
    os.utime(made.root / ORIGINAL, ns=(1_700_000_000_123_456_789,) * 2)
    made.warehouse.parent.mkdir()
    with duckdb.connect(str(made.warehouse)) as connection:
        connection.execute("create schema disclosure; create schema audience_north")
        for table in ("disclosure.info", "disclosure.hidden_numbers", "audience_north.info"):
            connection.execute(f"create table {table} as select 7 as n")
        connection.execute("create table kpi_values as from range(1000)")
        connection.execute("create table disclosure.kpi_hidden as select 1 as n")
    return made


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    return tmp_path / "backups"


def backup(home: Home, backups: Path, day: int = 0, **options: Any) -> Made:
    return make(home, backups, now=NIGHT + timedelta(days=day), **options)


def mirrored(made: Made, name: str) -> Path:
    return made.snapshot.mirror / name


def inode(path: Path) -> int:
    return path.stat().st_ino


def damage(path: Path) -> None:
    """Another first byte, and nothing else that shows."""
    before = path.stat()
    content = path.read_bytes()
    path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def akutt(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


# --- what is in it ------------------------------------------------------------------------------


def test_what_cannot_be_made_again_is_in_it_and_nothing_else(home: Home, backups: Path) -> None:
    made = backup(home, backups)
    there = {
        path.relative_to(made.snapshot.mirror).as_posix()
        for path in made.snapshot.mirror.rglob("*")
        if path.is_file()
    }
    assert there == {*KEPT, WAREHOUSE} == set(made.snapshot.files)
    assert {path.name for path in backups.iterdir()} == {".lock", "20261123T001000Z"}
    assert made.snapshot.release == KEPT["releases/current"].strip()
    assert set(made.snapshot.left_out) == {
        *("dagster", "dbt", "gx", "logs", "run.lock", "state", "warehouse"),
    }
    for name, text in KEPT.items():
        assert mirrored(made, name).read_text(encoding="utf-8") == text
        assert mirrored(made, name).stat().st_mtime_ns == (home.root / name).stat().st_mtime_ns


def test_of_the_warehouse_only_what_it_alone_knows_is_kept(home: Home, backups: Path) -> None:
    made = backup(home, backups)
    with duckdb.connect(str(mirrored(made, WAREHOUSE)), read_only=True) as connection:
        query = "select schema_name, table_name from duckdb_tables() order by all"
        assert connection.execute(query).fetchall() == [
            ("audience_north", "info"),
            ("disclosure", "hidden_numbers"),
            ("disclosure", "info"),
        ]
        assert connection.execute("select n from disclosure.hidden_numbers").fetchall() == [(7,)]


def test_a_warehouse_without_decisions_is_left_out(home: Home, backups: Path) -> None:
    home.warehouse.unlink()
    with duckdb.connect(str(home.warehouse)) as connection:
        connection.execute("create table kpi_values as from range(3)")
    assert WAREHOUSE not in backup(home, backups).snapshot.files


def test_the_key_is_never_copied(home: Home, backups: Path) -> None:
    secret = b"0123-this-must-not-be-found-anywhere-4567"
    # Across the border of what is read at a time.
    padding = "x" * (files._CHUNK - 40)
    written(home.root, "akutt.env", f"{padding}AKUTT_PSEUDONYM_KEY={secret.decode()}\n")
    made = backup(home, backups, key=secret)
    assert "akutt.env" in made.snapshot.left_out
    assert "akutt.env" not in made.snapshot.files
    for path in backups.rglob("*"):
        assert not path.is_file() or secret not in path.read_bytes(), path


def test_links_are_followed_and_circles_end(home: Home, backups: Path, tmp_path: Path) -> None:
    home.lake.rename(tmp_path / "large disk")
    home.lake.symlink_to(tmp_path / "large disk")
    (home.inbox / "round").symlink_to(home.root)
    os.mkfifo(home.inbox / "pipe")
    made = backup(home, backups)
    assert mirrored(made, RECEIPTS).read_text() == KEPT[RECEIPTS]
    assert not any("round" in name for name in made.snapshot.files)
    assert "inbox/pipe" in made.snapshot.left_out


def test_the_copies_are_their_owners_alone(home: Home, backups: Path) -> None:
    before = os.umask(0o022)
    try:
        made = backup(home, backups)
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)
    everything = [backups, made.snapshot.folder, *made.snapshot.folder.rglob("*")]
    assert not [path for path in everything if stat.S_IMODE(path.stat().st_mode) & 0o077]


# --- incremental --------------------------------------------------------------------------------


def test_what_has_not_changed_is_a_hard_link(home: Home, backups: Path) -> None:
    first = backup(home, backups)
    assert first.copied_files == len(first.snapshot.files)
    second = backup(home, backups, day=1)
    assert (second.copied_files, second.copied_bytes) == (0, 0)
    for name in first.snapshot.files:
        assert inode(mirrored(first, name)) == inode(mirrored(second, name))
    assert check(second.snapshot) == {}


def test_a_changed_file_is_copied_and_the_earlier_copy_stays(home: Home, backups: Path) -> None:
    first = backup(home, backups)
    damage(home.root / ORIGINAL)  # size and time of the content are as they were
    second = backup(home, backups, day=1)
    assert second.copied_files == 1
    assert mirrored(first, ORIGINAL).read_text() == KEPT[ORIGINAL]
    assert mirrored(second, ORIGINAL).read_bytes() == (home.root / ORIGINAL).read_bytes()
    assert check(first.snapshot) == check(second.snapshot) == {}


def test_what_is_gone_is_gone_from_the_next_one_only(home: Home, backups: Path) -> None:
    first = backup(home, backups)
    (home.root / ORIGINAL).unlink()
    second = backup(home, backups, day=1)
    assert ORIGINAL not in second.snapshot.files
    assert mirrored(first, ORIGINAL).is_file()


def test_a_copy_that_has_lost_bytes_is_not_linked_to(home: Home, backups: Path) -> None:
    mirrored(backup(home, backups), RECEIPTS).write_text("")
    second = backup(home, backups, day=1)
    assert mirrored(second, RECEIPTS).read_text() == KEPT[RECEIPTS]


def test_without_hard_links_everything_is_copied(
    home: Home, backups: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup(home, backups)
    monkeypatch.setattr(snapshot.os, "link", _no_links)
    second = backup(home, backups, day=1)
    assert second.copied_files == len(second.snapshot.files)
    assert check(second.snapshot) == {}


def _no_links(*_: object) -> None:
    raise OSError("no hard links here")


def test_only_as_many_are_kept_as_asked_for(home: Home, backups: Path) -> None:
    (backups / "20200101T000000Z").mkdir(parents=True)  # not a backup: nobody's to remove
    names = [backup(home, backups, day=day).snapshot.name for day in range(3)]
    last = backup(home, backups, day=3, keep=2)
    assert last.removed == names[1::-1]
    found, problems = list_snapshots(backups)
    assert [one.name for one in found] == [last.snapshot.name, names[2]]
    assert problems == []
    assert (backups / "20200101T000000Z").is_dir()
    assert check(last.snapshot) == {}


def test_two_in_a_second_are_two(home: Home, backups: Path) -> None:
    first, second = backup(home, backups), backup(home, backups)
    assert first.snapshot.folder != second.snapshot.folder
    assert open_snapshot(backups).folder == second.snapshot.folder


# --- interrupted, changed, unreadable -----------------------------------------------------------


def interrupted(home: Home, backups: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """A backup that ends when this many files are copied."""
    done: list[Path] = []

    def copy(source: Path, target: Path, **options: Any) -> str:
        if len(done) == after:
            target.write_text("half")
            raise OSError(28, "No space left on device", str(target))
        done.append(source)
        return files.copy(source, target, **options)

    with monkeypatch.context() as patch:
        patch.setattr(snapshot, "copy", copy)
        with pytest.raises(BackupError, match="No space left on device"):
            backup(home, backups)


def test_an_interrupted_backup_is_none_and_the_next_goes_on(
    home: Home, backups: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(home, backups, monkeypatch, after=4)
    assert list_snapshots(backups) == ([], [])
    with pytest.raises(BackupError, match="no backup here"):
        open_snapshot(backups)
    interrupted(home, backups, monkeypatch, after=3)
    made = backup(home, backups)
    assert made.copied_files == len(made.snapshot.files) - 7
    assert check(made.snapshot) == {}
    assert {path.name for path in backups.iterdir()} == {".lock", made.snapshot.name}


def test_what_an_interrupted_backup_left_is_read_before_it_is_used(
    home: Home, backups: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(home, backups, monkeypatch, after=4)
    (left,) = backups.glob(".unfinished-*")
    for path in (left / "home").rglob("*"):
        if path.is_file():
            damage(path)
    with (left / "journal.jsonl").open("a") as journal:
        journal.write('{"name": "half of a li')
    made = backup(home, backups)
    assert made.copied_files == len(made.snapshot.files)
    assert check(made.snapshot) == {}


def test_a_file_that_changes_meanwhile_is_named(
    home: Home, backups: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def more(_: int) -> None:
        with (home.root / ORIGINAL).open("a") as file:
            file.write("2;00:11\n")

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", more)
        patch.setattr(snapshot, "_look", _only(ORIGINAL))
        with pytest.raises(BackupError, match=r"changed while it was copied.*calls_2026-11-22"):
            backup(home, backups)
    assert list_snapshots(backups) == ([], [])
    assert check(backup(home, backups).snapshot) == {}


def _only(name: str) -> Callable[..., Any]:
    look = snapshot._look

    def found(root: Path, destination: Path) -> Any:
        everything = look(root, destination)
        everything.files = {name: everything.files[name]}
        return everything

    return found


def test_what_does_not_read_back_as_written_is_no_backup(
    home: Home, backups: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", lambda handle: os.pwrite(handle, b"\0", 0))
        with pytest.raises(BackupError, match="did not read back as written"):
            backup(home, backups)
    assert list_snapshots(backups) == ([], [])


def test_what_cannot_be_read_is_named(home: Home, backups: Path) -> None:
    (home.lake / "call" / "batch_9").symlink_to(home.root / "nowhere")
    with pytest.raises(BackupError, match=r"cannot be read: .*batch_9"):
        backup(home, backups)
    (home.lake / "call" / "batch_9").unlink()
    home.warehouse.write_text("this is no database, however long it is " * 200)
    with pytest.raises(BackupError, match="the warehouse cannot be read"):
        backup(home, backups)
    assert list_snapshots(backups) == ([], [])


# --- where, and when ----------------------------------------------------------------------------


def test_a_destination_inside_is_refused(home: Home, tmp_path: Path) -> None:
    for inside in (home.root, home.root / "backups", home.root / "lake" / ".." / "b"):
        with pytest.raises(BackupError, match="AKUTT_HOME"):
            backup(home, inside)
    disk = tmp_path / "disk"
    disk.mkdir()
    (home.root / "more").symlink_to(disk)
    with pytest.raises(BackupError, match="is in a folder that is copied"):
        backup(home, disk / "backups")
    assert not (home.root / "backups").exists()


def test_without_a_home_there_is_nothing_to_back_up(tmp_path: Path, backups: Path) -> None:
    with pytest.raises(BackupError, match="nothing to back up"):
        backup(Home(tmp_path / "nowhere"), backups)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BackupError, match="nothing to back up"):
        backup(Home(tmp_path / "empty"), backups)
    assert list_snapshots(backups) == ([], [])


@pytest.mark.parametrize("lock", ["run.lock", "lake/.lock", "releases/.lock", "registers/.lock"])
def test_whoever_works_in_the_home_is_waited_for(
    home: Home, backups: Path, monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    with exclusive(home.root / lock), pytest.raises(LockBusyError, match="arbeider her"):
        backup(home, backups)
    assert list_snapshots(backups) == ([], [])
    # And the other way: while it copies, nobody else gets the lock.
    refused: list[bool] = []

    def copy(source: Path, target: Path, **options: Any) -> str:
        with pytest.raises(LockBusyError), exclusive(home.root / lock):
            pass
        refused.append(True)
        return files.copy(source, target, **options)

    monkeypatch.setattr(snapshot, "copy", copy)
    assert backup(home, backups).copied_files == len(refused) + 1  # the warehouse is no copy


# --- check and restore --------------------------------------------------------------------------


def test_a_home_comes_back_as_it_was(home: Home, backups: Path, tmp_path: Path) -> None:
    made = backup(home, backups)
    target = tmp_path / "new" / "home"
    restore(open_snapshot(backups), target)
    there = {p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file()}
    assert there == set(made.snapshot.files)
    for name in KEPT:
        assert (target / name).read_bytes() == (home.root / name).read_bytes()
        before, after = (home.root / name).stat(), (target / name).stat()
        assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns), name
        # A restored home is no part of the backup: what is written in it changes no copy.
        assert inode(target / name) != inode(mirrored(made, name))
    for name in (".", "lake", PRIVATE, "registers/empty"):
        assert (target / name).stat().st_mode == (home.root / name).stat().st_mode, name
    assert not (target / ".restoring").exists()


def test_an_empty_home_is_filled_and_another_refused(
    home: Home, backups: Path, tmp_path: Path
) -> None:
    made = backup(home, backups)
    target = tmp_path / "target"
    written(target, ".restoring/lake/half", "of an interrupted one")
    restore(made.snapshot, target)
    assert not list(target.rglob("half"))
    for place in (target, home.root, written(tmp_path, "file", "")):
        before = sorted(place.rglob("*"))
        with pytest.raises(BackupError, match="ikke tom: flytt det som er der"):
            restore(made.snapshot, place)
        assert sorted(place.rglob("*")) == before
    with pytest.raises(BackupError, match="is in the backup"):
        restore(made.snapshot, made.snapshot.folder / "here")


def test_a_restore_that_ends_halfway_leaves_no_lake_without_its_releases(
    home: Home, backups: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = backup(home, backups)
    moved: list[str] = []
    rename = Path.rename

    def noted(path: Path, target: Path) -> Path:
        moved.append(path.name)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", noted)
    restore(made.snapshot, tmp_path / "target")
    assert moved[-2:] == ["lake", "inbox"]
    assert {"releases", "audiences", "warehouse"} < set(moved)


@pytest.mark.parametrize("name", [RECEIPTS, WAREHOUSE])
def test_a_damaged_copy_is_found_and_named_and_not_restored(
    home: Home, backups: Path, tmp_path: Path, name: str
) -> None:
    made = backup(home, backups)
    damage(mirrored(made, name))
    mirrored(made, ORIGINAL).unlink()
    problems = check(made.snapshot)
    assert set(problems) == {name, ORIGINAL}
    assert "has changed" in problems[name]
    assert "is missing" in problems[ORIGINAL]
    with pytest.raises(BackupError) as told:
        restore(made.snapshot, tmp_path / "target")
    assert name in str(told.value)
    assert ORIGINAL in str(told.value)
    assert RECEIPTS in str(told.value) or name != RECEIPTS
    assert not list((tmp_path / "target").iterdir())


def test_a_damaged_or_foreign_manifest_is_not_believed(home: Home, backups: Path) -> None:
    made = backup(home, backups)
    path = made.snapshot.folder / MANIFEST
    good = path.read_text()
    for bad in (good.replace("0010", "0011", 1), good[:-30], "[]", "{}"):
        path.write_text(bad)
        with pytest.raises(BackupError, match="damaged"):
            open_snapshot(backups)
        assert len(list_snapshots(backups)[1]) == 1
    path.write_text(good.replace('"format": 1', '"format": 2'))
    with pytest.raises(BackupError, match="another version"):
        open_snapshot(backups)
    # A damaged manifest vouches for no file: the next backup copies everything.
    assert backup(home, backups, day=1).copied_files == len(made.snapshot.files)


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "lake/../../outside"])
def test_nothing_is_written_outside_the_new_home(home: Home, backups: Path, name: str) -> None:
    made = backup(home, backups)
    entry = made.snapshot.files[RECEIPTS]
    write_manifest(Snapshot(**{**vars(made.snapshot), "files": {name: entry}}))
    with pytest.raises(BackupError, match="damaged"):
        open_snapshot(backups)


# --- the commands -------------------------------------------------------------------------------


def test_the_commands(
    home: Home, backups: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AKUTT_HOME", str(home.root))
    assert akutt("backup", "--list", backups).exit_code == 1
    done = akutt("backup", backups)
    assert done.exit_code == 0, done.output
    assert "AKUTT_PSEUDONYM_KEY er ikke med" in done.output
    assert "Utelatt / left out: dagster, dbt" in done.output
    told = json.loads(akutt("backup", backups, "--format", "json", "--keep", "1").stdout)
    assert set(told) == {
        *("snapshot", "path", "created_at", "version", "release", "files", "bytes"),
        *("copied_files", "copied_bytes", "left_out", "removed", "seconds"),
    }
    assert (told["copied_files"], len(told["removed"])) == (0, 1)
    listed = akutt("backup", "--list", backups)
    assert listed.exit_code == 0
    assert told["snapshot"] in listed.output
    (one,) = json.loads(akutt("backup", "--list", backups, "--format", "json").stdout)["snapshots"]
    assert one == {name: told[name] for name in one}

    assert akutt("restore", backups).exit_code == 1  # AKUTT_HOME is not empty
    assert akutt("restore", backups, "--check", "--to", tmp_path / "x").exit_code == 2
    assert akutt("backup", backups, "--keep", "0").exit_code == 2
    new = tmp_path / "new"
    put = akutt("restore", one["path"], "--to", new)
    assert put.exit_code == 0, put.output
    assert f"AKUTT_HOME={new}: akutt doctor, akutt run" in put.output
    assert "alle som de skal" in akutt("restore", backups, "--check").output

    damage(Path(one["path"]) / "home" / RECEIPTS)
    found = akutt("restore", backups, "--check")
    assert found.exit_code == 1
    assert RECEIPTS in found.output
    found = akutt("restore", one["path"], "--check", "--format", "json")
    assert found.exit_code == 1
    assert set(json.loads(found.stdout)["problems"]) == {RECEIPTS}
    with exclusive(home.run_lock):
        busy = akutt("backup", backups)
    assert busy.exit_code == 1
    assert "En annen prosess arbeider her" in busy.output


# --- a home that has been run -------------------------------------------------------------------


@pytest.mark.slow
def test_a_restored_home_comes_to_the_same_releases(
    deliveries: Path, tmp_path: Path, backups: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINI_SEEDS", str(SEEDS))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("AKUTT_WAREHOUSE", "")
    before, after = Home(tmp_path / "before"), Home(tmp_path / "after")
    deliver(deliveries, before, days=2)
    first = run(engine(before))
    deliver(deliveries, before, days=3)
    second = run(engine(before))
    assert first.release_id != second.release_id

    make(before, backups)
    restore(open_snapshot(backups), after.root)
    wrong = [finding for finding in diagnose(after, full=True) if finding.status == "fail"]
    assert wrong == []
    assert hidden(after).equals(hidden(before))
    again = run(engine(after))
    assert (again.did_work, again.release_id) == (True, second.release_id)
    assert len(list_releases(after.releases)) == 2
    assert verify_release(after.releases) == []

    # The next day as well, with the history that binds it.
    for home in (before, after):
        deliver(deliveries, home, days=4)
        run(engine(home))
    one, other = get_release(before.releases), get_release(after.releases)
    assert one.content_hash == other.content_hash
    assert one.release_id != second.release_id


def engine(home: Home) -> Engine:
    made = Engine(Settings(home, key=lambda: KEY, project_dir=MINI_PROJECT))
    made.checkpoint = NothingExpected(home)
    return made


def hidden(home: Home, policy: SuppressionPolicy | None = None) -> pl.DataFrame:
    """The numbers that the last release hides, as the next decision knows them."""
    policy = policy or load_policy(Settings(home).policy_file)
    found = step._history(home.warehouse, step.SCHEMA, home.releases, policy).hidden
    assert found is not None
    return found.sort(found.columns)


@pytest.mark.parametrize("decided_again", [False, True])
def test_what_releases_hide_is_known_after_a_restore(
    tmp_path: Path, backups: Path, decided_again: bool
) -> None:
    before, after = Home(tmp_path / "before"), Home(tmp_path / "after")
    before.warehouse.parent.mkdir(parents=True)
    write_warehouse(before.warehouse, figures(truth(1)), policy=POLICY)
    disclose(before.warehouse, before.releases, delivered_until(DAYS[20]), POLICY)
    with duckdb.connect(str(before.warehouse)) as connection:
        connection.execute("drop table marts.kpi_releasable")
        connection.execute(RELEASABLE_SQL)
    build_release(before.warehouse, before.releases, delivered_until(DAYS[20]))
    if decided_again:  # and stopped before its release
        disclose(before.warehouse, before.releases, delivered_until(DAYS[27]), POLICY)
    make(before, backups)
    restore(open_snapshot(backups), after.root)
    assert hidden(after, POLICY).height > 50
    assert hidden(after, POLICY).equals(hidden(before, POLICY))
