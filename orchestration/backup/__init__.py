"""Backups: what cannot be made again, as dated folders that are there whole or not at all.

`DEST/<snapshot>/home/` mirrors AKUTT_HOME, and `DEST/<snapshot>/manifest.json` says size, SHA-256
and rights of every file. A file that has not changed since the snapshot before is a hard link to
it.
"""

from orchestration.backup.manifest import BackupError, Snapshot, list_snapshots, open_snapshot
from orchestration.backup.restore import check, restore
from orchestration.backup.snapshot import Made, make

__all__ = [
    "BackupError",
    "Made",
    "Snapshot",
    "check",
    "list_snapshots",
    "make",
    "open_snapshot",
    "restore",
]
