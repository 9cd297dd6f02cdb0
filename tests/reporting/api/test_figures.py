"""Figures of the API are those of the query, in every format, and what is hidden stays hidden."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator
from datetime import date
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient
from polars.testing import assert_frame_equal
from pyjstat import pyjstat

from reporting import metrics
from reporting.api.jsonstat import MEASURES, period_of, unit_of
from reporting.reader import Release
from tests.reporting.api.conftest import Get
from tests.reporting.conftest import VERSION

ADDRESSES = {
    "/values": {},
    "/comparisons": {"peers": True},
    "/trends": {"trends": True},
}
# Parameters of the address, and the same of the query.
CHOICES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"kpi": "c113_within_10s", "level": "central"}, {}),
    ({"kpi": ["calls_offered", "staffed_hours"]}, {"kpis": ["calls_offered", "staffed_hours"]}),
    ({"unit": ["AMK Oslo", "amk_bergen"], "version": "all"}, {"version": "all"}),
    ({"unit": "amk_oslo", "version": VERSION}, {}),
    ({"grain": "all", "no_data": "false"}, {"no_data": False}),
    ({"from": "2026-09", "to": "2026-09", "by": "region"}, {"start": "2026-09", "end": "2026-09"}),
    ({"period": "2026-08..2026-09", "segment": "113"}, {"segments": "113"}),
]
NAMES = {"kpi": "kpis", "unit": "units", "segment": "segments", "from": "start", "to": "end"}


def expected(release: Release, parameters: dict[str, Any], query: dict[str, Any]) -> pl.DataFrame:
    wanted = {NAMES.get(name, name): value for name, value in parameters.items()} | query
    return metrics.query(**wanted, limit=None, release=release)


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(("parameters", "query"), CHOICES)
def test_every_format_has_the_figures_of_the_query(
    client: TestClient,
    release: Release,
    address: str,
    parameters: dict[str, Any],
    query: dict[str, Any],
) -> None:
    frame = expected(release, parameters, {**query, **ADDRESSES[address]})
    assert frame.height

    def fetched(fmt: str) -> bytes:
        answer = client.get(f"/api/v1{address}", params={**parameters, "format": fmt})
        assert answer.status_code == 200, answer.text
        return answer.content

    assert_frame_equal(pl.read_parquet(io.BytesIO(fetched("parquet"))), frame)
    assert fetched("csv") == frame.write_csv().encode()
    document = json.loads(fetched("json"))
    assert document["rows"] == json.loads(frame.write_json())
    assert document["row_count_in_all"] == frame.height
    assert document["is_complete"] and document["next"] is None
    assert document["release_id"] == release.release_id


@pytest.mark.parametrize(
    ("address", "parameters", "query"),
    [
        ("/values", {"kpi": "c113_within_10s"}, {"kpis": "c113_within_10s"}),
        ("/values", {"grain": "all", "version": "all"}, {"grain": "all", "version": "all"}),
        (
            "/comparisons",
            {"level": ["central", "national"], "kpi": "c113_within_10s"},
            {"level": ["central", "national"], "kpis": "c113_within_10s", "peers": True},
        ),
        ("/trends", {"unit": "amk_oslo"}, {"units": "amk_oslo", "trends": True}),
    ],
)
def test_pyjstat_reads_the_same_numbers(
    client: TestClient,
    release: Release,
    address: str,
    parameters: dict[str, Any],
    query: dict[str, Any],
) -> None:
    text = client.get(f"/api/v1{address}", params={**parameters, "format": "jsonstat"}).text
    dataset = pyjstat.Dataset.read(text)
    cells = dataset.write("dataframe", naming="id")
    names = [name for name in dataset["id"] if name != "measure"]
    read = {
        (*(cell[name] for name in names), cell["measure"]): cell["value"]
        for cell in cells.to_dict("records")
    }
    frame = metrics.query(**query, release=release)
    told = 0
    for row in frame.iter_rows(named=True):
        key = tuple(category(row, name) for name in names)
        for measure in dataset["dimension"]["measure"]["category"]["index"]:
            found = read.pop((*key, measure))
            assert found == row[measure] or (math.isnan(found) and row[measure] is None)
            told += row[measure] is not None
    assert told and set(MEASURES) <= {*dataset["dimension"]["measure"]["category"]["index"]}
    # What the cube has besides is no row of the release, and has no number.
    assert all(math.isnan(rest) for rest in read.values())


def category(row: dict[str, Any], name: str) -> str:
    match name:
        case "unit":
            return unit_of(row)
        case "period":
            return period_of(row)
        case "version":
            return str(row["kpi_version"])
        case _:
            return str(row[{"kpi": "kpi_id"}.get(name, name)])


def cells(document: dict[str, Any]) -> Iterator[tuple[dict[str, str], float | None, str]]:
    """Each cell of a cube by its categories, read by the rules of JSON-stat alone."""
    axes = [document["dimension"][name]["category"]["index"] for name in document["id"]]
    assert [len(axis) for axis in axes] == document["size"]
    assert len(document["value"]) == math.prod(document["size"])
    for at, value in enumerate(document["value"]):
        rest, key = at, {}
        for name, axis in zip(reversed(document["id"]), reversed(axes), strict=True):
            rest, position = divmod(rest, len(axis))
            key[name] = axis[position]
        yield key, value, document["status"].get(str(at), "")


def test_a_cube_says_why_a_cell_is_empty_and_what_a_figure_lacks(get: Get) -> None:
    document = get("/values", format="jsonstat", segment="113",
                   kpi=["c113_within_10s", "answer_time_p90", "staffed_hours"])  # fmt: skip
    found = {
        (key["kpi"], key["unit"], key["period"], key["measure"]): (value, status)
        for key, value, status in cells(document)
    }
    c113 = "c113_within_10s"
    assert found[c113, "central:amk_bergen", "2026-09", "value"] == (None, "suppressed")
    assert found[c113, "central:amk_bergen", "2026-09", "numerator"] == (None, "suppressed")
    assert found[c113, "central:amk_oslo", "2026-08", "value"] == (95.0, "partial")
    assert found[c113, "central:amk_oslo", "2026-08", "lower"] == (None, "no_number")
    assert found[c113, "central:amk_bergen", "2026-08", "value"] == (None, "not_in_release")
    assert found["answer_time_p90", "central:amk_bodo", "2026-09", "value"] == (None, "no_data")
    meanings = document["extension"]["status_meanings"]
    assert {word for _, _, status in cells(document) for word in status.split()} <= set(meanings)
    assert document["extension"]["without_source"] == [
        {"kpi_id": "staffed_hours", "reason": "Krever timelister / Needs rosters"}
    ]
    assert document["dimension"]["kpi"]["category"]["unit"][c113] == {"label": "%"}
    labels = document["dimension"]["unit"]["category"]["label"]
    assert labels["central:amk_oslo"] == "AMK Oslo (sentral)"


def test_a_period_that_is_not_settled_is_marked_in_a_cube(get: Get) -> None:
    document = get("/values", format="jsonstat", grain="quarter")
    (cell,) = [cell for cell in cells(document) if cell[0]["measure"] == "value"]
    assert cell[1:] == (90.0, "provisional")


HIDDEN = ("value", "numerator", "denominator", "n", "lower", "upper", "coverage")


@pytest.mark.parametrize("address", ADDRESSES)
def test_hidden_cells_have_no_number_in_any_format(client: TestClient, address: str) -> None:
    def fetched(fmt: str) -> bytes:
        return client.get(
            f"/api/v1{address}", params={"kpi": "c113_within_10s", "format": fmt}
        ).content

    frames = [
        pl.read_parquet(io.BytesIO(fetched("parquet"))),
        pl.read_csv(fetched("csv")),
        pl.DataFrame(json.loads(fetched("json"))["rows"], infer_schema_length=None),
    ]
    for frame in frames:
        hidden = frame.filter(status="suppressed")
        assert hidden["unit_id"].to_list() == ["amk_bergen"]
        assert hidden.select(HIDDEN).null_count().row(0) == (1,) * len(HIDDEN)
    told = [
        (value, status)
        for key, value, status in cells(json.loads(fetched("jsonstat")))
        if (key["unit"], key["period"]) == ("central:amk_bergen", "2026-09")
        and key["measure"] in HIDDEN
    ]
    assert told == [(None, "suppressed")] * len(HIDDEN)


@pytest.mark.parametrize("address", ADDRESSES)
def test_pages_are_complete_and_without_repeats(
    client: TestClient, release: Release, address: str
) -> None:
    parameters = {"kpi": ["c113_within_10s", "calls_offered", "staffed_hours"], "version": "all",
                  "grain": "all", "limit": 2}  # fmt: skip
    path: str | None = f"/api/v1{address}"
    rows: list[dict[str, Any]] = []
    sizes = []
    while path is not None:
        answer = client.get(path, params=parameters if not rows else None)
        document = answer.json()
        assert document["is_complete"] is False
        rows += document["rows"]
        sizes.append(len(document["rows"]))
        path = document["next"]
        told = f'<{path}>; rel="next"' if path else None
        assert answer.headers.get("link") == told
    frame = metrics.query(
        kpis=parameters["kpi"], version="all", grain="all", release=release, **ADDRESSES[address]
    )
    assert rows == json.loads(frame.write_json())
    assert rows[-1]["status"] == "no_source"
    assert len(sizes) > 3 and set(sizes[:-1]) == {2}
    beyond = client.get(f"/api/v1{address}", params={**parameters, "offset": 1000}).json()
    assert beyond["rows"] == [] and beyond["next"] is None


def test_pages_are_of_one_release_though_a_newer_one_appears(
    client: TestClient, release: Release
) -> None:
    first = client.get("/api/v1/values", params={"limit": 2}).json()
    assert f"release={release.release_id}" in first["next"]


def test_a_file_is_never_a_part_that_looks_whole(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reporting.api.parameters.MOST_ROWS", 3)
    for fmt in ("csv", "parquet", "jsonstat"):
        refused = client.get("/api/v1/values", params={"format": fmt})
        assert refused.status_code == 422 and "too-many-rows" in refused.json()["type"]
        assert "rows" in refused.json()["detail"]
        part = client.get("/api/v1/values", params={"format": fmt, "limit": 3})
        assert part.status_code == 200 and 'rel="next"' in part.headers["link"]
    cut = client.get("/api/v1/values").json()
    assert len(cut["rows"]) == 3 and not cut["is_complete"] and cut["next"]


def test_a_cube_that_would_be_mostly_empty_is_refused(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reporting.api.jsonstat.MOST_CELLS", 10)
    answer = client.get("/api/v1/values", params={"format": "jsonstat"})
    assert answer.status_code == 422 and "cells" in answer.json()["detail"]


def test_what_goes_along_with_the_rows(get: Get) -> None:
    document = get("/values", kpi="c113_within_10s", unit="amk_oslo")
    assert {row["kpi_id"] for row in document["kpis"]} == {"c113_within_10s"}
    assert [row["break_date"] for row in document["breaks"]] == [str(date(2026, 8, 15))] * 2
    assert document["suppression"] and document["hidden"]
