"""Opening the current release: resolved, locked down, patient."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest

from reporting import reader
from reporting.reader import NoReleaseError, Release, close_shared, open_current, shared
from tests.orchestration.fabricated import registry


def test_the_current_release_is_open_and_says_which_it_is(releases: Path, current: Release) -> None:
    assert current.release_id == (releases / "current").read_text().strip()
    assert current.metadata["release_id"] == current.release_id
    assert current.table("kpi_registry").height == registry().height
    with pytest.raises(KeyError):
        current.table("kpi_values; drop table x")


@pytest.mark.parametrize(
    "statement",
    [
        "select * from read_csv('/etc/hostname')",
        "attach '/tmp/elsewhere.duckdb'",
        "set threads = 1",
        "set enable_external_access = true",
        "copy kpi_values to '/tmp/elsewhere.csv'",
        "create table mine (a integer)",
        "delete from kpi_values",
    ],
)
def test_the_connection_reaches_nothing_but_the_release(current: Release, statement: str) -> None:
    with pytest.raises(duckdb.Error):
        current.sql(statement)
    assert current.sql("select 1 as one")["one"][0] == 1


def test_the_file_can_be_opened_beside_the_release(current: Release) -> None:
    with duckdb.connect(str(current.path / "akutt.duckdb"), read_only=True) as other:
        assert other.sql("select count(*) from kpi_values").fetchall() == [(9,)]


def test_a_shared_release_stays_open_until_the_pointer_moves(
    releases: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "releases"
    shutil.copytree(releases, folder)
    first = shared(releases_dir=folder)
    assert shared(releases_dir=folder) is first
    newer = folder / "20990101T000000Z-newer"
    shutil.copytree(folder / first.release_id, newer)
    (folder / "current").write_text(newer.name)
    assert shared(releases_dir=folder).release_id == newer.name
    assert shared(first.release_id[:12], folder) is first
    assert shared(str(newer)).path == newer
    with pytest.raises(NoReleaseError, match="ambiguous"):
        shared("20", folder)
    with pytest.raises(NoReleaseError, match="does not exist"):
        shared("1999", folder)
    close_shared()
    assert shared(releases_dir=folder) is not first


def test_threads_share_a_release(releases: Path) -> None:
    def ask(number: int) -> int:
        return int(shared(releases_dir=releases).sql(f"select {number} as n")["n"][0])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(200))) == list(range(200))


def test_without_a_release_the_message_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NoReleaseError) as caught:
        open_current(tmp_path / "releases")
    for text in str(caught.value).split(" / "):
        assert "akutt run" in text
        assert "AKUTT_HOME" in text
        assert str(tmp_path / "releases") in text


def test_a_release_pruned_between_pointer_and_file_is_looked_up_again(
    releases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "releases"
    shutil.copytree(releases, folder)
    kept = (folder / "current").read_text()
    (folder / "current").write_text("pruned-meanwhile")
    monkeypatch.setattr(reader.time, "sleep", lambda _: (folder / "current").write_text(kept))
    with open_current(folder) as release:
        assert release.release_id == kept.strip()


def test_a_pointer_to_nothing_ends_in_an_error_not_in_a_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "current").write_text("gone")
    monkeypatch.setattr(reader, "_WAIT_SECONDS", 0)
    with pytest.raises(NoReleaseError, match="gone"):
        open_current(tmp_path)


def test_an_open_release_outlives_its_folder(releases: Path, tmp_path: Path) -> None:
    folder = tmp_path / "releases"
    shutil.copytree(releases, folder)
    with open_current(folder) as release:
        shutil.rmtree(folder)
        assert release.sql("select count(*) as n from kpi_values")["n"][0] == 9
