"""Collect the months of a run, and write the truth about it at the end."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from ingestion.synthetic.clock import date_of
from ingestion.synthetic.faults import ALL_FAULTS
from ingestion.synthetic.injection import Result
from ingestion.synthetic.truth import air, calls, incidents, links, quality
from ingestion.synthetic.truth.places import Places, load_places
from ingestion.synthetic.truth.rollup import OUTPUT

FAULT_COLUMNS = {
    "fault_kind": pl.String,
    "source": pl.String,
    "contract": pl.String,
    "file_name": pl.String,
    "row_number": pl.Int64,
    "source_id": pl.String,
    "record_id": pl.String,
    "revision": pl.Int32,
    "column": pl.String,
    "event_date": pl.Date,
    "expected_finding": pl.String,
    "treatment": pl.String,
}
KPI_KEYS = list(OUTPUT[:6])
_COMPARED = ("numerator", "denominator", "n", "coverage", "value")
_THIN: dict[str, dict[str, Callable[[pl.DataFrame], pl.DataFrame]]] = {
    "call": {"call": calls.thin, "text": calls.thin_texts, "link": incidents.thin_links},
    "alarm": {"alarm": incidents.thin_missions},
    "video_session": {"video_session": calls.thin_video},
    "lat_request": {"lat_request": air.thin_requests},
    "lat_readiness": {"lat_readiness": air.thin_readiness},
}
# Rows of these faults never come to be accepted.
_REFUSED = [
    index for index, fault in enumerate(ALL_FAULTS) if fault.rejects or fault.kind == "key_repeated"
]
# Records of these faults are in no extract in force; references of those are left out.
_GONE = [
    index for index, fault in enumerate(ALL_FAULTS) if fault.rejects or fault.kind == "tombstone"
]
_LOST = [index for index, fault in enumerate(ALL_FAULTS) if fault.kind == "link_lost"]


@dataclass
class _Pile:
    """Thin rows: those that are the same without and with faults, and those that are not."""

    common: list[pl.DataFrame] = field(default_factory=list)
    clean: list[pl.DataFrame] = field(default_factory=list)
    effective: list[pl.DataFrame] = field(default_factory=list)


@dataclass
class Truth:
    """Collects the records and findings of every month, and writes the truth at the end."""

    folder: Path
    seeds: Path
    first: dt.date
    last: dt.date
    places: Places = field(init=False)
    _piles: dict[str, _Pile] = field(default_factory=lambda: defaultdict(_Pile))
    _found: list[pl.DataFrame] = field(default_factory=list)
    _delivered: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    _writers: dict[str, pq.ParquetWriter] = field(default_factory=dict)
    _links: list[pl.DataFrame] = field(default_factory=list)
    _lost: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _gone: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.places = load_places(self.seeds)

    def add(self, contract: str, clean: pl.DataFrame, result: Result) -> None:
        """Take in a month of one contract."""
        self._write_records(contract, clean)
        for name, thin in _THIN[contract].items():
            pile = self._piles[name]
            pile.common.append(thin(result.common))
            pile.clean.append(thin(result.clean))
            pile.effective.append(thin(result.effective))
        pile = self._piles["quality"]
        pile.common.append(quality.tally(contract, result.common, self.places))
        pile.clean.append(quality.tally(contract, result.clean, self.places))
        pile.effective.append(quality.tally(contract, result.effective, self.places))
        pile.effective.append(quality.tally(contract, result.doubles, self.places, doubled=True))
        if contract in ("call", "alarm"):
            accepted = result.emitted.filter(
                pl.col("_fault").is_null() | ~pl.col("_fault").is_in(_REFUSED)
            )["_delivered"]
            self._delivered[contract] += [int(accepted.min()), int(accepted.max())]  # type: ignore[arg-type]
        self._found.append(_found(contract, clean, result))
        self._lost[contract] += _records_with(_LOST, clean, result)
        self._gone |= set(_records_with(_GONE, clean, result))

    def add_links(self, relations: pl.DataFrame) -> None:
        """Take in the relations between the records of a month."""
        self._links.append(relations)

    def finish(self, places: list[pl.DataFrame], file_faults: pl.DataFrame) -> None:
        """Write what is known at the end."""
        for writer in self._writers.values():
            writer.close()
        _fault_list(places, self._found, file_faults).write_parquet(self.folder / "faults.parquet")
        links.resolved(pl.concat(self._links), self._lost, self._gone).write_parquet(
            self.folder / "links.parquet"
        )
        effective = self._figures(lambda pile: pile.common + pile.effective)
        clean = self._figures(lambda pile: pile.common + pile.clean)
        compared(effective, clean).write_parquet(
            self.folder / "kpi_truth.parquet", compression="zstd"
        )

    def _figures(self, rows: Callable[[_Pile], list[pl.DataFrame]]) -> pl.DataFrame:
        frames = {name: pl.concat(rows(pile)) for name, pile in self._piles.items()}
        delivered = {
            contract: (date_of(min(days)), date_of(max(days)))
            for contract, days in self._delivered.items()
        }
        return figures(frames, self.places, (self.first, self.last), delivered)

    def _write_records(self, contract: str, clean: pl.DataFrame) -> None:
        records = clean.select(
            pl.col(name).dt.cast_time_unit("us") if dtype == pl.Datetime else pl.col(name)
            for name, dtype in clean.schema.items()
            if not name.startswith("_")
        ).to_arrow()
        if contract not in self._writers:
            path = self.folder / f"records_{contract}.parquet"
            self._writers[contract] = pq.ParquetWriter(path, records.schema, compression="zstd")
        self._writers[contract].write_table(records)


def figures(
    frames: dict[str, pl.DataFrame],
    places: Places,
    span: tuple[dt.date, dt.date],
    delivered: dict[str, tuple[dt.date, dt.date]],
) -> pl.DataFrame:
    """Every figure from thin rows: call, text, link, alarm, video_session, lat_*, quality.

    `span` is the first and last date of the run, on which nothing counts as zero; `delivered` those
    of the deliveries of calls and of alarms, over which person-years are counted.
    """
    dates = pl.date_range(*span, eager=True).alias("date").to_frame()
    return pl.concat(
        [
            calls.call_figures(frames["call"], places, dates, delivered["call"]),
            calls.text_figures(frames["text"], places, dates),
            calls.video_figures(frames["video_session"], frames["call"], places),
            incidents.alarm_figures(frames["alarm"], places, *delivered["alarm"]),
            incidents.chain_figures(frames["alarm"], frames["link"], places),
            air.request_figures(frames["lat_request"], places, dates),
            air.readiness_figures(frames["lat_readiness"], places),
            quality.quality_figures(frames["quality"]),
        ]
    )


def compared(effective: pl.DataFrame, clean: pl.DataFrame) -> pl.DataFrame:
    """The figures after treatment, with the faultless value, and whether the faults show.

    Where treatment leaves nothing to count, n is 0 and there is no value.
    """
    joined = effective.join(clean, on=KPI_KEYS, how="full", coalesce=True, suffix="_clean")
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"{name}_clean")) for name in _COMPARED)
    return (
        joined.with_columns((~same).alias("touched"), pl.col("n").fill_null(0.0))
        .select(*OUTPUT, "value_clean", "touched")
        .sort(KPI_KEYS)
    )


def _records_with(faults: list[int], clean: pl.DataFrame, result: Result) -> list[str]:
    """Records, by their right key, of which a row with one of the faults was sent."""
    rows = result.emitted.filter(pl.col("_fault").is_in(faults)).select("_rid").unique()
    return clean.join(rows, on="_rid", how="semi")["source_id"].to_list()


def _found(contract: str, clean: pl.DataFrame, result: Result) -> pl.DataFrame:
    """Keys of the rows with a finding, and second findings where there are any."""
    rows = result.emitted.filter(pl.col("_fault").is_not_null()).select(
        "_rid",
        "_seq",
        pl.col("_source").alias("source"),
        "source_id",
        "revision",
        pl.col("_day").cast(pl.Date).alias("event_date"),
    )
    records = clean.select("_rid", pl.col("source_id").alias("record_id"))
    return (
        rows.join(records, on="_rid", how="left")
        .join(result.also, on="_rid", how="left")
        .with_columns(pl.lit(contract).alias("contract"))
    )


def _fault_list(
    places: list[pl.DataFrame], found: list[pl.DataFrame], file_faults: pl.DataFrame
) -> pl.DataFrame:
    listed = [pl.DataFrame(schema=FAULT_COLUMNS)]
    if file_faults.height:
        listed.append(file_faults)
    if places:
        listed.append(_row_faults(pl.concat(places), pl.concat(found)))
    return (
        pl.concat(listed, how="diagonal")
        .select(list(FAULT_COLUMNS))
        .sort("source", "file_name", "row_number", "expected_finding")
    )


def _row_faults(places: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    table = pl.DataFrame(
        {
            "_fault": pl.Series(range(len(ALL_FAULTS)), dtype=pl.Int32),
            "fault_kind": [fault.kind for fault in ALL_FAULTS],
            "column": pl.Series([fault.column for fault in ALL_FAULTS], dtype=pl.String),
            "expected_finding": [fault.finding for fault in ALL_FAULTS],
            "treatment": [fault.treatment for fault in ALL_FAULTS],
        }
    )
    # Keys repeat between contracts, and are unique within a source.
    joined = places.join(found, on=["source", "_rid", "_seq"], how="left").join(
        table, on="_fault", how="left"
    )
    first = joined.unique(["source", "_rid", "_seq"], maintain_order=True)
    second = joined.filter(pl.col("also").is_not_null()).with_columns(
        pl.col("also").alias("expected_finding")
    )
    return pl.concat([first, second]).drop("also", "_rid", "_seq", "_delivered", "_fault")
