"""The OpenAPI document, tried out: requests that follow it and requests that break it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from reporting.web.app import make_app

pytestmark = pytest.mark.slow

ADDRESSES = (
    *("/values", "/comparisons", "/trends"),
    *("/profiles", "/distributions"),
    *("/kpis", "/kpis/{kpi_id}", "/units", "/readiness", "/releases"),
    "/catalog",
)
# Each asks the release; with as many as these the whole takes half a minute on two cores.
TRIED = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def described(whole: Path) -> Any:
    """The document as the server gives it."""
    return schemathesis.openapi.from_asgi("/api/v1/openapi.json", make_app(whole))


def test_every_address_is_tried(described: Any) -> None:
    there = [operation.ok().path for operation in described.get_all_operations()]
    assert sorted(there) == sorted(ADDRESSES)


# Names that are in the release, in place of those that the document lets be made up.
THERE = {
    "kpi": ["c113_within_10s"],
    "unit": ["amk_oslo"],
    "segment": ["113"],
    "period": "2026-08..2026-09",
    "contract": ["call"],
    "source": ["hdo_iccs_calls"],
    "search": "113",
}
# How parameters depend on each other is not in the document: a span ends before it begins.
NOT_SAID = ("release", "geography", "version", "from", "to", "level", "grain", "limit")


def there(case: schemathesis.Case) -> schemathesis.Case:
    """A request that follows the document, about what there is."""
    query = {name: THERE.get(name, value) for name, value in (case.query or {}).items()}
    if case.path == "/readiness":
        query = {"format": query.get("format")} if query.get("format") else {}
    if case.path in ("/profiles", "/distributions") and "period" in query:
        query["period"] = "2026"
    case.query = {name: value for name, value in query.items() if name not in NOT_SAID}
    if case.path_parameters:
        case.path_parameters["kpi_id"] = "calls_offered"
    return case


@pytest.mark.parametrize("path", ADDRESSES)
def test_answers_are_as_described(described: Any, path: str) -> None:
    operation = described[path]["GET"]
    seen: Counter[int] = Counter()

    @TRIED
    @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE).map(there))
    def accepted(case: schemathesis.Case) -> None:
        seen[case.call_and_validate().status_code] += 1

    # Names are made up here, so that most are unknown, and some contradict each other.
    @TRIED
    @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
    def answered(case: schemathesis.Case) -> None:
        case.call_and_validate(excluded_checks=[positive_data_acceptance])

    @TRIED
    @given(case=operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def refused(case: schemathesis.Case) -> None:
        case.call_and_validate()

    accepted()
    assert set(seen) == {200}, seen
    answered()
    refused()
