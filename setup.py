"""What a wheel has besides what pyproject.toml says: files that stand at the top of a clone."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
FILES = ("dagster.yaml", "constraints.txt", "README.md", "docs/**/*.md")


class BuildWithFiles(build_py):
    """Puts them where `orchestration.paths` looks for them when there is no clone."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for pattern in FILES:
            for path in HERE.glob(pattern):
                target = Path(self.build_lib, "orchestration", "installed", path.relative_to(HERE))
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)


setup(cmdclass={"build_py": BuildWithFiles})
