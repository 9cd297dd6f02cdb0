"""Which tests share a process: the names in `tests/conftest.py` are those of files."""

from __future__ import annotations

import re

from tests.conftest import HERE, LONGEST, READERS, WORLDS, group

WORLD_FIXTURES = re.compile(r"\b(autumn|spring|faultless): World\b|getfixturevalue\(name\)")


def test_the_files_named_exist() -> None:
    assert [name for name in {*READERS, *LONGEST} - {WORLDS} if not (HERE / name).is_file()] == []


def test_whoever_reads_a_world_shares_its_process() -> None:
    asking = {
        path.relative_to(HERE).as_posix()
        for path in (HERE / "e2e").glob("test_*.py")
        if WORLD_FIXTURES.search(path.read_text("utf-8"))
    }
    assert asking == READERS


def test_groups_go_by_the_path_in_the_repository() -> None:
    assert group("tests/e2e/test_truth.py") == group("tests/e2e/test_links.py") == WORLDS
    assert group("tests/soak/test_soak.py") == "soak/test_soak.py"
