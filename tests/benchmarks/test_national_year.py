"""What the benchmark reads from the output of `akutt run`."""

from __future__ import annotations

from benchmarks.national_year import steps

OUTPUT = """\
Venter / pending: 383 filer fra 10 kilder
  lat_requests: 40/40 filer, 57 rader, 27 rader/s
Inntak / intake: 383 filer (8 avvist), 37,911 rader (61 i karantene) på 2.7 s (13,851 rader/s)
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
