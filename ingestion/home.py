"""Where everything that is written lives: `AKUTT_HOME` and the folders below it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Home:
    """The folder layout of one installation."""

    root: Path

    @property
    def inbox(self) -> Path:
        return self.root / "inbox"

    @property
    def sources(self) -> Path:
        """Source files of this installation, read beside those of the project."""
        return self.root / "sources"

    @property
    def registers(self) -> Path:
        """Units, areas and coverage of this installation, read beside the project's seeds."""
        return self.root / "registers"

    @property
    def synthetic(self) -> Path:
        """Says that the extracts here were generated, and how."""
        return self.root / "synthetic.json"

    @property
    def lake(self) -> Path:
        return self.root / "lake"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse" / "akutt.duckdb"

    @property
    def releases(self) -> Path:
        return self.root / "releases"

    @property
    def truth(self) -> Path:
        return self.root / "truth"


def default_home() -> Home:
    """The home named by `AKUTT_HOME`, or `./data`."""
    return Home(Path(os.environ.get("AKUTT_HOME", "data")).resolve())
