"""The true relations between records, and what the extracts still tell of them."""

from __future__ import annotations

import polars as pl

from ingestion.synthetic.links import SCHEMA
from ingestion.synthetic.truth.links import resolved
from tests.ingestion.synthetic.conftest import Run


def _links(run: Run) -> pl.DataFrame:
    return pl.read_parquet(run.out / "truth" / "links.parquet")


def test_relations_are_those_of_the_records(faultless: Run) -> None:
    links = _links(faultless)
    assert not links.select("relation", "source_id", "target_id").is_duplicated().any()
    assert links["is_in_force"].all()
    assert not links["identifier_lost"].any()
    calls, alarms = faultless.records("call"), faultless.records("alarm")
    own = links.filter((pl.col("relation") == "call_incident") & (pl.col("role") == "own"))
    chained = own.join(calls, on=["source_system", "source_id"])
    assert chained.height == own.height > 10
    assert (chained["chain_id"] == chained["target_id"]).all()
    incidents = alarms.select("source_system", "incident_id").unique()
    targets = own.join(
        incidents,
        left_on=["target_system", "target_id"],
        right_on=["source_system", "incident_id"],
        how="semi",
    )
    assert targets.height == own.height
    parents = links.filter((pl.col("relation") == "call_incident") & (pl.col("role") == "parent"))
    children = calls.filter(
        pl.col("parent_call_id").is_not_null() & pl.col("chain_id").is_not_null()
    )
    assert set(parents.select("source_id", "target_id").rows()) == set(
        children.select("parent_call_id", "chain_id").rows()
    )
    requests = faultless.records("lat_request").filter(pl.col("alarm_source_id").is_not_null())
    to_alarm = links.filter(pl.col("relation") == "request_alarm")
    assert set(to_alarm.select("source_id", "target_id").rows()) == set(
        requests.select("source_id", "alarm_source_id").rows()
    )
    video = links.filter(pl.col("relation") == "video_call")
    assert video.height == faultless.records("video_session").height


def test_lost_identifiers_are_the_injected_ones(faulty: Run) -> None:
    links = _links(faulty)
    dropped = faulty.faults.filter(pl.col("fault_kind") == "link_lost")
    # Requests about an alarm are few in so small a country.
    assert {"call", "video_session"} <= set(dropped["contract"])
    direct = links.filter(
        pl.col("relation").is_in(["video_call", "request_alarm"])
        | ((pl.col("relation") == "call_incident") & (pl.col("role") == "own"))
    )
    lost = direct.filter("identifier_lost")["source_id"].to_list()
    # A call that was passed on may have lost an identifier it did not need.
    assert set(lost) <= set(dropped["record_id"])
    assert len(lost) >= len(set(dropped["record_id"])) - 2
    refused = faulty.faults.filter(
        pl.col("treatment").str.starts_with("row rejected") | (pl.col("fault_kind") == "tombstone")
    )["record_id"]
    out_of_force = links.filter(~pl.col("is_in_force"))["source_id"]
    assert set(out_of_force) <= set(refused)
    assert out_of_force.len() > 0


def test_a_chain_of_identifiers_breaks_where_one_is_lost() -> None:
    def relation(
        name: str, contract: str, source: str, target: str, **more: object
    ) -> dict[str, object]:
        empty = dict.fromkeys(SCHEMA)
        given = {"relation": name, "contract": contract, "source_id": source, "target_id": target}
        return {**empty, "carries_identifier": True, **given, **more}

    links = pl.DataFrame(
        [
            relation("call_incident", "call", "child", "I", role="own"),
            relation(
                "call_incident",
                "call",
                "first",
                "I",
                role="parent",
                through_id="child",
                carries_identifier=False,
            ),
            relation("video_call", "video_session", "v", "first"),
            relation(
                "video_incident", "video_session", "v", "I", role="parent", through_id="first"
            ),
            relation("request_alarm", "lat_request", "r", "A"),
            relation("request_incident", "lat_request", "r", "I", through_id="A"),
        ],
        schema=SCHEMA,
    )

    def lost(by_contract: dict[str, list[str]], gone: set[str]) -> set[tuple[str, str]]:
        rows = resolved(links, by_contract, gone).filter("identifier_lost")
        return set(rows.select("relation", "source_id").rows())

    assert lost({}, set()) == set()
    assert lost({"call": ["child"]}, set()) == {
        ("call_incident", "child"),
        ("call_incident", "first"),
        ("video_incident", "v"),
    }
    assert lost({"video_session": ["v"]}, set()) == {("video_call", "v"), ("video_incident", "v")}
    assert lost({"lat_request": ["r"]}, set()) == {
        ("request_alarm", "r"),
        ("request_incident", "r"),
    }
    # Without the second call nothing leads from the first one to the incident.
    assert ("call_incident", "first") in lost({}, {"child"})
    assert lost({}, {"A"}) == {("request_incident", "r")}
