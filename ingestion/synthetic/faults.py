"""The faults the generator puts into the extracts: one table.

Each line says what is wrong, how often, what the pipeline should find and what it should do about
it. Faults never share a record, so that each gives exactly its one finding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

LOCAL_TIME_SOURCES = frozenset(
    {"hdo_iccs_calls", "helse_vest_alarms", "helse_sorost_alarms", "lat_readiness"}
)
PREFIX = {
    "call": "CALL",
    "alarm": "ALARM",
    "video_session": "VIDEO",
    "lat_request": "LATREQ",
    "lat_readiness": "LATRDY",
}


@dataclass(frozen=True)
class Fault:
    """One kind of fault in one contract.

    Attributes:
        kind: what is wrong.
        contract: the record type.
        column: the column that is wrong, where there is one.
        rate: share of the records that can have it.
        finding: what the pipeline should report.
        treatment: what the pipeline should do.
        sources: the sources that can have it; empty for all of the contract.
    """

    kind: str
    contract: str
    column: str | None
    rate: float
    finding: str
    treatment: str
    sources: frozenset[str] = frozenset()

    @property
    def rejects(self) -> bool:
        """Whether it costs a row."""
        return self.treatment == REJECTED


@dataclass(frozen=True)
class FileFault:
    """One kind of broken delivery, sent beside the good file of the same day."""

    suffix: str
    source: str
    finding: str


REJECTED = "row rejected, with the rule on it; the record is missing from every figure"
ONCE = "the second row is dropped as an exact duplicate; no figure changes"
FIRST_KEPT = "the first row with the key is kept, the other is rejected; no figure changes"
NOT_TIMED = "row kept with a warning; left out of interval figures, which say so in coverage"
NOT_COMPLETE = "row kept with a warning; left out of the figures that need the stamp"
NOT_COUNTED = "row kept with a warning; the number is not used, and coverage says so"
LATE = "loaded when it comes; the periods it belongs to are computed again"
SUPERSEDED = "replaced by the later revision"
DELETED = "removed by the tombstone"
LINKED = "recognised as the same call; the row of the platform in force is kept"
RECOVERED = "recovered without loss; no figure changes"
UNITED = "kept; counted under the union of the municipalities that the code was split into"
NO_PLACE = "kept; counted under UNKNOWN at the levels that need the municipality"
NO_UNIT = "kept; counted under UNKNOWN at the levels that need the unit"
LESS_LINKED = "kept; the chain figures have one link less"
FIRST_OF_TWO = "row kept with a warning, read as the first of the two; left out of intervals"
FILE_REFUSED = "delivery refused whole; the good file of the same day is loaded"

_CONTRACTS = tuple(PREFIX)
_ANCHORS = {
    "call": "ring_start_at",
    "alarm": "alerted_at",
    "video_session": "link_sent_at",
    "lat_request": "requested_at",
    "lat_readiness": "start_at",
}
_REQUIRED = {
    "call": ("central_id", "service_line"),
    "alarm": ("unit_id", "incident_id"),
    "video_session": ("central_id",),
    "lat_request": ("base_id",),
    "lat_readiness": ("resource_id",),
}
_UNPARSABLE = {
    "call": "ended_at",
    "alarm": "at_scene_at",
    "video_session": "opened_at",
    "lat_request": "airborne_at",
    "lat_readiness": "end_at",
}
_CODED = {
    "call": "outcome",
    "alarm": "urgency_last",
    "video_session": "status",
    "lat_request": "outcome",
    "lat_readiness": "state",
}
_LOST_HOUR = {"call": "ended_at", "alarm": "available_at", "lat_readiness": "end_at"}
_SKEWED = {
    "call": ("menu_end_at", "queue_enter_at", "answered_at", "ended_at", "transfer_at"),
    "alarm": ("alerted_at", "en_route_at", "at_scene_at", "cancelled_at"),
    "video_session": ("connected_at",),
    "lat_request": (
        "airborne_at",
        "left_scene_at",
        "at_destination_at",
        "left_destination_at",
        "landed_at",
    ),
}
_MIDNIGHT = {"alarm": "at_scene_at", "lat_request": "airborne_at"}
_ABSENT = {
    ("call", "answered_at"): 3e-4,
    ("call", "ended_at"): 5e-4,
    ("alarm", "received_at"): 4e-3,
    ("alarm", "en_route_at"): 1.2e-2,
    ("alarm", "at_scene_at"): 2.5e-2,
    ("alarm", "available_at"): 3e-3,
    ("alarm", "departed_at"): 3e-3,
    ("alarm", "at_destination_at"): 3e-3,
    ("video_session", "connected_at"): 2e-3,
    ("video_session", "ended_at"): 2e-3,
    ("lat_request", "airborne_at"): 8e-3,
    ("lat_request", "reason"): 8e-3,
}
_UNEXPECTED = {
    ("call", "answered_at"): 5e-4,
    ("video_session", "connected_at"): 2e-3,
    ("lat_request", "airborne_at"): 4e-3,
}


def _stem(column: str) -> str:
    return column.removesuffix("_at").upper()


def rule(contract: str, column: str, ending: str) -> str:
    """The finding of a rule about one column."""
    return f"rule:{PREFIX[contract]}_{_stem(column)}_{ending}"


def _same_in_all(contract: str) -> Iterator[Fault]:
    """Faults every record type can have."""
    prefix = PREFIX[contract]
    yield Fault("exact_duplicate", contract, None, 5e-4, "duplicate", ONCE)
    yield Fault("key_repeated", contract, None, 2e-4, f"rule:{prefix}_KEY_REPEATED", FIRST_KEPT)
    for column in ("source_id", _ANCHORS[contract], *_REQUIRED[contract]):
        yield Fault(
            "value_missing",
            contract,
            column,
            1.5e-4,
            rule(contract, column, "MISSING"),
            REJECTED,
            # In the older call extract the other times of the row are told from the ring time.
            frozenset({"hdo_lifex_calls"}) if column == "ring_start_at" else frozenset(),
        )
    column = _CODED[contract]
    yield Fault(
        "unknown_code", contract, column, 2e-4, rule(contract, column, "UNKNOWN_CODE"), REJECTED
    )
    column = _UNPARSABLE[contract]
    yield Fault(
        "unparsable_time",
        contract,
        column,
        2e-4,
        rule(contract, column, "UNPARSABLE"),
        REJECTED,
        # The central region sends typed timestamps; there is no text to misread.
        frozenset({"helse_nord_alarms", "helse_vest_alarms", "helse_sorost_alarms"})
        if contract == "alarm"
        else frozenset(),
    )
    yield Fault("time_in_future", contract, None, 6e-5, f"rule:{prefix}_TIME_IN_FUTURE", REJECTED)
    yield Fault(
        "time_before_first_date",
        contract,
        None,
        6e-5,
        f"rule:{prefix}_TIME_BEFORE_FIRST_DATE",
        REJECTED,
    )
    yield Fault("late", contract, None, 4e-3, "late", LATE)
    yield Fault("corrected", contract, None, 3e-3, "superseded", SUPERSEDED)
    yield Fault("tombstone", contract, None, 6e-4, "deleted", DELETED)


def _stamp_faults(contract: str) -> Iterator[Fault]:
    """Faults of the time stamps."""
    if contract in _LOST_HOUR:
        column = _LOST_HOUR[contract]
        yield Fault(
            "nonexistent_time",
            contract,
            column,
            2e-2,
            rule(contract, column, "NONEXISTENT_TIME"),
            REJECTED,
            LOCAL_TIME_SOURCES,
        )
    for column in _SKEWED.get(contract, ()):
        finding = rule(contract, column, "OUT_OF_ORDER")
        yield Fault("clock_skew", contract, column, 1e-3, finding, NOT_TIMED)
    if contract in _MIDNIGHT:
        column = _MIDNIGHT[contract]
        finding = rule(contract, column, "OUT_OF_ORDER")
        yield Fault("default_midnight", contract, column, 1.5e-3, finding, NOT_TIMED)
    for (owner, column), rate in _ABSENT.items():
        if owner == contract:
            finding = rule(contract, column, "ABSENT")
            yield Fault(
                "value_absent",
                contract,
                column,
                rate,
                finding,
                NOT_COMPLETE,
                # In the northern extract every stamp is told from `mottatt`, so it is always there.
                frozenset({"helse_midt_alarms", "helse_vest_alarms", "helse_sorost_alarms"})
                if column == "received_at"
                else frozenset(),
            )
    for (owner, column), rate in _UNEXPECTED.items():
        if owner == contract:
            finding = rule(contract, column, "UNEXPECTED")
            yield Fault("value_unexpected", contract, column, rate, finding, NOT_COMPLETE)


FAULTS: tuple[Fault, ...] = (
    # First, as few records can have them.
    Fault(
        "landed_next_day",
        "lat_request",
        "landed_at",
        4e-3,
        "rule:LATREQ_FLIGHT_TIME_IMPLAUSIBLE",
        NOT_TIMED,
    ),
    Fault(
        "number_misread",
        "lat_request",
        "patients",
        6e-3,
        "rule:LATREQ_PATIENTS_IMPLAUSIBLE",
        NOT_COUNTED,
    ),
    # Where a stamp is not sent no rule is broken: what is not known lowers the coverage.
    Fault("value_left_out", "lat_request", "landed_at", 1e-2, "coverage", NOT_COUNTED),
    Fault("value_left_out", "lat_request", "mission_type", 1e-2, "coverage", NOT_COUNTED),
    Fault("value_left_out", "lat_request", "patients", 1e-2, "coverage", NOT_COUNTED),
    *(fault for contract in _CONTRACTS for fault in _same_in_all(contract)),
    *(fault for contract in _CONTRACTS for fault in _stamp_faults(contract)),
    Fault(
        "batch_press",
        "alarm",
        "at_scene_at",
        1.5e-2,
        "rule:ALARM_STATUS_BATCH_PRESSED",
        NOT_TIMED,
    ),
    Fault("cross_system_duplicate", "call", None, 0.2, "cross_system_duplicate", LINKED),
    Fault("unknown_central", "call", "central_id", 2e-4, "unknown_unit", NO_UNIT),
    Fault("unknown_central", "alarm", "central_id", 1e-3, "unknown_unit", NO_UNIT),
    Fault("unknown_central", "video_session", "central_id", 1e-3, "unknown_unit", NO_UNIT),
    Fault("unknown_base", "lat_request", "base_id", 1e-3, "unknown_unit", NO_UNIT),
    Fault("link_lost", "call", "chain_id", 1.5e-2, "coverage", LESS_LINKED),
    Fault("link_lost", "video_session", "call_source_id", 2e-2, "coverage", LESS_LINKED),
    Fault("link_lost", "lat_request", "alarm_source_id", 3e-2, "coverage", LESS_LINKED),
    Fault(
        "older_municipality_code",
        "alarm",
        "scene_municipality_code",
        4e-2,
        "recovered",
        RECOVERED,
        frozenset({"helse_nord_alarms"}),
    ),
    Fault(
        "lost_leading_zero",
        "alarm",
        "scene_municipality_code",
        0.6,
        "recovered",
        RECOVERED,
        frozenset({"helse_nord_alarms"}),
    ),
    Fault(
        "split_municipality_code",
        "alarm",
        "scene_municipality_code",
        1.5e-3,
        "union",
        UNITED,
    ),
    Fault(
        "unknown_municipality_code",
        "alarm",
        "scene_municipality_code",
        2e-3,
        "unknown_geo",
        NO_PLACE,
    ),
    Fault("overlapping_shift", "lat_readiness", "end_at", 2e-2, "recovered", RECOVERED),
)

# Not a fault of anyone: the hour that occurs twice in October. Found on every row that has a stamp
# in it, in the sources that write local time.
AMBIGUOUS = tuple(
    Fault(
        "ambiguous_hour",
        contract,
        None,
        1.0,
        f"rule:{PREFIX[contract]}_TIME_AMBIGUOUS",
        FIRST_OF_TWO,
        LOCAL_TIME_SOURCES,
    )
    for contract in _CONTRACTS
)

ALL_FAULTS: tuple[Fault, ...] = (*AMBIGUOUS, *FAULTS)

FILE_FAULTS: tuple[FileFault, ...] = (
    FileFault("avkuttet", "helse_sorost_alarms", "file:FILE_TRUNCATED"),
    FileFault("tom", "helse_nord_alarms", "file:FILE_EMPTY"),
    FileFault("utf16", "hdo_iccs_calls", "file:FILE_ENCODING"),
    FileFault("rusk", "helse_midt_alarms", "file:FILE_UNREADABLE"),
    FileFault("kolonne_mangler", "helse_nord_alarms", "file:FILE_COLUMN_MISSING"),
    FileFault("kolonne_dobbel", "bliksund_video", "file:FILE_COLUMN_DOUBLED"),
    FileFault("fnr", "helse_sorost_alarms", "file:FILE_IDENTITY_NUMBER"),
    FileFault("telefon", "helse_nord_alarms", "file:FILE_PHONE_NUMBER"),
)
FILE_FAULT_EVERY_DAYS = 90
