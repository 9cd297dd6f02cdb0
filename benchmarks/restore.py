"""How long it takes to back up a home, and to get from a backup to an equal release again.

    python -m benchmarks.restore FOLDER

backs up AKUTT_HOME into FOLDER, which is new, twice; checks the second backup, restores it beside
and runs it. Prints seconds as JSON; exit status 1 when the release is not the one backed up. Needs
AKUTT_PSEUDONYM_KEY; FOLDER is left, for a look or to be deleted.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from benchmarks.measure import Measured, run
from orchestration.paths import REPOSITORY, akutt_home
from orchestration.release import get_release, verify_release


def main(folder: Path) -> int:
    """Do all of it in a new folder; the exit status."""
    home, backups, restored = akutt_home(), folder / "backups", folder / "restored"
    folder.mkdir(parents=True)
    before = get_release(home.releases)
    steps = {
        "backup": ["backup", str(backups)],
        "backup_again": ["backup", str(backups)],
        "check": ["restore", str(backups), "--check"],
        "restore": ["restore", str(backups), "--to", str(restored)],
        "doctor": ["doctor"],
        "run": ["run"],
    }
    seconds: dict[str, float] = {}
    for name, words in steps.items():
        where = restored if name in ("doctor", "run") else home.root
        done = _akutt(where, words)
        if done.returncode:
            print(done.output, file=sys.stderr)
            return 1
        seconds[name] = round(done.wall_seconds, 1)
    after = get_release(restored / "releases")
    is_equal = (after.release_id, after.content_hash) == (before.release_id, before.content_hash)
    problems = verify_release(restored / "releases")
    told = {"release": after.release_id, "is_equal": is_equal, "problems": problems}
    print(json.dumps({**told, "seconds": seconds}, indent=2))
    return 0 if is_equal and not problems else 1


def _akutt(home: Path, words: list[str]) -> Measured:
    environment = {**os.environ, "AKUTT_HOME": str(home)}
    command = [sys.executable, "-m", "orchestration.cli.main", *words]
    return run(command, environment, REPOSITORY)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
