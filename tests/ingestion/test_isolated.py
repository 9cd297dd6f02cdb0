"""The process that reads typed formats: it may die, and the next file is read."""

from __future__ import annotations

import datetime as dt
import io
import os
import re
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from ingestion.errors import FileRefusedError, refusal_of
from ingestion.readers import isolated, read_bytes
from ingestion.readers.isolated import Readers
from ingestion.sources.spec import SourceSpec
from tests.ingestion.conftest import HEADER, call_source, row, text

DAY = dt.date(2026, 1, 15)
FILES = Path(__file__).parent / "files"
CSV = text(row(1), row(2)).encode()
# Stands for a library that does what its file name says.
PROGRAM = """
import os, sys, time
import ingestion.readers.isolated as isolated
whole = isolated.read_bytes
def read(data, spec, day):
    if data == b"abort": os.abort()
    if data == b"hang": time.sleep(1000)
    if data == b"memory": return bytearray(int(sys.argv[3]) * 2)
    if data == b"panic": raise BaseException("with a value in it")
    return whole(data, spec, day)
isolated.read_bytes = read
isolated.serve()
"""


def source() -> SourceSpec:
    return call_source(format={"type": "parquet"})


def parquet(count: int) -> bytes:
    buffer = io.BytesIO()
    frame = pl.DataFrame(
        {name: [f"{name}{n % 3}" for n in range(count)] for name in HEADER.split(";")}
    )
    frame.write_parquet(buffer)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def readers() -> Iterator[Readers]:
    with Readers() as shared:
        yield shared


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> Iterator[Readers]:
    monkeypatch.setattr(isolated, "_PROGRAM", PROGRAM)
    with Readers(seconds=20, memory=1024**3) as shared:
        yield shared


def refusal(readers: Readers, data: bytes, spec: SourceSpec | None = None) -> FileRefusedError:
    with pytest.raises(FileRefusedError) as caught:
        readers.read(data, spec or source(), DAY)
    return caught.value


def test_a_file_is_the_same_whichever_process_reads_it(readers: Readers) -> None:
    data = parquet(7)
    here, there = read_bytes(data, source(), DAY), readers.read(data, source(), DAY)
    assert there.frame.equals(here.frame)
    assert here.record_hash is not None
    assert there.record_hash is not None
    assert there.record_hash.to_list() == here.record_hash.to_list()
    assert (there.broken, there.marks, there.findings) == (here.broken, here.marks, here.findings)


def test_a_refusal_comes_through_with_its_details(readers: Readers) -> None:
    error = refusal(readers, b"PAR1 but no more")
    assert error.code == "FILE_UNREADABLE"
    assert error.detail_nb.startswith("ikke gyldig Parquet")
    assert error.detail_en.startswith("not valid Parquet")


def test_text_formats_need_no_process() -> None:
    with Readers() as shared:
        assert shared.read(CSV, call_source(), DAY).rows_read == 2
        assert not shared._idle


@pytest.mark.parametrize(
    ("what", "why"),
    [(b"abort", "SIGABRT"), (b"memory", "MemoryError"), (b"panic", "BaseException")],
)
def test_the_next_file_is_read_after_one_that_ends_the_process(
    hostile: Readers, what: bytes, why: str
) -> None:
    error = refusal(hostile, what)
    assert error.code == "FILE_READER_FAILED"
    assert why in error.detail_nb
    assert why in error.detail_en
    assert "value" not in str(error)
    assert hostile.read(parquet(3), source(), DAY).rows_read == 3


def test_a_workbook_that_makes_the_library_abort_is_refused_alone(readers: Readers) -> None:
    """It says that it has three thousand million texts, for which the library takes the memory."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(FILES / "libreoffice_1904.xlsx") as whole,
        zipfile.ZipFile(buffer, "w") as changed,
    ):
        for name in whole.namelist():
            content = whole.read(name)
            if name.endswith("sharedStrings.xml"):
                content, count = re.subn(
                    rb'uniqueCount="\d+"', b'uniqueCount="2899999999"', content
                )
                assert count == 1
            changed.writestr(name, content)
    spec = call_source(format={"type": "xlsx", "sheet": "Ark", "header_row": 2})
    error = refusal(readers, buffer.getvalue(), spec)
    assert error.code == "FILE_READER_FAILED"
    assert "SIG" in error.detail_en
    good = (FILES / "libreoffice_1904.xlsx").read_bytes()
    assert readers.read(good, spec, DAY).rows_read == 4


def test_a_file_that_hangs_costs_its_time_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "_PROGRAM", PROGRAM)
    with Readers(seconds=30) as shared:
        assert shared.read(parquet(3), source(), DAY).rows_read == 3
        shared._seconds = 0.5
        error = refusal(shared, b"hang")
        shared._seconds = 30
        assert error.code == "FILE_READER_FAILED"
        assert "not read in" in error.detail_en
        assert shared.read(parquet(3), source(), DAY).rows_read == 3


def test_a_process_that_ended_between_two_files_costs_none(readers: Readers) -> None:
    readers.read(parquet(1), source(), DAY)
    for worker in readers._idle:
        worker._process.kill()
        worker._process.wait()
    assert readers.read(parquet(2), source(), DAY).rows_read == 2


def test_two_threads_each_get_their_own_file(readers: Readers) -> None:
    with ThreadPoolExecutor(2) as pool:
        sizes = list(range(1, 30))
        found = pool.map(lambda n: readers.read(parquet(n), source(), DAY).rows_read, sizes)
        assert list(found) == sizes


def test_closing_lets_go_of_a_thread_that_waits(hostile: Readers) -> None:
    caught: list[FileRefusedError] = []
    waiting = threading.Thread(target=lambda: caught.append(refusal(hostile, b"hang")))
    hostile.start()
    waiting.start()
    time.sleep(0.5)
    hostile.close()
    waiting.join(10)
    assert [error.code for error in caught] == ["FILE_READER_FAILED"]


def test_the_secret_is_not_in_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AKUTT_PSEUDONYM_KEY", "x" * 40)
    with Readers() as shared:
        shared.start()
        environment = Path(f"/proc/{shared._idle[0]._process.pid}/environ")
        if not environment.exists():
            pytest.skip("no /proc on this system")
        assert b"AKUTT_PSEUDONYM_KEY" not in environment.read_bytes()


@pytest.mark.parametrize("busy", [False, True])
def test_no_process_is_left_behind_when_the_program_is_killed(tmp_path: Path, busy: bool) -> None:
    program = f"""
import datetime as dt, sys, threading, time
import ingestion.readers.isolated as isolated
from tests.ingestion.test_isolated import PROGRAM, source
isolated._PROGRAM = PROGRAM
readers = isolated.Readers()
readers.start()
print(readers._idle[0]._process.pid, flush=True)
if {busy}: readers.read(b"hang", source(), dt.date(2026, 1, 15))
time.sleep(1000)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        time.sleep(4 if busy else 0)
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while _runs(worker):
        assert time.monotonic() < deadline, "the reading process outlived its program"
        time.sleep(0.1)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


def test_any_exception_is_a_refusal_without_its_text() -> None:
    for error in (ValueError("01819010001"), RecursionError(), BaseException("panic")):
        refusal = refusal_of(error)
        assert refusal.code == "FILE_READER_FAILED"
        assert type(error).__name__ in refusal.detail_nb
        assert "01819010001" not in str(refusal)
    for passed in (KeyboardInterrupt(), SystemExit()):
        with pytest.raises(type(passed)):
            refusal_of(passed)
    refused = FileRefusedError("FILE_EMPTY")
    assert refusal_of(refused) is refused
