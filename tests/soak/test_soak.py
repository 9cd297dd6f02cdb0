"""A short soak as part of the tests; `make soak` is the long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.kill_and_rerun import FIRST_DELIVERY_DAYS, soak


@pytest.mark.slow
def test_killed_runs_end_in_the_same_release(tmp_path: Path) -> None:
    tally = soak(kills=1, days=FIRST_DELIVERY_DAYS, scale=0.001, seed=3, folder=tmp_path)
    assert tally.problems == []
    assert sum(tally.kills.values()) == 1
    assert tally.reads > 0
