"""What the benchmark reads from the output of `akutt run`."""

from __future__ import annotations

import pytest

from benchmarks.national_year import added_share, steps

OUTPUT = """\
Venter / pending: 383 filer fra 10 kilder
     2.1 s  lat_requests: 40/40 filer, 57 rader
Inntak / intake: 383 filer (8 avvist), 37 911 rader (61 i karantene) på 2.7 s (13 851 rader/s)
Varehus / warehouse: alt på nytt / full, 77 pass, 86 success på 10.8 s (kpi_values 2.3 s)
Kvalitet / quality: 83 forventninger, 6 brutt (0 stopper utgivelsen / block the release)
Avsløringskontroll / disclosure: 12 av / of 40 celler skjult / hidden på 30.0 s
Sammenligning / comparison: nye bunter / new batches, 9 pass på 2.0 s (kpi_releasable 0.9 s)
Utgivelse / release: 20261123T003526Z-ec8e468d (ny / new) på 1.5 s
"""


def test_every_step_that_says_its_seconds_is_in_the_report() -> None:
    assert steps(OUTPUT) == {
        "intake": 2.7,
        "warehouse": 10.8,
        "disclosure": 30.0,
        "comparison": 2.0,
        "release": 1.5,
    }


def test_a_step_that_runs_twice_is_summed() -> None:
    assert steps(OUTPUT + OUTPUT)["warehouse"] == 21.6


def test_what_disclosure_and_comparison_add_is_a_share_of_the_rest() -> None:
    assert added_share(steps(OUTPUT), 132.0) == pytest.approx(0.32)
    assert added_share({"intake": 5.0}, 10.0) == 0.0
