"""What was accepted can be taken back, and read again, with the evidence kept."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from ingestion.intake import ingest, pending_files
from ingestion.known import Known, known_files
from ingestion.lake import read_receipts
from ingestion.quarantine import refused_files, rejected_rows, replay, summary
from ingestion.sources.spec import SourceSpec
from ingestion.withdrawal import (
    WithdrawalError,
    choose,
    remap,
    standing,
    touched,
    withdraw,
    withdrawn,
)
from tests.ingestion.conftest import KEY, call_source, deliver, row, text

JANUARY = (dt.date(2026, 1, 1), dt.date(2026, 1, 31))


def with_outcomes(**codes: str) -> SourceSpec:
    columns = call_source().model_dump(by_alias=True, exclude_defaults=True)["columns"]
    columns["outcome"]["codes"] = codes
    return call_source(columns=columns)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.*") if p.is_file()}


@pytest.fixture
def taken_in(home: Path) -> Path:
    """Two files of one batch, a rejected row in one of them, and a refused file."""
    deliver(home, "prove_2026-01-15.csv", text(row(1), row(2), row(3, utfall="X"), row(4)))
    deliver(home, "prove_2026-01-16.csv", text(row(5), row(6)))
    deliver(home, "prove_2026-01-17.csv", b"")
    ingest(home, key=KEY, specs={"prove": call_source()})
    return home


def test_a_withdrawn_file_counts_no_more_and_stays_as_evidence(taken_in: Path) -> None:
    lake = taken_in / "lake"
    before = tree(lake)
    chosen = choose(lake, files=["prove_2026-01-15.csv"])
    found = touched(lake, chosen)
    assert (found.rows, found.months) == (3, [dt.date(2026, 1, 1)])
    accepted = pl.read_parquet(next(lake.glob("call/*/accepted.parquet")))
    mine = accepted.filter(pl.col("_file_id") == chosen["file_id"][0]).select(accepted.columns[:23])
    assert 0 < found.values <= mine.width * mine.height
    assert tree(lake) == before  # asking writes nothing

    (name,) = withdraw(taken_in, chosen, reason="feil kart", who="dataeier")
    assert {path: tree(lake)[path] for path in before} == before
    record = withdrawn(lake)
    assert record.select("file_name", "accepted", "rejected", "reason", "who").rows() == [
        ("prove_2026-01-15.csv", 3, 1, "feil kart", "dataeier")
    ]
    assert record["withdrawal_id"].to_list() == [name]
    left = standing(read_receipts(lake), lake)
    assert sorted(left["file_name"]) == ["prove_2026-01-16.csv", "prove_2026-01-17.csv"]
    # Nothing of it waits in quarantine, and it is known: it does not come in by itself again.
    assert rejected_rows(lake).is_empty()
    assert summary(lake)["code"].to_list() == ["FILE_EMPTY"]
    known = known_files(lake).get("prove", Known())
    assert pending_files(taken_in / "inbox" / "prove", call_source(), known) == []
    with pytest.raises(WithdrawalError, match="withdrawn already"):
        choose(lake, files=["prove_2026-01-15.csv"])


def test_a_source_or_a_span_is_withdrawn_whole(taken_in: Path) -> None:
    lake = taken_in / "lake"
    span = choose(lake, dates=(dt.date(2026, 1, 16), dt.date(2026, 1, 17)))
    assert sorted(span["file_name"]) == ["prove_2026-01-16.csv", "prove_2026-01-17.csv"]
    withdraw(taken_in, span, reason="feil", who="DE")
    assert refused_files(lake).is_empty()
    assert choose(lake, source="prove")["file_name"].to_list() == ["prove_2026-01-15.csv"]
    by_id = choose(lake, source="prove")["file_id"][0]
    assert choose(lake, files=[by_id]).height == 1
    withdraw(taken_in, choose(lake, source="prove"), reason="feil", who="DE")
    assert standing(read_receipts(lake), lake).is_empty()
    with pytest.raises(WithdrawalError, match="no delivery"):
        choose(lake, source="prove")
    with pytest.raises(WithdrawalError, match="say what"):
        choose(lake)


def test_words_that_are_kept_hold_no_person(taken_in: Path) -> None:
    chosen = choose(taken_in / "lake", source="prove")
    for words in ({"reason": " ", "who": "DE"}, {"reason": "feil", "who": "ring +47 98765432"}):
        with pytest.raises(WithdrawalError) as refused:
            withdraw(taken_in, chosen, **words)
        assert "98765432" not in str(refused.value)
    assert withdrawn(taken_in / "lake").is_empty()


def test_a_remap_replaces_what_the_files_gave(taken_in: Path) -> None:
    lake = taken_in / "lake"
    # The codes were mixed up, and one was missing.
    spec = {"prove": with_outcomes(B="ABANDONED", F="ANSWERED", X="TECHNICAL")}
    before = tree(lake)
    told = remap(taken_in, "prove", JANUARY, key=KEY, specs=spec)
    assert (told.files, told.rows_before, told.rows_now) == (3, 5, 6)
    assert (told.added, told.removed, told.changed_rows) == (1, 0, 5)
    assert told.changed["outcome"] == 5
    assert "central_id" not in told.changed
    assert tree(lake) == before

    done = remap(
        taken_in, "prove", JANUARY, key=KEY, specs=spec, write=True, reason="kodefeil", who="DE"
    )
    assert len(done.batch_ids) == 1
    assert {path: tree(lake)[path] for path in before} == before
    left = standing(read_receipts(lake), lake)
    assert set(left["batch_id"]) == set(done.batch_ids)
    assert left.select("accepted", "rejected").sum().row(0) == (6, 0)
    assert rejected_rows(lake).is_empty()
    # Known under its content still; under the same map there is nothing to do.
    assert ingest(taken_in, key=KEY, specs=spec).files_read == 0
    assert remap(taken_in, "prove", JANUARY, key=KEY, specs=spec).files == 0
    back = remap(
        taken_in, "prove", JANUARY, key=KEY, specs={"prove": call_source()},
        write=True, reason="likevel ikke", who="DE",
    )  # fmt: skip
    assert back.batch_ids != done.batch_ids
    assert set(standing(read_receipts(lake), lake)["batch_id"]) == set(back.batch_ids)


def test_a_remap_leaves_what_it_cannot_read_again(taken_in: Path) -> None:
    spec = {"prove": with_outcomes(B="ABANDONED", F="ANSWERED", X="TECHNICAL")}
    withdraw(
        taken_in, choose(taken_in / "lake", files=["prove_2026-01-17.csv"]), reason="tom", who="DE"
    )
    deliver(taken_in, "prove_2026-01-16.csv", text(row(9)))  # other content than was taken in
    told = remap(taken_in, "prove", JANUARY, key=KEY, specs=spec)
    assert (told.files, told.unread) == (1, ["prove_2026-01-16.csv"])
    outside = (dt.date(2025, 1, 1), dt.date(2025, 12, 31))
    assert remap(taken_in, "prove", outside, key=KEY, specs=spec).files == 0


def test_a_withdrawal_is_undone_by_reading_again(taken_in: Path) -> None:
    lake = taken_in / "lake"
    spec = {"prove": call_source()}
    for _ in range(2):
        withdraw(taken_in, choose(lake, source="prove"), reason="feil", who="DE")
        assert remap(taken_in, "prove", JANUARY, key=KEY, specs=spec).files == 0
        undone = remap(
            taken_in, "prove", JANUARY, key=KEY, specs=spec,
            write=True, withdrawn_too=True, reason="likevel", who="DE",
        )  # fmt: skip
        assert (undone.files, undone.rows_before, undone.added) == (3, 0, 5)
        left = standing(read_receipts(lake), lake)
        assert left.select("accepted", "rejected").sum().row(0) == (5, 1)


def test_rows_say_which_columns_their_source_does_not_have(taken_in: Path) -> None:
    rows = pl.read_parquet(next((taken_in / "lake").glob("call/*/accepted.parquet")))
    (unmapped,) = rows["_unmapped"].unique()
    assert "|transferred_to|" in unmapped
    assert "|transfer_at|" in unmapped
    assert not {"answered_at", "channel", "source_id"} & set(unmapped.split("|"))


def standing_rows(home: Path) -> dict[str, str]:
    """Outcome by id of every accepted row that stands."""
    lake = home / "lake"
    stands = standing(read_receipts(lake), lake).select("batch_id", "file_id")
    rows = pl.concat([pl.read_parquet(path) for path in lake.glob("call/*/accepted.parquet")])
    rows = rows.join(
        stands, left_on=["_batch_id", "_file_id"], right_on=["batch_id", "file_id"], how="semi"
    )
    return dict(rows.sort("source_id").select("source_id", "outcome").iter_rows())


ALL_KNOWN = {"B": "ANSWERED", "X": "ABANDONED", "Q": "ANSWERED"}


@pytest.mark.parametrize("limit", [1.0, 0.5])
def test_a_replay_after_a_remap_brings_back_what_the_remap_took(home: Path, limit: float) -> None:
    """Also when the remap refused the file whole, for too many rejects."""

    def mapped(**codes: str) -> dict[str, SourceSpec]:
        spec = with_outcomes(**codes)
        return {
            "prove": spec.model_copy(
                update={
                    "thresholds": spec.thresholds.model_copy(update={"max_reject_share": limit})
                }
            )
        }

    deliver(
        home, "prove_2026-01-15.csv", text(row(1), row(2, utfall="X"), row(3, utfall="Q"), row(4))
    )
    ingest(home, key=KEY, specs=mapped(B="ANSWERED", X="ABANDONED"))
    first = standing_rows(home)
    assert len(first) == 3
    words = {"reason": "feil kart", "who": "dataeier", "write": True}
    remap(home, "prove", JANUARY, key=KEY, specs=mapped(X="ABANDONED"), **words)
    replay(home, "prove", key=KEY, specs=mapped(**ALL_KNOWN))
    assert len(standing_rows(home)) == 4
    assert rejected_rows(home / "lake").is_empty() and refused_files(home / "lake").is_empty()


def test_a_remap_follows_a_replay_of_a_part(home: Path) -> None:
    deliver(home, "prove_2026-01-15.csv", text(row(1), row(2, utfall="X")))
    ingest(home, key=KEY, specs={"prove": with_outcomes(B="ANSWERED")})
    now = {"prove": with_outcomes(B="ABANDONED", X="ABANDONED")}
    replay(home, "prove", key=KEY, specs=now)
    report = remap(
        home, "prove", JANUARY, key=KEY, specs=now, reason="kart", who="dataeier", write=True
    )
    assert (report.files, report.changed_rows) == (1, 1)
    assert set(standing_rows(home).values()) == {"ABANDONED"}
    again = remap(home, "prove", JANUARY, key=KEY, specs=now)
    assert again.files == 0


def test_equal_files_that_are_refused_wait_each_by_name(home: Path) -> None:
    for day in (15, 16):
        deliver(home, f"prove_2026-01-{day}.csv", text(row(1, utfall="X"), row(2, utfall="X")))
    ingest(home, key=KEY, specs={"prove": with_outcomes(B="ANSWERED")})
    assert refused_files(home / "lake").height == 2
    assert rejected_rows(home / "lake").height == 4
    replay(home, "prove", key=KEY, specs={"prove": with_outcomes(X="ABANDONED")})
    assert len(standing_rows(home)) == 2  # once, as the content is one
    assert refused_files(home / "lake").is_empty()


def test_every_quiet_day_is_a_delivery_of_its_own(home: Path) -> None:
    header = text().splitlines(keepends=True)[0]
    for day in (15, 16, 17):
        deliver(home, f"prove_2026-01-{day}.csv", header)
    spec = call_source()
    may_be_empty = spec.model_copy(
        update={"thresholds": spec.thresholds.model_copy(update={"min_rows": 0})}
    )
    ingest(home, key=KEY, specs={"prove": spec})
    assert refused_files(home / "lake").height == 3
    replay(home, "prove", key=KEY, specs={"prove": may_be_empty}, force=True)
    receipts = read_receipts(home / "lake").filter(pl.col("status") == "accepted")
    assert sorted(day.day for day in receipts["delivered_on"]) == [15, 16, 17]


def test_a_manifest_that_was_put_right_brings_the_rows_into_the_lake(home: Path) -> None:
    deliver(home, "prove_2026-01-15.csv", text(row(1), row(2)))
    manifest = home / "inbox" / "prove" / "prove_2026-01-15.csv.manifest.json"
    manifest.write_text('{"rows": 3}', "utf-8")
    ingest(home, key=KEY, specs={"prove": call_source()})
    manifest.write_text('{"rows": 2}', "utf-8")
    ingest(home, key=KEY, specs={"prove": call_source()})
    assert len(standing_rows(home)) == 2
    assert refused_files(home / "lake").is_empty()


def test_what_was_withdrawn_for_its_name_comes_in_under_another(home: Path) -> None:
    wrong = deliver(home, "prove_2026-01-25.csv", text(row(1), row(2)))
    ingest(home, key=KEY, specs={"prove": call_source()})
    withdraw(home, choose(home / "lake", source="prove"), reason="feil dato", who="dataeier")
    ingest(home, key=KEY, specs={"prove": call_source()})
    assert standing_rows(home) == {}  # under the same name it stays withdrawn
    wrong.rename(wrong.with_name("prove_2026-01-15.csv"))
    ingest(home, key=KEY, specs={"prove": call_source()})
    assert len(standing_rows(home)) == 2
