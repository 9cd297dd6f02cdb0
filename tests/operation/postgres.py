"""A PostgreSQL server of the tests' own, where Debian's packages (or others) have put one."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path


def binaries() -> Path | None:
    """The folder with initdb and pg_ctl; None where there is no server."""
    found = shutil.which("pg_ctl")
    if found:
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


@dataclass(frozen=True)
class Server:
    """A server on a port of this machine, with its data below a folder; everyone is trusted."""

    folder: Path
    port: int
    programs: Path

    @classmethod
    def made(cls, folder: Path) -> Server:
        """A new server in an empty folder that any user can reach, started."""
        programs = binaries()
        assert programs is not None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            server = cls(folder, free.getsockname()[1], programs)
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")  # it refuses to be run by root
        server._run("initdb", "-D", folder / "data", "-A", "trust", "-U", "postgres", "-E", "UTF8")
        server.start()
        return server

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self._run("pg_ctl", "-D", self.folder / "data", "-o", options, "-w", "-l",
                  self.folder / "log", "start")  # fmt: skip

    def stop(self) -> None:
        """Stop it as when it dies: connections are cut."""
        self._run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "-w", "stop")

    def database(self, name: str) -> None:
        """Make an empty database."""
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", name)

    def environment(self, name: str) -> dict[str, str]:
        """What dagster.yaml reads of the environment."""
        return {
            "DAGSTER_PG_HOST": "127.0.0.1",
            "DAGSTER_PG_USERNAME": "postgres",
            "DAGSTER_PG_PASSWORD": "none",
            "DAGSTER_PG_DB": name,
            "DAGSTER_PG_PORT": str(self.port),
        }

    def _run(self, program: str, *words: str | Path) -> None:
        as_user = {"user": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        done = subprocess.run(
            [self.programs / program, *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            cwd=self.folder, text=True, check=False, **as_user,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
