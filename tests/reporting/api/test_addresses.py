"""Lists, formats, tags, problems, and how the API describes itself."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient

from reporting import metrics
from reporting.api import problems
from reporting.periods import LONGER
from reporting.reader import Release
from reporting.web.app import make_app
from tests.reporting.api.conftest import Get
from tests.reporting.conftest import VERSION

ROWS = ("/values", "/comparisons", "/trends", "/kpis", "/units", "/readiness", "/releases")


def problem(client: TestClient, path: str, status: int, kind: str, **parameters: Any) -> str:
    """The detail of an answer that is this problem."""
    answer = client.get(f"/api/v1{path}", params=parameters)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == problems.MEDIA_TYPE
    told = answer.json()
    assert told["type"] == f"/api/v1/docs#problem-{kind}"
    assert told["status"] == status and told["instance"] == f"/api/v1{path}"
    return str(told["detail"])


def test_kpis_and_their_definitions(get: Get, release: Release) -> None:
    rows = get("/kpis", search="113 svartid")["rows"]
    assert rows == json.loads(metrics.kpis("113 svartid", release=release).write_json())
    found = get("/kpis/c113_within_10s", version=VERSION)
    known = metrics.definition("c113_within_10s", VERSION, release=release)
    assert found["sql"] == known["sql"] == "select 1 as it_is"
    assert found["in_force_before"] == str(known["in_force_before"]) == "2026-09-01"
    assert found["release_id"] == release.release_id
    assert {key: found[key] for key in known if key != "in_force_before"} == {
        key: cell for key, cell in known.items() if key != "in_force_before"
    }


def test_units(get: Get, release: Release) -> None:
    rows = get("/units", level="central")["rows"]
    frame = metrics.units("central", release=release)
    assert [row["unit_id"] for row in rows] == frame["unit_id"].to_list()
    assert len(get("/units")["rows"]) == metrics.units(release=release).height
    assert {"unit_name", "rhf_code"} <= set(rows[0])


def test_readiness(get: Get, client: TestClient, release: Release, releases: Path) -> None:
    grades = get("/readiness", level="central", unit="amk_oslo")["rows"]
    assert [row["grade"] for row in grades] == ["B"]
    measures = get("/readiness", table="measures")["rows"]
    assert [row["value"] for row in measures] == [99.5, None]
    assert len(get("/readiness", table="measures", source="hdo_iccs_calls")["rows"]) == 1
    (finding,) = get("/readiness", table="findings")["rows"]
    assert finding["code"] == "CALL_QUEUE_NEGATIVE"
    detail = problem(client, "/readiness", 422, "bad-parameter", table="findings", level="central")
    assert "contract, source" in detail
    detail = problem(client, "/readiness", 404, "unknown-name", contract="cal")
    assert "call" in detail
    detail = problem(TestClient(make_app(releases)), "/readiness", 404, "unknown-name")
    assert "no readiness_grades" in detail


def test_releases_of_this_audience_only(
    client: TestClient, whole: Path, release: Release, tmp_path: Path
) -> None:
    folder = tmp_path / "releases"
    shutil.copytree(whole, folder)
    for name, changed in (
        ("20260101T000000Z-00000000", {"created_at": "2026-01-01T00:00:00+00:00"}),
        ("20260102T000000Z-00000000", {"audience": "internal"}),
    ):
        shutil.copytree(folder / release.release_id, folder / name)
        metadata = {**release.metadata, "release_id": name, **changed}
        (folder / name / "metadata.json").write_text(json.dumps(metadata))
    here = TestClient(make_app(folder))
    rows = here.get("/api/v1/releases").json()["rows"]
    earlier = "20260101T000000Z-00000000"
    assert [row["release_id"] for row in rows] == [release.release_id, earlier]
    assert [row["is_current"] for row in rows] == [True, False]
    assert {row["audience"] for row in rows} == {"open"}
    later = {"modified_after": "2026-06-01T00:00:00Z"}
    assert len(here.get("/api/v1/releases", params=later).json()["rows"]) == 1
    old = here.get("/api/v1/values", params={"release": earlier, "limit": 1}).json()
    assert old["rows"][0]["release_id"] == earlier
    for name in ("20260102T000000Z-00000000", "..", "../releases", str(whole), "20260101T"):
        detail = problem(here, "/values", 404, "unknown-name", release=name)
        assert earlier in detail and "00000000" in detail
    assert client.get("/api/v1/releases").headers["etag"] != here.get("/api/v1/releases").headers[
        "etag"
    ]  # fmt: skip


def test_what_is_for_others_is_given_to_none_but_them(
    whole: Path, release: Release, tmp_path: Path
) -> None:
    folder = tmp_path / "internal"
    shutil.copytree(whole, folder)
    metadata = {**release.metadata, "audience": "internal"}
    (folder / release.release_id / "metadata.json").write_text(json.dumps(metadata))
    for address in ROWS:
        problem(TestClient(make_app(folder)), address, 503, "no-release")
    theirs = TestClient(make_app(folder, "internal")).get("/api/v1/values")
    assert {row["audience"] for row in theirs.json()["rows"]} == {"internal"}
    ours = TestClient(make_app(whole)).get("/api/v1/values")
    assert theirs.headers["etag"] != ours.headers["etag"]


@pytest.mark.parametrize("address", ROWS)
def test_a_tag_per_release_and_format(client: TestClient, address: str) -> None:
    first = client.get(f"/api/v1{address}")
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "no-cache" and first.headers["vary"] == "Accept"
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = client.get(f"/api/v1{address}", headers={"If-None-Match": known})
        assert again.status_code == 304 and again.content == b""
        assert again.headers["etag"] == tag
    for headers in ({"If-None-Match": '"other"'}, {"If-None-Match": tag, "Accept": "text/csv"}):
        other = client.get(f"/api/v1{address}", headers=headers)
        assert other.status_code == 200 and other.content


def test_nothing_is_given_when_nothing_is_newer(client: TestClient, release: Release) -> None:
    made = datetime.fromisoformat(release.metadata["created_at"])

    def rows(address: str, moment: datetime, text: str) -> list[dict[str, Any]]:
        given = {"modified_after": moment.strftime(text)}
        answer = client.get(f"/api/v1{address}", params=given)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["rows"]
        return found

    for address in ROWS:
        for text in ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S+00:00"):
            assert rows(address, made - timedelta(seconds=1), text)
            assert rows(address, made, text) == []
    for fmt, empty in (("csv", b"kpi_id,"), ("parquet", b"PAR1"), ("jsonstat", b"{")):
        given = {"modified_after": made.isoformat(), "format": fmt}
        answer = client.get("/api/v1/values", params=given)
        assert answer.status_code == 200 and answer.headers["x-total-count"] == "0"
        assert answer.content.startswith(empty) and b"amk_oslo" not in answer.content
    problem(client, "/values", 422, "bad-parameter", modified_after="yesterday")


@pytest.mark.parametrize(
    ("accept", "sent"),
    [
        ("*/*", "application/json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/json"),
        ("text/csv", "text/csv; charset=utf-8"),
        ("application/json;q=0.5, text/csv", "text/csv; charset=utf-8"),
        ("application/vnd.apache.parquet", "application/vnd.apache.parquet"),
        ("application/vnd.json-stat+json", "application/vnd.json-stat+json"),
        (
            'application/json; profile="https://json-stat.org/format/"',
            'application/json; profile="https://json-stat.org/format/"',
        ),
        ("text/csv;q=0, application/json", "application/json"),
    ],
)
def test_the_format_is_what_is_accepted(client: TestClient, accept: str, sent: str) -> None:
    answer = client.get("/api/v1/values", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (200, sent)


def test_a_format_that_is_asked_for_goes_before_what_is_accepted(client: TestClient) -> None:
    answer = client.get("/api/v1/units?format=parquet", headers={"Accept": "text/csv"})
    frame = pl.read_parquet(io.BytesIO(answer.content))
    assert frame.height == int(answer.headers["x-total-count"])
    assert answer.headers["content-disposition"] == 'attachment; filename="units.parquet"'
    refused = client.get("/api/v1/values", headers={"Accept": "image/png"})
    assert refused.status_code == 406 and "text/csv" in refused.json()["detail"]
    assert client.get("/api/v1/kpis?format=jsonstat").status_code == 422


@pytest.mark.parametrize(
    ("path", "parameters", "status", "kind", "hint"),
    [
        ("/kpis/c113", {}, 404, "unknown-name", "c113_within_10s"),
        ("/kpis/c113_within_10s", {"version": 9000}, 404, "unknown-name", str(VERSION)),
        ("/values", {"kpi": "c113"}, 404, "unknown-name", "c113_within_10s"),
        ("/values", {"unit": "amk_osl"}, 404, "unknown-name", "amk_oslo"),
        ("/values", {"level": "kommune"}, 404, "unknown-name", "municipality"),
        ("/units", {"level": "kommune"}, 404, "unknown-name", "municipality"),
        ("/values", {"segment": "1133"}, 404, "unknown-name", "113"),
        ("/values", {"grain": "monthly"}, 404, "unknown-name", "month"),
        ("/values", {"by": "helseforetak"}, 404, "unknown-name", "health_trust"),
        ("/values", {"geography": "1838"}, 404, "unknown-name", "2024"),
        ("/values", {"period": "2031"}, 404, "no-rows", "2026"),
        ("/values", {"kpi": "c113_within_10s", "level": "base"}, 404, "no-rows", "central"),
        ("/values", {"period": "2026-13"}, 422, "bad-parameter", "2026-W40"),
        ("/values", {"period": "9999-12"}, 422, "bad-parameter", "2026-W40"),
        ("/values", {"from": "2026-09", "to": "2026-08"}, 422, "bad-parameter", "ends before"),
        ("/values", {"version": "newest"}, 422, "bad-parameter", "version"),
        ("/values", {"limit": 10_001}, 422, "bad-parameter", "10000"),
        ("/values", {"offset": -1}, 422, "bad-parameter", "offset"),
        ("/values", {"kpis": "calls_offered"}, 422, "bad-parameter", "there are: release, format"),
        ("/values", {"unit": "x" * 121}, 422, "bad-parameter", "120"),
        ("/comparisons", {"grain": "day"}, 422, "bad-parameter", ", ".join(LONGER)),
        ("/trends", {"grain": "quarter"}, 422, "bad-parameter", "week, month"),
        ("/nothing", {}, 404, "not-found", "/api/v1/docs"),
    ],
)
def test_what_cannot_be_answered_says_what_there_is(
    client: TestClient, path: str, parameters: Mapping[str, Any], status: int, kind: str, hint: str
) -> None:
    assert hint in problem(client, path, status, kind, **parameters)


@pytest.mark.parametrize("address", [*ROWS, "/kpis/c113_within_10s"])
def test_without_a_release_it_says_to_come_back(tmp_path: Path, address: str) -> None:
    client = TestClient(make_app(tmp_path))
    assert str(tmp_path) not in problem(client, address, 503, "no-release")
    assert client.get(f"/api/v1{address}").headers["retry-after"] == "30"


def test_a_path_that_no_route_fits_is_a_problem_too(client: TestClient) -> None:
    answer = client.get("/api/v1/kpis/a%0Ab")
    assert answer.status_code == 404 and answer.headers["content-type"] == problems.MEDIA_TYPE


def test_a_number_is_no_moment(client: TestClient) -> None:
    assert "modified_after" in problem(client, "/units", 422, "bad-parameter", modified_after="13")


def test_it_only_reads(client: TestClient) -> None:
    answer = client.post("/api/v1/values")
    assert answer.status_code == 405 and answer.headers["allow"] == "GET, HEAD"
    assert answer.json()["type"] == "/api/v1/docs#problem-method-not-allowed"


@pytest.mark.parametrize(
    "address",
    [
        *("/", "/en/units", "/search?q=oslo", "/static/style.css", "/nowhere", "/api/v1"),
        *("/kpi/c113_within_10s/113/central/2026-09.csv", "/api/v1/docs", "/api/v1/openapi.json"),
        *("/api/v1/values?level=central", "/api/v1/units?format=parquet", "/api/v1/nowhere"),
    ],
)
def test_head_is_get_without_the_content(client: TestClient, address: str) -> None:
    got = client.get(address, follow_redirects=False)
    head = client.head(address, follow_redirects=False)
    assert head.content == b"" and head.status_code == got.status_code
    assert head.headers == got.headers


def test_a_fault_of_ours_tells_nothing_of_the_inside(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret place")

    monkeypatch.setattr("reporting.api.app.page", broken)
    client = TestClient(make_app(whole), raise_server_exceptions=False)
    answer = client.get("/api/v1/values")
    assert answer.status_code == 500 and answer.headers["content-type"] == problems.MEDIA_TYPE
    assert "secret" not in answer.text


def test_the_page_of_the_addresses_needs_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/api/v1/docs")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert not re.search(r"<script|style=|https?://|\bon\w+=", page.text)
    for link in re.findall(r'(?:href|src)="(/[^"]*)"', page.text):
        assert client.get(link).status_code == 200, link
    assert "`" not in page.text and "<code>suppressed</code>" in page.text
    for kind in problems.KINDS:
        assert f'id="problem-{kind}"' in page.text
    described = client.get("/api/v1/openapi.json").json()
    for path, operations in described["paths"].items():
        assert f"/api/v1{path}" in page.text
        for parameter in operations["get"]["parameters"]:
            assert parameter["description"], (path, parameter["name"])
            assert f"<code>{parameter['name']}</code>" in page.text
    for start in ("/api/v1", "/api/v1/"):
        assert client.get(start).url.path == "/api/v1/docs"


def test_pages_and_api_need_nothing_of_the_pipeline(whole: Path) -> None:
    code = (
        "import sys, pathlib\nfrom fastapi.testclient import TestClient\n"
        "from reporting.web.app import make_app\n"
        f"client = TestClient(make_app(pathlib.Path({str(whole)!r})))\n"
        "for path in ('/', '/api/v1/values', '/api/v1/values?format=jsonstat', '/api/v1/docs'):\n"
        "    assert client.get(path).status_code == 200, path\n"
        "heavy = {'dagster', 'dbt', 'great_expectations', 'pandas', 'pandera', 'orchestration'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
