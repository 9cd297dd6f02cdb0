"""The wheel is whole: what a clone has to run, it has, and it runs in an empty folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path

import pytest

from ingestion.synthetic import generate

ROOT = Path(__file__).parents[1]
PACKAGES = ("audit", "contracts", "dbt_project", "ingestion", "orchestration", "reporting")
TOP = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "dagster.yaml", "constraints.txt")
MADE = shutil.ignore_patterns("__pycache__", "target", "logs", ".user.yml", "pictures", "*.ipynb")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository, without what building and testing has left in it."""
    folder = tmp_path_factory.mktemp("source")
    for name in (*PACKAGES, "docs"):
        shutil.copytree(ROOT / name, folder / name, ignore=MADE)
    for name in TOP:
        shutil.copy2(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def installed(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked as an installation does."""
    folder = tmp_path_factory.mktemp("wheel")
    build = ("wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "-w")
    subprocess.run([sys.executable, "-m", "pip", *build, folder, source], check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def test_it_holds_every_file_that_a_clone_has(source: Path, installed: Path) -> None:
    there = {
        path.relative_to(source).as_posix()
        for name in PACKAGES
        for path in (source / name).rglob("*")
        if path.is_file()
    }
    # The copy is what the wheel was built from; building adds nothing to these folders.
    lacking = {name for name in there if not (installed / name).is_file()}
    assert len(there) > 400
    assert not lacking
    assert (installed / "orchestration/installed/dagster.yaml").is_file()


@pytest.mark.slow
def test_it_runs_in_an_empty_folder_without_a_clone(installed: Path, tmp_path: Path) -> None:
    environment = {name: text for name, text in os.environ.items() if not name.startswith("AKUTT")}
    environment |= {
        "PYTHONPATH": str(installed),
        "AKUTT_PSEUDONYM_KEY": "only-for-tests-0123456789abcdefgh",
    }

    def akutt(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "orchestration.cli.main", *words],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    generate(tmp_path / "data", date(2026, 1, 5), days=1, scale=0.002, seed=1, truth=False)
    assert "Gjeldende utgivelse" in akutt("run")
    assert akutt("kpi", "query", "calls_offered", "--level", "national", "--grain", "day")
    assert (tmp_path / "data" / "dagster" / "dagster.yaml").is_file()
    akutt("docs", "build", "out", "--without-dbt")
    assert (tmp_path / "out" / "guides" / "analyst.html").is_file()
    where = [sys.executable, "-c", "import orchestration; print(orchestration.__file__)"]
    told = subprocess.run(where, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert told.stdout.startswith(str(installed))
