"""A valid row per record, and for every rule code the smallest changes that break it.

The column lists are written out by hand on purpose: they are the second opinion on what each
record requires, so that a column that loses its rule is noticed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from contracts import CONTRACTS

Row = dict[str, Any]

T0 = datetime(2026, 1, 15, 12, 0)
DAY = datetime(2026, 1, 15)
EXTRACT = datetime(2026, 1, 16, 3, 0)
FIRST_DATE = datetime(2025, 1, 1)
JUST = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
ONE_DAY = timedelta(days=1)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


COMMON: Row = {
    "source_system": "SYS",
    "source_id": "row-1",
    "revision": 1,
    "deleted": False,
    "extract_at": EXTRACT,
    "ts_quality": "SYSTEM",
}


@dataclass(frozen=True)
class Sample:
    """A valid row, what its columns owe, and the bad rows of the rules declared for it."""

    prefix: str
    row: Row
    required: tuple[str, ...]
    stamps: tuple[str, ...]
    codes: tuple[str, ...]
    parsed: tuple[str, ...]
    declared: dict[str, tuple[Row, ...]]
    may_end_later: tuple[str, ...] = ()


SAMPLES: dict[str, Sample] = {
    "call": Sample(
        prefix="CALL",
        row={
            "service_line": "113",
            "direction": "INBOUND",
            "channel": "VOICE",
            "central_id": "amk_a",
            "home_central_id": "amk_b",
            "ring_start_at": at(0),
            "menu_end_at": at(1),
            "queue_enter_at": at(2),
            "answered_at": at(5),
            "ended_at": at(60),
            "outcome": "ANSWERED",
            "transferred_to": "amk_c",
            "transfer_at": at(30),
            "parent_call_id": "row-0",
            "chain_id": "chain-1",
            "caller_pseudonym": "pseudonym-1",
            "municipality_code": "0301",
            "municipality_basis": "CATCHMENT",
            "is_test": False,
        },
        required=(
            "service_line",
            "direction",
            "channel",
            "central_id",
            "ring_start_at",
            "outcome",
            "is_test",
        ),
        stamps=(
            "ring_start_at",
            "menu_end_at",
            "queue_enter_at",
            "answered_at",
            "ended_at",
            "transfer_at",
        ),
        codes=("service_line", "direction", "channel", "outcome", "municipality_basis"),
        parsed=("is_test",),
        declared={
            "CALL_MENU_END_OUT_OF_ORDER": ({"menu_end_at": at(-1)},),
            "CALL_QUEUE_ENTER_OUT_OF_ORDER": (
                {"queue_enter_at": at(0.5)},
                {"queue_enter_at": at(-1), "menu_end_at": None},
            ),
            "CALL_ANSWERED_OUT_OF_ORDER": (
                {"answered_at": at(1.5)},
                {"answered_at": at(-1), "menu_end_at": None, "queue_enter_at": None},
            ),
            "CALL_ENDED_OUT_OF_ORDER": ({"ended_at": at(4), "transfer_at": None},),
            "CALL_TRANSFER_OUT_OF_ORDER": (
                {"transfer_at": at(4)},
                {"transfer_at": at(61)},
                {"transfer_at": at(61), "answered_at": None, "outcome": "ABANDONED"},
            ),
            "CALL_ANSWERED_ABSENT": ({"answered_at": None},),
            "CALL_ANSWERED_UNEXPECTED": ({"outcome": "ABANDONED"}, {"outcome": "TECHNICAL"}),
            "CALL_ENDED_ABSENT": (
                {"ended_at": None},
                {"ended_at": None, "answered_at": None, "outcome": "ABANDONED"},
            ),
        },
    ),
    "alarm": Sample(
        prefix="ALARM",
        row={
            "incident_id": "incident-1",
            "mission_id": "mission-1",
            "unit_id": "unit-1",
            "unit_type": "CAR",
            "station_id": "station-1",
            "central_id": "amk_a",
            "urgency_first": "RED",
            "urgency_last": "RED",
            "urgency_changed": False,
            "mission_type": "ACUTE",
            "scene_municipality_code": "0301",
            "scene_urban": True,
            "received_at": at(0),
            "alerted_at": at(60),
            "acknowledged_at": at(70),
            "en_route_at": at(120),
            "at_scene_at": at(600),
            "at_patient_at": at(700),
            "departed_at": at(1200),
            "at_destination_at": at(1800),
            "handover_at": at(2000),
            "available_at": at(2400),
            "cancelled_at": None,
            "cancel_reason": None,
            "result": "CONVEYED",
        },
        required=(
            "incident_id",
            "mission_id",
            "unit_id",
            "unit_type",
            "central_id",
            "urgency_first",
            "urgency_last",
            "urgency_changed",
            "mission_type",
            "alerted_at",
        ),
        stamps=(
            "received_at",
            "alerted_at",
            "acknowledged_at",
            "en_route_at",
            "at_scene_at",
            "at_patient_at",
            "departed_at",
            "at_destination_at",
            "handover_at",
            "available_at",
            "cancelled_at",
        ),
        codes=(
            "unit_type",
            "urgency_first",
            "urgency_last",
            "mission_type",
            "cancel_reason",
            "result",
        ),
        parsed=("urgency_changed", "scene_urban"),
        declared={
            "ALARM_ALERTED_OUT_OF_ORDER": ({"alerted_at": at(-1)},),
            "ALARM_ACKNOWLEDGED_OUT_OF_ORDER": ({"acknowledged_at": at(59)},),
            "ALARM_EN_ROUTE_OUT_OF_ORDER": ({"en_route_at": at(69)},),
            "ALARM_AT_SCENE_OUT_OF_ORDER": ({"at_scene_at": at(119)},),
            "ALARM_AT_PATIENT_OUT_OF_ORDER": ({"at_patient_at": at(599)},),
            "ALARM_DEPARTED_OUT_OF_ORDER": ({"departed_at": at(699)},),
            "ALARM_AT_DESTINATION_OUT_OF_ORDER": ({"at_destination_at": at(1199)},),
            "ALARM_HANDOVER_OUT_OF_ORDER": ({"handover_at": at(1799)},),
            "ALARM_AVAILABLE_OUT_OF_ORDER": (
                {"available_at": at(1999)},
                {
                    "available_at": at(-1),
                    "handover_at": None,
                    "acknowledged_at": None,
                    "at_patient_at": None,
                },
            ),
            "ALARM_CANCELLED_OUT_OF_ORDER": ({"cancelled_at": at(59), "result": "CANCELLED"},),
            "ALARM_RECEIVED_ABSENT": ({"received_at": None},),
            "ALARM_EN_ROUTE_ABSENT": ({"en_route_at": None},),
            "ALARM_AT_SCENE_ABSENT": ({"at_scene_at": None},),
            "ALARM_AVAILABLE_ABSENT": (
                {"available_at": None},
                {"available_at": None, "cancelled_at": at(90), "result": "CANCELLED"},
            ),
            "ALARM_DEPARTED_ABSENT": (
                {"departed_at": None},
                {"departed_at": None, "mission_type": "ORDERED"},
            ),
            "ALARM_AT_DESTINATION_ABSENT": ({"at_destination_at": None},),
            "ALARM_STATUS_BATCH_PRESSED": (
                {
                    "available_at": at(600),
                    "at_patient_at": None,
                    "departed_at": None,
                    "at_destination_at": None,
                    "handover_at": None,
                    "result": "LEFT",
                },
            ),
        },
    ),
    "video_session": Sample(
        prefix="VIDEO",
        row={
            "call_source_id": "call-1",
            "central_id": "amk_a",
            "link_sent_at": at(0),
            "opened_at": at(10),
            "consented_at": at(20),
            "connected_at": at(30),
            "ended_at": at(300),
            "status": "CONNECTED",
        },
        required=("central_id", "link_sent_at", "status"),
        stamps=("link_sent_at", "opened_at", "consented_at", "connected_at", "ended_at"),
        codes=("status",),
        parsed=(),
        declared={
            "VIDEO_OPENED_OUT_OF_ORDER": ({"opened_at": at(-1)},),
            "VIDEO_CONSENTED_OUT_OF_ORDER": ({"consented_at": at(9)},),
            "VIDEO_CONNECTED_OUT_OF_ORDER": ({"connected_at": at(19)},),
            "VIDEO_ENDED_OUT_OF_ORDER": ({"ended_at": at(29)},),
            "VIDEO_CONNECTED_ABSENT": ({"connected_at": None},),
            "VIDEO_ENDED_ABSENT": ({"ended_at": None},),
            "VIDEO_CONNECTED_UNEXPECTED": ({"status": "FAILED"},),
        },
    ),
    "lat_request": Sample(
        prefix="LATREQ",
        row={
            "requested_at": at(0),
            "base_id": "base-1",
            "resource_id": "resource-1",
            "vehicle": "HELI",
            "urgency": "RED",
            "outcome": "ABORTED",
            "reason": "WEATHER",
            "airborne_at": at(300),
            "at_scene_at": at(900),
            "left_scene_at": at(1500),
            "at_destination_at": at(2400),
            "left_destination_at": at(3600),
            "landed_at": at(4500),
            "mission_type": "PRIMARY",
            "patients": 1,
            "alarm_source_id": "alarm-1",
        },
        required=("requested_at", "base_id", "vehicle", "urgency", "outcome"),
        stamps=(
            "requested_at",
            "airborne_at",
            "at_scene_at",
            "left_scene_at",
            "at_destination_at",
            "left_destination_at",
            "landed_at",
        ),
        codes=("vehicle", "urgency", "outcome", "reason", "mission_type"),
        parsed=("patients",),
        declared={
            "LATREQ_AIRBORNE_OUT_OF_ORDER": ({"airborne_at": at(-1)},),
            "LATREQ_AT_SCENE_OUT_OF_ORDER": ({"at_scene_at": at(299)},),
            "LATREQ_LEFT_SCENE_OUT_OF_ORDER": ({"left_scene_at": at(899)},),
            "LATREQ_AT_DESTINATION_OUT_OF_ORDER": ({"at_destination_at": at(1499)},),
            "LATREQ_LEFT_DESTINATION_OUT_OF_ORDER": ({"left_destination_at": at(2399)},),
            "LATREQ_LANDED_OUT_OF_ORDER": ({"landed_at": at(3599)},),
            # Twelve hours in the air and half an hour on the ground are the most there is.
            "LATREQ_FLIGHT_TIME_IMPLAUSIBLE": (
                {"landed_at": at(300 + 12 * 3600 + 1800) + JUST},
                {
                    "left_scene_at": None,
                    "at_scene_at": None,
                    "at_destination_at": None,
                    "left_destination_at": None,
                    "landed_at": at(300 + 12 * 3600) + JUST,
                },
            ),
            "LATREQ_PATIENTS_IMPLAUSIBLE": ({"patients": -1}, {"patients": 21}),
            "LATREQ_REASON_ABSENT": (
                {"reason": None},
                {"reason": None, "outcome": "DECLINED", "airborne_at": None},
            ),
            "LATREQ_AIRBORNE_ABSENT": (
                {"airborne_at": None},
                {"airborne_at": None, "outcome": "COMPLETED", "reason": None},
            ),
            "LATREQ_AIRBORNE_UNEXPECTED": ({"outcome": "DECLINED"},),
        },
    ),
    "lat_readiness": Sample(
        prefix="LATRDY",
        row={
            "base_id": "base-1",
            "resource_id": "resource-1",
            "vehicle": "PLANE",
            "state": "REDUCED",
            "reason": "CREW",
            "attribution": "OPERATOR",
            "start_at": at(0),
            "end_at": at(3600),
        },
        required=("base_id", "resource_id", "vehicle", "state", "start_at", "end_at"),
        stamps=("start_at", "end_at"),
        codes=("vehicle", "state", "reason", "attribution"),
        parsed=(),
        declared={
            "LATRDY_END_NOT_AFTER_START": ({"end_at": at(0)}, {"end_at": at(-1)}),
        },
        may_end_later=("end_at",),
    ),
}


def rule_stem(column: str) -> str:
    return column.removesuffix("_at").upper()


def bad_rows(contract: str) -> dict[str, tuple[Row, ...]]:
    """For every rule code of a contract, the changes that break exactly that rule."""
    return dict(_generated(SAMPLES[contract])) | SAMPLES[contract].declared


def _generated(sample: Sample) -> Iterator[tuple[str, tuple[Row, ...]]]:
    p = sample.prefix
    for name in (*COMMON, *sample.required):
        yield f"{p}_{rule_stem(name)}_MISSING", ({name: None},)
    for name in ("revision", "deleted", "extract_at", *sample.parsed, *sample.stamps):
        yield f"{p}_{rule_stem(name)}_UNPARSABLE", ({name: None, f"{name}__unparsable": True},)
    for name in ("extract_at", *sample.stamps):
        change = {name: None, f"{name}__nonexistent": True}
        yield f"{p}_{rule_stem(name)}_NONEXISTENT_TIME", (change,)
    for name in sample.stamps:
        # Midnight is before every stamp of the row, and yet no order is broken by a date.
        change = {name: DAY, f"{name}__date_only": True} | _later_start(sample, name)
        yield f"{p}_{rule_stem(name)}_TIME_OF_DAY_ABSENT", (change,)
    for name in ("ts_quality", *sample.codes):
        # Lower case, a prefix of a code and an empty text are not codes either.
        yield (
            f"{p}_{rule_stem(name)}_UNKNOWN_CODE",
            tuple({name: value} for value in ("NO_SUCH_CODE", "", "system", "RE", "113 ")),
        )
    future = (name for name in sample.stamps if name not in sample.may_end_later)
    yield (
        f"{p}_TIME_IN_FUTURE",
        (
            *({name: EXTRACT + HOUR + JUST} | _later_end(sample) for name in future),
            # An extract time that lies ahead with its stamps is held against the intake's clock.
            {"extract_at": EXTRACT, "_taken_at": EXTRACT - ONE_DAY - JUST},
            *(
                {name: EXTRACT + 400 * ONE_DAY + JUST, "_taken_at": EXTRACT}
                for name in sample.may_end_later
            ),
        ),
    )
    yield (
        f"{p}_TIME_BEFORE_FIRST_DATE",
        tuple(
            {name: FIRST_DATE - JUST, "_first_date": FIRST_DATE} | _earlier_start(sample, name)
            for name in sample.stamps
        ),
    )
    yield (
        f"{p}_TIME_PLACEHOLDER",
        (
            {"_time_placeholder": True},
            *({name: None, "_time_placeholder": True} for name in sample.stamps),
        ),
    )
    yield f"{p}_KEY_REPEATED", ({"_key_repeated": True},)
    yield f"{p}_ROW_ALIKE", ({"_row_alike": True},)
    yield f"{p}_TIME_AMBIGUOUS", ({"_time_ambiguous": True},)


def _later_start(sample: Sample, moved: str) -> Row:
    """Keep an interval in order when its end is the midnight before its start."""
    return {"start_at": DAY - HOUR} if moved in sample.may_end_later else {}


def _later_end(sample: Sample) -> Row:
    """Keep an interval in order when its start is moved past the extract."""
    return dict.fromkeys(sample.may_end_later, EXTRACT + 2 * HOUR)


def _earlier_start(sample: Sample, moved: str) -> Row:
    """Keep an interval in order when its end is moved before the first date."""
    return {"start_at": FIRST_DATE - HOUR} if moved in sample.may_end_later else {}


def frame(contract: str, *changes: Row) -> pl.DataFrame:
    """A frame with one row per set of changes to the valid row."""
    helpers = dict(CONTRACTS[contract].helpers)
    used = {name for change in changes for name in change if name in helpers}
    schema = CONTRACTS[contract].polars_schema | {name: helpers[name] for name in sorted(used)}
    quiet: dict[str, Any] = {name: False if helpers[name] == pl.Boolean else None for name in used}
    if "_order_tolerance" in used:
        quiet["_order_tolerance"] = timedelta(0)
    base = COMMON | SAMPLES[contract].row | quiet
    return pl.DataFrame(
        [{name: (base | change).get(name) for name in schema} for change in changes or ({},)],
        schema=schema,
    )


CASES: list[tuple[str, str]] = [
    (contract, code) for contract in SAMPLES for code in bad_rows(contract)
]
