"""A release that has everything, and a client of the server that reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from reporting.reader import Release, shared
from reporting.web.app import make_app
from tests.reporting.releases import changed

READINESS = """
create table readiness_grades as
    select 'call' as contract, level, unit_id, 'month' as period_grain,
        date '2026-09-01' as period_start, 'B' as grade, 'Sen levering' as reason_nb,
        'Late delivery' as reason_en
    from units where level in ('central', 'national');
create table data_readiness as
    select 'call' as contract, source, 'source' as level, source as unit_id,
        'month' as period_grain, date '2026-09-01' as period_start, cast(null as varchar) as field,
        'timeliness' as dimension, 'on_time' as measure,
        cast(share as double) as value
    from (values ('hdo_iccs_calls', 99.5), ('hdo_legacy_calls', null)) as given(source, share);
create table readiness_findings as
    select 'call' as contract, 'hdo_iccs_calls' as source, 'CALL_QUEUE_NEGATIVE' as code,
        'queue_ms' as field, '10+' as affected;
"""


@pytest.fixture(scope="session")
def whole(fuller: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fuller release with tables of readiness besides."""
    return changed(fuller, tmp_path_factory.mktemp("whole") / "releases", READINESS)


@pytest.fixture
def release(whole: Path) -> Release:
    """The release behind the answers."""
    return shared(releases_dir=whole)


@pytest.fixture
def client(whole: Path) -> TestClient:
    return TestClient(make_app(whole))


Get = Callable[..., Any]


@pytest.fixture
def get(client: TestClient) -> Get:
    """The JSON of an address that is there."""

    def answered(path: str, **parameters: Any) -> Any:
        response = client.get(f"/api/v1{path}", params=parameters)
        assert response.status_code == 200, response.text
        return response.json()

    return answered
