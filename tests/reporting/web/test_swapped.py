"""A server process while releases come, go and break: nothing is mixed, and it mends by itself."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from reporting.reader import DATABASE, METADATA, current_release_id
from tests.reporting.releases import changed

CLIENTS, SECONDS = 20, 3.0
# Names and figures that say which release they are of.
MARKED = """
update units set unit_name = unit_name || ' {mark}';
update kpi_registry set name_nb = name_nb || ' {mark}', name_en = name_en || ' {mark}';
update kpi_values set value = {value} where value is not null;
"""
MARKS = {"first": ("[first]", 11.25), "second": ("[second]", 22.75)}
ADDRESSES = (
    *(
        "/",
        "/units",
        "/en/units",
        "/unit/central/amk_oslo/2026-09",
        "/definitions",
        "/search?q=oslo",
    ),
    *(
        "/kpi/c113_within_10s/113/central/2026-09",
        "/series/c113_within_10s/113/central/amk_oslo/month",
    ),
    *("/compare?units=amk_oslo,amk_bergen&kpis=c113_within_10s", "/chain/central/amk_oslo/2026-09"),
    *("/kpi/c113_within_10s/113/central/2026-09.json", "/api/v1/values?level=central"),
    *("/api/v1/units", "/api/v1/kpis"),
)
RELEASE = re.compile(r"(?:Utgivelse|Release) (\S+) \(|\"release_id\": ?\"([^\"]+)\"")


@pytest.fixture(scope="module")
def home(later: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two releases whose every name and figure differ."""
    home = tmp_path_factory.mktemp("swapped")
    releases = home / "releases"
    releases.mkdir()
    for name, (mark, value) in MARKS.items():
        made = changed(later, home / name, MARKED.format(mark=mark, value=value))
        shutil.move(made / current_release_id(made), releases / name)
        shutil.rmtree(made)
    (releases / "current").write_text("first")
    return home


def point(home: Path, to: str | bytes) -> None:
    """What a run does when it publishes: the pointer is replaced whole."""
    new = home / "releases" / ".current"
    new.write_bytes(to if isinstance(to, bytes) else to.encode())
    new.replace(home / "releases" / "current")


@contextmanager
def server(home: Path) -> Iterator[str]:
    """The address of `akutt serve` in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestration.cli.main", "serve", "--port", str(port)],
        env={**os.environ, "AKUTT_HOME": str(home)}, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(400):
            assert process.poll() is None
            try:
                httpx.get(f"{address}/static/style.css")
                break
            except httpx.ConnectError:
                time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    with server(home) as address:
        yield address


def release_of(answer: httpx.Response) -> str:
    """The one release that an answer names; whatever is in it is of that one."""
    named = {name for found in RELEASE.findall(answer.text) for name in found if name}
    assert len(named) == 1, (answer.url, named)
    (name,) = named
    (other,) = MARKS.keys() - {name}
    # The first page has no figure to show of a release so small.
    assert MARKS[name][0] in answer.text or answer.url.path == "/"
    mark, value = MARKS[other]
    for foreign in (mark, str(value), f"{value:.1f}", f"{value:.1f}".replace(".", ",")):
        assert foreign not in answer.text, (answer.url, name, foreign)
    return name


def test_no_answer_is_of_two_releases_while_they_change_places(home: Path, address: str) -> None:
    end = time.monotonic() + SECONDS

    def ask(number: int) -> tuple[Counter[str], dict[str, set[str]]]:
        seen: Counter[str] = Counter()
        tags: dict[str, set[str]] = {}
        with httpx.Client(base_url=address, timeout=30) as client:
            at = number
            while time.monotonic() < end:
                path = ADDRESSES[at % len(ADDRESSES)]
                answer = client.get(path)
                assert answer.status_code == 200, (path, answer.text)
                name = release_of(answer)
                seen[name] += 1
                if "etag" in answer.headers:
                    tags.setdefault(answer.headers["etag"], set()).add(name)
                at += 1
        return seen, tags

    with ThreadPoolExecutor(CLIENTS) as pool:
        asked = [pool.submit(ask, number) for number in range(CLIENTS)]
        while time.monotonic() < end:
            for name in MARKS:
                point(home, name)
                time.sleep(0.05)
        found = [one.result() for one in asked]
    seen = sum((counts for counts, _ in found), Counter[str]())
    assert seen.keys() == MARKS.keys()
    for _, tags in found:
        assert tags and all(len(names) == 1 for names in tags.values())


def test_a_tag_is_of_its_release(home: Path, address: str) -> None:
    point(home, "first")
    tag = httpx.get(f"{address}/units").headers["etag"]
    assert httpx.get(f"{address}/units", headers={"If-None-Match": tag}).status_code == 304
    point(home, "second")
    renewed = httpx.get(f"{address}/units", headers={"If-None-Match": tag})
    assert renewed.status_code == 200 and renewed.headers["etag"] != tag


def checked_unavailable(address: str, kind: str, heading: str) -> None:
    page = httpx.get(f"{address}/en/units")
    assert page.status_code == 503 and page.headers["retry-after"]
    assert heading in page.text
    problem = httpx.get(f"{address}/api/v1/values")
    assert problem.status_code == 503 and problem.headers["retry-after"]
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["type"].endswith(f"#problem-{kind}")
    for answer in (page, problem):
        assert DATABASE not in answer.text and "current" not in answer.text


def test_what_cannot_be_read_is_said_and_mends_without_a_restart(home: Path, address: str) -> None:
    damaged = ("damaged-release", "The release cannot be read")
    third = home / "releases" / "third"
    shutil.copytree(home / "releases" / "first", third)
    good = (third / DATABASE).read_bytes()
    for pointer, said in (
        (b"", ("no-release", "There is no release")),
        (b"\xff\xfe", damaged),
        (b"nowhere", ("no-release", "There is no release")),
    ):
        point(home, pointer)
        checked_unavailable(address, *said)
    point(home, "third")
    for name, bad in (
        (METADATA, b"{"), (METADATA, b"[]"), (DATABASE, b""), (DATABASE, b"text" * 5000),
        (DATABASE, good[:5000]),
    ):  # fmt: skip
        kept = (third / name).read_bytes()
        (third / name).write_bytes(bad)
        checked_unavailable(address, *damaged)
        (third / name).write_bytes(kept)
    assert status_now(address) == 200


def test_damage_that_comes_later_is_found_and_mended(home: Path, address: str) -> None:
    fourth = home / "releases" / "fourth"
    shutil.copytree(home / "releases" / "first", fourth)
    good = (fourth / DATABASE).read_bytes()
    # Everything but the beginning and what the engine reads of it when it opens the file.
    (fourth / DATABASE).write_bytes(good[:400_000])
    point(home, "fourth")
    checked_unavailable(address, "damaged-release", "The release cannot be read")
    (fourth / DATABASE).write_bytes(good)
    assert status_now(address) == 200


def status_now(address: str) -> int:
    """The status of a page, the API agreeing."""
    assert httpx.get(f"{address}/api/v1/units").status_code == 200
    return httpx.get(f"{address}/en/units").status_code
