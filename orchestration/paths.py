"""Where everything is: the repository's own folders and the folders under AKUTT_HOME."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ingestion.home import Home as DataHome
from ingestion.home import default_home

REPOSITORY = Path(__file__).resolve().parents[1]
DBT_PROJECT = REPOSITORY / "dbt_project"
# The files at the top of a clone; a wheel has them beside the code (setup.py).
_INSTALLED = Path(__file__).with_name("installed")
FILES = _INSTALLED if _INSTALLED.is_dir() else REPOSITORY


@dataclass(frozen=True)
class Home(DataHome):
    """The folders of the data, and those that running it needs."""

    @property
    def gx(self) -> Path:
        return self.root / "gx"

    @property
    def dagster(self) -> Path:
        return self.root / "dagster"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def runs(self) -> Path:
        """One record per run (`orchestration.watching.records`)."""
        return self.logs / "runs"

    @property
    def dbt_target(self) -> Path:
        return self.root / "dbt" / "target"

    @property
    def dbt_seeds(self) -> Path:
        """Seeds with the rows of `registers/` among them, when there are any."""
        return self.root / "dbt" / "seeds"

    @property
    def state(self) -> Path:
        """What the last completed steps were done on; safe to delete, then they are redone."""
        return self.root / "state"

    @property
    def audiences_file(self) -> Path:
        """Audiences of this installation, beside those of the project."""
        return self.root / "audiences.yaml"

    @property
    def events_file(self) -> Path:
        """What has happened to the services whose figures these are."""
        return self.root / "events.yaml"

    @property
    def run_lock(self) -> Path:
        return self.root / "run.lock"


def akutt_home() -> Home:
    """The home folder of this process: AKUTT_HOME, or ./data."""
    return Home(default_home().root)
