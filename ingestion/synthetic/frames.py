"""From tables to canonical records: the clean frames everything else starts from.

Besides the record columns a frame has `_source`, `_rid` (order within the run) and `_day` (local
day number of the event, which is the day of the file it belongs in).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from ingestion.synthetic import air, alarms, calls, video
from ingestion.synthetic.chance import stream
from ingestion.synthetic.clock import Ints, day_number, extract_ms, local_day
from ingestion.synthetic.links import Ends, call_relations, true_links
from ingestion.synthetic.reference import Reference
from ingestion.synthetic.tables import NOBODY, Table, height, labels, optional_text, stamp

ICCS, LIFEX = "hdo_iccs_calls", "hdo_lifex_calls"
SYSTEM = {
    ICCS: "ICCS",
    LIFEX: "LIFEX",
    "helse_nord_alarms": "AMIS",
    "helse_midt_alarms": "AMIS",
    "helse_vest_alarms": "AMIS",
    "helse_sorost_alarms": "AMKIKT",
    "hdo_video_h113": "VIDEO_H113",
    "bliksund_video": "VIDEO_BLIKSUND",
    "lat_requests": "LAT_OPS",
    "lat_readiness": "LAT_OPS",
}
CONTRACT_SOURCES = {
    "call": (ICCS, LIFEX),
    "alarm": alarms.SOURCES,
    "video_session": video.SOURCES,
    "lat_request": (air.REQUEST_SOURCE,),
    "lat_readiness": (air.READINESS_SOURCE,),
}
STAMPS = {
    "call": (
        "ring_start_at",
        "menu_end_at",
        "queue_enter_at",
        "answered_at",
        "ended_at",
        "transfer_at",
    ),
    "alarm": tuple(f"{name}_at" for name in alarms.STAMPS),
    "video_session": ("link_sent_at", "opened_at", "consented_at", "connected_at", "ended_at"),
    "lat_request": ("requested_at", *(f"{name}_at" for name in air.FLIGHT)),
    "lat_readiness": ("start_at", "end_at"),
}
ANCHOR = {
    "call": "ring_start_at",
    "alarm": "received_at",
    "video_session": "link_sent_at",
    "lat_request": "requested_at",
    "lat_readiness": "start_at",
}
_BEGINNING = day_number(dt.date(2020, 1, 1))
_PAIRS = [f"{number:02d}" for number in range(100)]


@dataclass
class Counters:
    """Running numbers per source; a run starts where no earlier span can have come to."""

    start_day: int
    used: dict[str, int] = field(default_factory=dict)

    def take(self, name: str, count: int, per_day: int) -> Ints:
        """The next numbers of a series that never needs more than `per_day` a day."""
        first = self.used.get(name, (self.start_day - _BEGINNING) * per_day)
        self.used[name] = first + count
        return np.arange(first, first + count, dtype=np.int64)


def make_clean(
    ref: Reference, days: range, last_day: int, scale: float, seed: int, counters: Counters
) -> dict[str, pl.DataFrame]:
    """Everything that happens on the given local days, as canonical records by contract.

    Under `links` are the relations between the records.
    """
    call = calls.make_calls(ref, days, last_day, scale, seed)
    incident = alarms.make_incidents(ref, call, days, last_day, scale, seed)
    mission = alarms.make_missions(ref, incident, days, seed)
    session = video.make_sessions(ref, call, days, last_day, seed)
    request = air.make_requests(ref, mission, days, last_day, scale, seed)
    readiness = air.make_readiness(ref, days, last_day, seed)

    incident_source = alarms.source_of(ref, incident["central"])
    incident_numbers = _numbers(counters, "incident", incident_source, _ALARM_PER_DAY)
    incident_ids = _alarm_ids("H", incident_source, incident_numbers)
    call_frame = _call_frame(ref, call, incident, incident_ids, counters, seed, days)
    alarm_frame = _alarm_frame(ref, mission, incident_ids, incident_numbers, counters)
    session_frame = _video_frame(ref, session, call_frame["source_id"], counters)
    request_frame = _request_frame(ref, request, alarm_frame["source_id"], counters)
    systems = labels(incident_source, [SYSTEM[source] for source in alarms.SOURCES])
    return {
        "call": call_frame,
        "alarm": alarm_frame,
        "video_session": session_frame,
        "lat_request": request_frame,
        "lat_readiness": _readiness_frame(ref, readiness, counters),
        "links": true_links(
            {
                "call": call,
                "incident": incident,
                "mission": mission,
                "session": session,
                "request": request,
            },
            call_frame,
            alarm_frame,
            session_frame,
            request_frame,
            Ends(systems, incident_ids),
        ),
    }


def _numbers(counters: Counters, name: str, source: Ints, per_day: tuple[int, ...]) -> Ints:
    numbers = np.zeros(len(source), dtype=np.int64)
    for index, room in enumerate(per_day):
        rows = np.flatnonzero(source == index)
        numbers[rows] = counters.take(f"{name}{index}", len(rows), room)
    return numbers


# Room per day in the series of identifiers: above the busiest day at several times full scale,
# and, for the whole numbers of the central region, below eight digits.
_ALARM_PER_DAY = (2000, 1000, 2000, 20000)
_CALL_PER_DAY = 200_000


def _common(
    frame: pl.DataFrame, source: pl.Series, anchor: Ints, quality: pl.Series | None = None
) -> pl.DataFrame:
    """Add the columns every record has, and the bookkeeping."""
    day = local_day(anchor)
    return frame.with_columns(
        source.alias("_source"),
        pl.Series(day, dtype=pl.Int32).alias("_day"),
        pl.int_range(pl.len(), dtype=pl.Int64).alias("_rid"),
        source.replace_strict(SYSTEM, return_dtype=pl.String).alias("source_system"),
        pl.lit(1, dtype=pl.Int32).alias("revision"),
        pl.lit(False).alias("deleted"),
        stamp(extract_ms(day)).alias("extract_at"),
        (pl.lit("SYSTEM") if quality is None else quality).alias("ts_quality"),
    )


def dotted(prefix: str, numbers: Ints, joint: str) -> pl.Series:
    """Identifiers in two groups of digits, so that none can be taken for a phone number."""
    frame = pl.DataFrame({"n": numbers})
    four = pl.col("n") % 10_000
    return frame.select(
        pl.concat_str(
            pl.lit(prefix),
            pl.col("n") // 10_000,
            pl.lit(joint),
            (four // 100).replace_strict(dict(enumerate(_PAIRS)), return_dtype=pl.String),
            (four % 100).replace_strict(dict(enumerate(_PAIRS)), return_dtype=pl.String),
        ).alias("id")
    )["id"]


def _call_frame(
    ref: Reference,
    call: Table,
    incident: Table,
    incident_ids: pl.Series,
    counters: Counters,
    seed: int,
    days: range,
) -> pl.DataFrame:
    size = height(call)
    day = local_day(call["ring"])
    lifex = day >= ref.cutover_day[call["central"]]
    number = counters.take("call", size, _CALL_PER_DAY)
    source_id = pl.DataFrame(
        {"new": lifex, "iccs": dotted("IC", number, "x"), "lifex": dotted("LX", number, "x")}
    ).select(pl.when("new").then("lifex").otherwise("iccs"))["lifex"]
    chain = _chain_ids(call, incident, incident_ids, seed, days)
    parent = pl.Series(np.where(call["parent"] < 0, size, call["parent"]).astype(np.uint32))
    with_none = pl.concat([source_id, pl.Series([None], dtype=pl.String)])
    caller = pl.Series(call["caller"])
    frame = pl.DataFrame(
        {
            "source_id": source_id,
            "service_line": labels(call["line"], calls.LINES),
            "direction": labels(call["direction"], calls.DIRECTIONS),
            "channel": labels(call["is_sms"] & lifex, ("VOICE", "SMS")),
            "central_id": labels(call["central"], ref.centrals),
            "home_central_id": labels(call["home"], ref.centrals),
            "ring_start_at": stamp(call["ring"]),
            "menu_end_at": stamp(call["menu"]),
            "queue_enter_at": stamp(call["queue"]),
            "answered_at": stamp(call["answered"]),
            "ended_at": stamp(call["ended"]),
            "outcome": labels(call["outcome"], calls.OUTCOMES),
            "transferred_to": labels(call["to"], ref.centrals),
            "transfer_at": stamp(call["transfer"]),
            "parent_call_id": with_none.gather(parent),
            "chain_id": chain,
            "municipality_code": labels(call["municipality"], ref.municipalities),
            "municipality_basis": labels(call["basis"], calls.BASES),
            "is_test": pl.Series(call["is_test"]),
            # Numbers that start with 1 are not given to anyone in Norway.
            "_caller": pl.select(
                pl.when(caller >= 0).then(pl.concat_str(pl.lit("+47"), pl.lit(10_000_000) + caller))
            ).to_series(),
            "_plain_caller": pl.Series(call["is_plain_caller"]),
            "_cutover": pl.Series(ref.cutover_day[call["central"]], dtype=pl.Int32),
        }
    )
    return _common(frame, labels(lifex.astype(np.int64), (ICCS, LIFEX)), call["ring"])


def _chain_ids(
    call: Table, incident: Table, incident_ids: pl.Series, seed: int, days: range
) -> pl.Series:
    """The incident of each call about one, and of most calls that were passed on to it."""
    rng = stream(seed, "chains", days.start)
    calls_about, about, through = call_relations(call, incident)
    known = (through < 0) | (rng.random(len(about)) < 0.6)
    ids = incident_ids.gather(pl.Series(about[known].astype(np.uint32))).to_list()
    chain = dict(zip(calls_about[known].tolist(), ids, strict=True))
    return optional_text(chain, height(call))


def _alarm_ids(kind: str, source: Ints, numbers: Ints) -> pl.Series:
    """Identifiers of the alarm sources: a letter for the source, plain numbers in the middle."""
    return pl.DataFrame(
        {"s": labels(source, [f"{kind}N", "", f"{kind}V", f"{kind}S"]), "n": numbers}
    ).select(pl.concat_str("s", "n"))["s"]


def _alarm_frame(
    ref: Reference,
    mission: Table,
    incident_ids: pl.Series,
    incident_numbers: Ints,
    counters: Counters,
) -> pl.DataFrame:
    source = mission["source"]
    midt = source == alarms.MIDT
    rows = _numbers(counters, "mission", source, _ALARM_PER_DAY)
    code = np.array([int(text) for text in ref.municipalities])[mission["municipality"]]
    unit = pl.DataFrame(
        {
            "midt": midt,
            "code": code,
            "letter": labels(mission["unit_type"], list("ABHFSRLG")),
            "type": mission["unit_type"],
            "number": mission["unit_number"],
        }
    )
    text_code = pl.col("code").cast(pl.String).str.zfill(4)
    names = unit.select(
        pl.when("midt")
        .then((pl.col("code") * 100 + pl.col("type") * 10 + pl.col("number")).cast(pl.String))
        .otherwise(pl.concat_str(pl.lit("U"), text_code, "letter", "number"))
        .alias("unit"),
        pl.when("midt")
        .then(pl.col("code").cast(pl.String))
        .otherwise(pl.concat_str(pl.lit("S"), text_code))
        .alias("station"),
    )
    incident = pl.Series(mission["incident"].astype(np.uint32))
    frame = pl.DataFrame(
        {
            "source_id": _alarm_ids("R", source, rows),
            "incident_id": incident_ids.gather(incident),
            "mission_id": _alarm_ids("O", source, incident_numbers[mission["incident"]]),
            "unit_id": names["unit"],
            "unit_type": labels(mission["unit_type"], alarms.UNIT_TYPES),
            "station_id": names["station"],
            "central_id": labels(mission["central"], ref.centrals),
            "urgency_first": labels(mission["urgency_first"], alarms.URGENCIES),
            "urgency_last": labels(mission["urgency_last"], alarms.URGENCIES),
            "mission_type": labels(mission["type"], alarms.MISSION_TYPES),
            "scene_municipality_code": labels(mission["municipality"], ref.municipalities),
            "scene_urban": pl.Series(mission["urban"]).replace_strict(
                {NOBODY: None, 0: False, 1: True}, return_dtype=pl.Boolean
            ),
            **{f"{name}_at": stamp(mission[name]) for name in alarms.STAMPS},
            "cancel_reason": labels(mission["cancel_reason"], alarms.CANCEL_REASONS),
            "result": labels(mission["result"], alarms.RESULTS),
        }
    )
    frame = frame.with_columns(
        (pl.col("urgency_first") != pl.col("urgency_last")).alias("urgency_changed")
    )
    quality = labels(mission["quality"], alarms.QUALITIES)
    return _common(frame, labels(source, alarms.SOURCES), mission["received"], quality)


def _video_frame(
    ref: Reference, session: Table, call_ids: pl.Series, counters: Counters
) -> pl.DataFrame:
    number = counters.take("video", height(session), 5000)
    frame = pl.DataFrame(
        {
            "source_id": dotted("VS", number, "v"),
            "call_source_id": call_ids.gather(pl.Series(session["call"].astype(np.uint32))),
            "central_id": labels(session["central"], ref.centrals),
            **{name: stamp(session[name.removesuffix("_at")]) for name in STAMPS["video_session"]},
            "status": labels(session["status"], video.STATUSES),
        }
    )
    return _common(frame, labels(session["source"], video.SOURCES), session["link_sent"])


def _request_frame(
    ref: Reference, request: Table, alarm_ids: pl.Series, counters: Counters
) -> pl.DataFrame:
    number = counters.take("request", height(request), 2000)
    mission = request["mission"]
    rows = pl.Series(np.where(mission == NOBODY, len(alarm_ids), mission).astype(np.uint32))
    with_none = pl.concat([alarm_ids, pl.Series([None], dtype=pl.String)])
    frame = pl.DataFrame(
        {
            "source_id": dotted("LF", number, "f"),
            "base_id": labels(request["resource"], [r.base_id for r in ref.resources]),
            "resource_id": labels(request["resource"], [r.resource_id for r in ref.resources]),
            "vehicle": labels(request["vehicle"], air.VEHICLES),
            "urgency": labels(request["urgency"], alarms.URGENCIES),
            "outcome": labels(request["outcome"], air.OUTCOMES),
            "reason": labels(request["reason"], air.REASONS),
            **{name: stamp(request[name.removesuffix("_at")]) for name in STAMPS["lat_request"]},
            "mission_type": labels(request["type"], air.MISSION_TYPES),
            "patients": pl.Series(request["patients"], dtype=pl.Int32).replace(NOBODY, None),
            "alarm_source_id": with_none.gather(rows),
        }
    )
    source = pl.repeat(air.REQUEST_SOURCE, frame.height, dtype=pl.String, eager=True)
    return _common(frame, source, request["requested"])


def _readiness_frame(ref: Reference, readiness: Table, counters: Counters) -> pl.DataFrame:
    number = counters.take("readiness", height(readiness), 2000)
    frame = pl.DataFrame(
        {
            "source_id": dotted("LB", number, "b"),
            "base_id": labels(readiness["resource"], [r.base_id for r in ref.resources]),
            "resource_id": labels(readiness["resource"], [r.resource_id for r in ref.resources]),
            "vehicle": labels(readiness["resource"], [r.vehicle for r in ref.resources]),
            "state": labels(readiness["state"], air.STATES),
            "reason": labels(readiness["reason"], air.REASONS),
            "attribution": labels(readiness["attribution"], air.ATTRIBUTIONS),
            "start_at": stamp(readiness["start"]),
            "end_at": stamp(readiness["end"]),
        }
    )
    source = pl.repeat(air.READINESS_SOURCE, frame.height, dtype=pl.String, eager=True)
    return _common(frame, source, readiness["start"])
