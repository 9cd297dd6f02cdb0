"""What several tests here share."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.dbt_project.comparison import Figures, compiled


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The comparison models as SQL; compiling takes dbt some seconds."""
    return compiled(tmp_path_factory.mktemp("compiled"))


@pytest.fixture
def figures(models: Mapping[str, str]) -> Figures:
    """Tables for the comparison models, empty."""
    return Figures(models)
