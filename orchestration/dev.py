"""`python -m orchestration.dev`: Dagster's web page over the data in AKUTT_HOME."""

from __future__ import annotations

import subprocess
import sys

from orchestration.paths import REPOSITORY, akutt_home
from orchestration.pipeline import prepare_dagster_home


def main() -> int:
    """Put dagster.yaml in place, then hand over to `dagster dev`."""
    home = akutt_home()
    prepare_dagster_home(home.dagster)
    return subprocess.call(
        [sys.executable, "-m", "dagster", "dev", "-m", "orchestration.definitions", *sys.argv[1:]],
        cwd=REPOSITORY,
    )


if __name__ == "__main__":
    sys.exit(main())
