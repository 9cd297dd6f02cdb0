"""A small part of the campaign: nothing that is planted passes the intake."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.personal.campaign import deliver, run_commands, search
from tests.personal.plant import HOST, Planted
from tests.personal.search import found_in


@pytest.mark.slow
def test_nothing_planted_is_in_the_lake_or_in_what_is_said(tmp_path: Path) -> None:
    planted = Planted()
    files = deliver(tmp_path, 12_000, 5, planted)
    assert files > 50 and planted.values > 12_000
    run_commands(
        tmp_path,
        [["ingest"], ["quarantine", "show", "--raw", "--limit", "100000"], ["lake", "withdrawals"]],
    )
    counts = sum(search(tmp_path, planted).values(), Counter[str]())
    assert counts["files"] > 40
    assert counts["email"] == 0
    # A number of eleven digits is some planted one by chance as often as one that was put nowhere.
    assert counts["identity"] <= counts["identity, put nowhere"] + 1
    assert counts["phone"] <= 3 * counts["phone, put nowhere"] + 3


def test_the_search_finds_what_it_looks_for() -> None:
    planted = Planted(identity={"14857110014"}, phones={"98765432"})
    for text in ("x 148571 10014.", "14857110014", "１４８５７１１００１４", "14.85.71-10014"):
        assert found_in(text, planted)["identity"] == 1, text
    assert found_in("+47 987 65 432", planted)["phone"] == 1
    assert found_in(f"kari@{HOST}.no", planted)["email"] == 1
    assert found_in("12 0301 2026-01-15", planted) == Counter()
