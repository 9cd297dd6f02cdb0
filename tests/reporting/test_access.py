"""Who may see which units: believed from the proxy alone, and held to at every door."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from orchestration.cli.main import app as cli
from reporting.access import AccessError, read_access
from reporting.audience import releases_of
from reporting.locked_sql import SqlError, run_sql
from reporting.news import news
from reporting.reader import METADATA, open_current
from reporting.restricted import only
from reporting.web.app import make_app
from tests.reporting.conftest import EARLIER_ID
from tests.reporting.releases import changed

PROXY = ("10.1.2.3", 40000)
ACCESS = """
header: X-Remote-User
proxies: [10.1.2.0/24]
people:
  kari: [central:amk_oslo]
  leder: all
  ny: []
"""
# News and readiness of two units and of one source.
MORE = """
create or replace table kpi_news as
    select kpi_id, kpi_version, segment, period_grain, level, unit_id, period_start,
        1.0::double as recent_value, 2.0::double as expected_value, 0.001::double as p_value,
        0.002::double as q_value, true as is_news, 'worse' as change, 'ny' as news_nb,
        'new' as news_en
    from kpi_values where period_grain = 'month' and period_start = date '2026-09-01';
create table readiness_grades as
    select 'call' as contract, level, unit_id, 'month' as period_grain,
        date '2026-09-01' as period_start, 'B' as grade, 'Sen' as reason_nb, 'Late' as reason_en
    from units where unit_id in ('amk_oslo', 'amk_bergen', 'NO');
create table readiness_findings as
    select 'call' as contract, 'amk_bergen_system' as source, 'X' as code, 'queue_ms' as field,
        '10+' as affected;
create table secret as select 'amk_bergen' as note;
"""
OTHER, OTHER_NAME = "amk_bergen", "AMK Bergen"


@pytest.fixture(scope="module")
def home(later: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation with an internal release, the one before it, and the file of access."""
    home = tmp_path_factory.mktemp("access")
    made = changed(later, tmp_path_factory.mktemp("more") / "releases", MORE)
    folder = releases_of(home / "releases", "internal")
    shutil.copytree(made, folder)
    for path in folder.glob(f"*/{METADATA}"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "audience": "internal"}))
    (home / "access.yaml").write_text(ACCESS)
    return home


Client = Callable[..., TestClient]


@pytest.fixture
def client(home: Path) -> Client:
    """Somebody who comes from an address, as whom the proxy says."""

    def made(who: str | None = None, address: tuple[str, int] = PROXY) -> TestClient:
        served = make_app(
            releases_of(home / "releases", "internal"), "internal", access=home / "access.yaml"
        )
        headers = {} if who is None else {"X-Remote-User": who}
        return TestClient(served, client=address, headers=headers)

    return made


# Status for who may not see the unit, and the address. All of them tell of it to who may.
DOORS = (
    (404, f"/unit/central/{OTHER}/2026-09"),
    (404, f"/unit/central/{OTHER}/2026-09.csv"),
    (404, f"/series/c113_within_10s/113/central/{OTHER}/month"),
    (404, f"/series/c113_within_10s/113/central/{OTHER}/month.json"),
    (404, f"/report/central/{OTHER}/2026-09.docx"),
    (404, f"/compare?units=amk_oslo,{OTHER}&kpis=c113_within_10s"),
    (404, f"/compare.csv?units=amk_oslo,{OTHER}&kpis=c113_within_10s&period=2026-09"),
    (200, "/compare?level=central"),
    (200, "/"),
    (200, "/units"),
    (200, "/search?q=bergen"),
    (200, "/kpi/c113_within_10s/113/central/2026-09"),
    (200, "/en/kpi/c113_within_10s/113/central/2026-09"),
    (200, "/kpi/c113_within_10s/113/central/2026-09.csv"),
    (200, "/kpi/c113_within_10s/113/central/2026-09.json"),
    (200, "/changes"),
    (200, "/changes.csv"),
    (404, f"/api/v1/values?unit={OTHER}"),
    (404, f"/api/v1/comparisons?unit={OTHER}&grain=month"),
    (404, f"/api/v1/trends?unit={OTHER}&grain=month"),
    (404, f"/api/v1/values?unit={OTHER}&release={EARLIER_ID}"),
    (200, "/api/v1/values?level=central"),
    (200, "/api/v1/values?level=central&format=csv"),
    (200, "/api/v1/values?level=central&format=jsonstat"),
    (200, f"/api/v1/values?level=central&release={EARLIER_ID}"),
    (200, "/api/v1/units?level=central"),
    (200, "/api/v1/readiness?table=grades"),
    (200, "/api/v1/readiness?table=findings"),
)


@pytest.mark.parametrize(("status", "address"), DOORS)
def test_no_door_leads_to_a_unit_that_may_not_be_seen(
    client: Client, status: int, address: str
) -> None:
    whole, own = client("leder").get(address), client("kari").get(address)
    assert whole.status_code == 200
    is_text = not address.split("?")[0].endswith((".docx", ".xlsx"))
    assert not is_text or OTHER in whole.text or OTHER_NAME in whole.text
    assert own.status_code == status, own.text
    assert OTHER_NAME not in own.text
    # What was asked for is repeated where it is not there.
    assert status == 404 or OTHER not in own.text
    assert own.headers.get("etag") != whole.headers.get("etag") or "etag" not in whole.headers
    assert "x-remote-user" in own.headers["vary"].lower()
    assert own.headers["cache-control"] in ("private, no-cache", "no-store")


def test_what_may_be_seen_is_seen_as_it_is(client: Client) -> None:
    for address in ("/unit/central/amk_oslo/2026-09.csv", "/api/v1/values?unit=amk_oslo"):
        own, whole = client("kari").get(address), client("leder").get(address)
        assert own.status_code == 200 and "amk_oslo" in own.text
        assert own.text == whole.text
    assert client("ny").get("/api/v1/values?level=central").status_code == 404


def test_only_what_is_of_a_permitted_unit_or_of_nobody_is_in_it(home: Path) -> None:
    with open_current(releases_of(home / "releases", "internal"), "internal") as whole:
        seen = only(whole, frozenset({("central", "amk_oslo")}))
        for table, columns in whole.columns.items():
            rows = seen.rows(f'select * from "{table}"')
            if {"level", "unit_id"} <= columns:
                units = {(row["level"], row["unit_id"]) for row in rows}
                assert units <= {("central", "amk_oslo"), ("national", "NO")}
        assert not seen.rows("select * from secret")
        assert not seen.rows("select * from readiness_findings")
        with pytest.raises(SqlError, match="chosen units"):
            run_sql(seen, "select * from release.kpi_values")
        assert OTHER in set(news(whole)["unit_id"]) and OTHER not in set(news(seen)["unit_id"])
        source = only(whole, frozenset({("source", "amk_bergen_system")}))
        assert source.rows("select * from readiness_findings")
        quoted = only(whole, frozenset({("central", "a'b) or (1=1")}))
        assert {row["unit_id"] for row in quoted.rows("select unit_id from kpi_values")} == {"NO"}


@pytest.mark.parametrize("address", ["/", "/units", "/nowhere", "/api/v1/values", "/api/v1/docs"])
def test_who_is_not_vouched_for_gets_nothing(client: Client, address: str) -> None:
    for answer in (
        client().get(address),
        client("").get(address),
        client("ukjent").get(address),
        client("leder", ("10.9.9.9", 1)).get(address),
        client("leder", ("10.9.9.9", 1)).get(address, headers={"X-Forwarded-For": PROXY[0]}),
        client("leder", ("testclient", 1)).get(address),
        client("leder", ("10.9.9.9", 1)).head(address),
    ):
        assert answer.status_code == 403 and "AMK" not in answer.text
        assert answer.headers["cache-control"] == "no-store"
    # A client may send the header besides the proxy: both are sent on, and neither is believed.
    twice = client().get(address, headers=[("X-Remote-User", "leder"), ("X-Remote-User", "kari")])
    assert twice.status_code == 403
    kind = client().get(address).headers["content-type"]
    assert kind.startswith("application/problem+json" if "/api/" in address else "text/html")
    assert client().get("/static/style.css").status_code == 200


def test_a_change_of_the_file_holds_from_the_next_request(home: Path, client: Client) -> None:
    kari = client("kari")
    path = home / "access.yaml"
    try:
        assert kari.get("/units").status_code == 200
        path.write_text(ACCESS.replace("  kari: [central:amk_oslo]\n", ""))
        assert kari.get("/units").status_code == 403
        path.write_text("header: [")
        assert kari.get("/units").status_code == 403
        path.unlink()
        assert kari.get("/units").status_code == 403
    finally:
        path.write_text(ACCESS)
    assert kari.get("/units").status_code == 200


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("10.1.2.0/24", "0.0.0.0/0"),
        ("10.1.2.0/24", "nowhere"),
        ("[10.1.2.0/24]", "[]"),
        ("X-Remote-User", "X Remote"),
        ("central:amk_oslo", "amk_oslo"),
        ("central:amk_oslo", "city:oslo"),
        ("leder: all", "leder: everything"),
        ("people:", "persons:"),
    ],
)
def test_a_file_that_does_not_say_it_is_refused(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, was: str, becomes: str
) -> None:
    (tmp_path / "access.yaml").write_text(ACCESS.replace(was, becomes))
    with pytest.raises(AccessError, match=r"access\.yaml"):
        read_access(tmp_path / "access.yaml")
    monkeypatch.setenv("AKUTT_HOME", str(tmp_path))
    done = CliRunner().invoke(cli, ["serve", "--host", "0.0.0.0", "--audience", "internal"])
    assert done.exit_code == 1 and "access.yaml" in done.output


def test_nothing_but_the_open_release_is_shown_outside_without_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AKUTT_HOME", str(tmp_path))
    done = CliRunner().invoke(cli, ["serve", "--host", "0.0.0.0", "--audience", "internal"])
    assert done.exit_code == 1 and "access.yaml" in done.output


def test_a_workbook_has_no_other_units_either(client: Client) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    address = "/kpi/c113_within_10s/113/central/2026-09.xlsx"

    def cells(who: str) -> set[str]:
        book = openpyxl.load_workbook(io.BytesIO(client(who).get(address).content))
        return {str(cell) for sheet in book for row in sheet.values for cell in row}

    assert OTHER_NAME in cells("leder") and "AMK Oslo" in cells("kari")
    assert not {OTHER, OTHER_NAME} & cells("kari")
