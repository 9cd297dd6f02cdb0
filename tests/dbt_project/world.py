"""A small random emergency chain whose records are corrected, moved and deleted.

Every record is a list of versions (revisions); each version lands in a random batch, so an
older revision may well arrive after a newer one.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.dbt_project.lake import Row, utc

# The days hold a change from summer time, a new week and a new month.
FIRST = utc(2026, 10, 22, 22)
DAYS = 12
CENTRALS_113 = ("amk_oslo", "amk_tromso", "amk_bergen_unregistered")
CENTRALS_116117 = ("lvs_0301", "lvs_1101")
MUNICIPALITIES = ("0301", "1103", "5001", "1507", "1534", "5401", "3007", "9999", None)
BASES = (("heli_al", "HELI"), ("heli_tromso", "HELI"), ("plane_alta", "PLANE"), ("gone", "CAR"))


class Chance(random.Random):
    """A generator of random numbers that knows over how many days the world is spread."""

    days = DAYS


@dataclass(frozen=True)
class World:
    """Batches of rows per contract, in the order they were made."""

    batches: dict[str, dict[str, list[Row]]]

    def contracts(self) -> tuple[str, ...]:
        return tuple(self.batches)


def seconds(value: float) -> timedelta:
    return timedelta(milliseconds=round(value * 1000))


def moment(rng: Chance) -> datetime:
    """Any time, or near one of a few, local midnights among them, so that records meet."""
    if rng.random() < 0.5:
        return FIRST + seconds(rng.uniform(0, rng.days * 86400))
    return FIRST + timedelta(hours=8 * rng.randrange(3 * rng.days)) + seconds(rng.uniform(-75, 75))


def call_versions(rng: Chance, number: int, incidents: list[str]) -> list[Row]:
    line = rng.choice(("113", "116117", "LOCAL8", "ADMIN"))
    central = rng.choice(CENTRALS_113 if line == "113" else CENTRALS_116117)
    ring = moment(rng)
    versions = []
    for revision in range(1, rng.choice((1, 1, 1, 2, 3)) + 1):
        if rng.random() < 0.3:
            ring = moment(rng)  # a correction may move the event to another date
        answered = rng.random() < 0.85
        wait = rng.choice((4.9, 5.0, 10.0, 10.001, 30.0, 31.0, 119.9, 120.0, 500.0))
        versions.append(
            {
                "source_system": rng.choice(("ICCS", "ICCS", "LIFEX")) if revision == 1 else None,
                "source_id": f"C{number}",
                "revision": revision,
                "deleted": revision > 1 and rng.random() < 0.3,
                "service_line": line,
                "channel": "SMS" if rng.random() < 0.05 else "VOICE",
                "central_id": central,
                "home_central_id": rng.choice((central, "lvs_0301", None)),
                "ring_start_at": ring,
                "menu_end_at": ring + seconds(7) if line != "113" else None,
                "answered_at": ring + seconds(wait) if answered else None,
                "ended_at": ring + seconds(wait + rng.uniform(1, 300)),
                "outcome": "ANSWERED" if answered else "ABANDONED",
                "transferred_to": "amk_oslo" if rng.random() < 0.1 else None,
                "transfer_at": ring + seconds(wait + 1) if rng.random() < 0.1 else None,
                "parent_call_id": f"C{rng.randrange(number + 5)}" if rng.random() < 0.3 else None,
                "chain_id": rng.choice(incidents) if rng.random() < 0.5 else None,
                "caller_pseudonym": f"p{rng.randrange(40)}",
                "is_test": rng.random() < 0.05,
                "has_timing_warning": rng.random() < 0.05,
                "has_order_warning": rng.random() < 0.05,
                "has_missing_warning": rng.random() < 0.05,
            }
        )
    for version in versions:
        version["source_system"] = versions[0]["source_system"]
    return versions


def twin(rng: Chance, number: int, call: Row) -> Row:
    """The other platform's row of the same call, up to four seconds apart."""
    other = "LIFEX" if call["source_system"] == "ICCS" else "ICCS"
    shift = seconds(rng.choice((-3.001, -3, -1.2, 0, 0.4, 3, 4)))
    return {
        **call,
        "source_system": other,
        "source_id": f"T{number}",
        "deleted": False,
        "revision": 1,
        "ring_start_at": call["ring_start_at"] + shift,
    }


def ring_again(rng: Chance, number: int, call: Row) -> Row:
    """The same caller again, within fifteen minutes or just after."""
    ring = call["ring_start_at"] + seconds(rng.choice((0, 1, 60, 600, 900, 900.001)))
    return {
        **call,
        "source_id": f"G{number}",
        "deleted": False,
        "revision": 1,
        "chain_id": None,
        "parent_call_id": None,
        "ring_start_at": ring,
        "menu_end_at": None,
        "answered_at": ring + seconds(9),
        "ended_at": ring + seconds(60),
        "outcome": "ANSWERED",
    }


def call_before(rng: Chance, number: int, alarm: Row) -> Row:
    """A call without any identifier, answered a little before an alarm was received."""
    answered = (alarm["received_at"] or alarm["alerted_at"]) - seconds(rng.uniform(0, 95))
    return {
        "source_id": f"B{number}",
        "central_id": alarm["central_id"],
        "ring_start_at": answered - seconds(4),
        "answered_at": answered,
        "ended_at": answered + seconds(100),
        "municipality_basis": rng.choice(("CALLER_LOC", "CATCHMENT")),
        "municipality_code": rng.choice(MUNICIPALITIES),
    }


def passed_on(rng: Chance, number: int) -> list[Row]:
    """A call transferred to a central, where another rings, perhaps with nothing that says so."""
    ring = moment(rng)
    transfer = ring + seconds(40)
    first = {
        "source_id": f"P{number}",
        "service_line": "116117",
        "central_id": "lvs_0301",
        "ring_start_at": ring,
        "answered_at": ring + seconds(5),
        "ended_at": ring + seconds(90),
        "transferred_to": "amk_tromso",
        "transfer_at": transfer,
    }
    then = {
        "source_id": f"Q{number}",
        "central_id": "amk_tromso",
        "ring_start_at": transfer + seconds(rng.uniform(-3, 12)),
        "answered_at": transfer + seconds(14),
        "ended_at": transfer + seconds(80),
        "parent_call_id": f"P{number}" if rng.random() < 0.3 else None,
    }
    return [first, {**first, "revision": 2, "transfer_at": transfer + seconds(1)}, then]


def passed_unanswered(rng: Chance, number: int) -> list[Row]:
    """Calls that a central passed on before anyone answered, and what may continue them.

    The first may be corrected or have a twin, the second may be moved to another first, or there
    may be two; ids are of any system, so that what belongs together changes.
    """
    rows: list[Row] = []
    for first in range(number):
        ring = moment(rng)
        system = rng.choice(("ICCS", "LIFEX"))
        row = {
            "source_system": system,
            "source_id": f"U{first}",
            "service_line": rng.choice(("113", "116117", "116117", "LOCAL8")),
            "central_id": rng.choice(("lvs_0301", "lvs_1101", "unheard_of")),
            "home_central_id": rng.choice(("lvs_0301", None)),
            "ring_start_at": ring,
            "menu_end_at": ring + seconds(7) if rng.random() < 0.7 else None,
            "queue_enter_at": ring + seconds(8) if rng.random() < 0.7 else None,
            "ended_at": ring + seconds(300),
            "outcome": "TRANSFERRED_UNANSWERED",
            "transferred_to": "lvs_1101",
            "transfer_at": ring + seconds(300),
            "caller_pseudonym": f"u{first}",
            "has_timing_warning": rng.random() < 0.1,
        }
        rows.append(row)
        if rng.random() < 0.3:
            outcome = rng.choice(("ABANDONED", "TRANSFERRED_UNANSWERED"))
            deleted = rng.random() < 0.4
            rows.append({**row, "revision": 2, "outcome": outcome, "deleted": deleted})
        if rng.random() < 0.3:
            rows.append(twin(rng, 1000 + first, row))
    called = {row["source_id"]: row for row in rows}
    for then in range(2 * number):
        # Of any of these, or of the last that continues another; some before it or a day later.
        parent = called[rng.choice((f"U{rng.randrange(number)}", *list(called)[-3:]))]
        ring = parent["ring_start_at"] + seconds(rng.choice((-60, 40, 200, 9_000, 40_000, 90_000)))
        outcome = rng.choice(("ANSWERED", "ABANDONED", *("TRANSFERRED_UNANSWERED",) * 3))
        answered = outcome == "ANSWERED"
        row = {
            "source_system": rng.choice((*(parent["source_system"],) * 3, "ICCS", "LIFEX")),
            "source_id": f"W{then}",
            "service_line": rng.choice((*(parent["service_line"],) * 5, "113")),
            "central_id": "lvs_1101",
            "ring_start_at": ring,
            "answered_at": ring + seconds(9) if answered else None,
            "ended_at": ring + seconds(60),
            "outcome": outcome,
            "parent_call_id": parent["source_id"],
        }
        rows.append(row)
        if rng.random() < 0.3:
            rows.append({**row, "revision": 2, "parent_call_id": rng.choice(list(called))})
        called[row["source_id"]] = row
        if not answered:
            further = seconds(rng.choice((200, 40_000)))
            rows.append(
                {
                    **row,
                    "source_id": f"X{then}",
                    "parent_call_id": row["source_id"],
                    "ring_start_at": ring + further,
                    "ended_at": ring + further + seconds(60),
                    "outcome": rng.choice(("ABANDONED", "TRANSFERRED_UNANSWERED")),
                }
            )
    return rows


def alarm_versions(rng: Chance, number: int, incidents: list[str]) -> list[Row]:
    received = moment(rng)
    incident = rng.choice(incidents)
    versions = []
    for revision in range(1, rng.choice((1, 1, 2, 3)) + 1):
        if rng.random() < 0.3:
            received = moment(rng)
        if rng.random() < 0.2:
            incident = rng.choice(incidents)  # a unit moved to another incident
        alerted = received + seconds(rng.uniform(20, 200))
        cancelled = rng.random() < 0.15
        scene = alerted + seconds(rng.choice((300.0, 600.0, 719.0, 1400.0)))
        urgency = rng.choice(("RED", "RED", "YELLOW", "UNKNOWN"))
        versions.append(
            {
                "source_system": "AMIS",
                "source_id": f"A{number}",
                "revision": revision,
                "deleted": revision > 1 and rng.random() < 0.3,
                "incident_id": incident,
                "mission_id": f"M{number}",
                "unit_type": rng.choice(("CAR", "CAR", "BOAT", "HELI")),
                "central_id": rng.choice(CENTRALS_113),
                "urgency_first": urgency,
                "urgency_last": urgency if rng.random() < 0.9 else "GREEN",
                "mission_type": rng.choice(("ACUTE", "ACUTE", "ORDERED", "EXERCISE")),
                "scene_municipality_code": rng.choice(MUNICIPALITIES),
                "scene_urban": rng.choice((True, False, None, None)),
                "received_at": received if rng.random() < 0.9 else None,
                "alerted_at": alerted,
                "en_route_at": alerted + seconds(60) if rng.random() < 0.9 else None,
                "at_scene_at": scene if rng.random() < 0.9 and not cancelled else None,
                "departed_at": scene + seconds(700) if rng.random() < 0.8 else None,
                "at_destination_at": scene + seconds(rng.uniform(900, 3000)),
                "available_at": scene + seconds(3600) if rng.random() < 0.9 else None,
                "cancelled_at": alerted + seconds(30) if cancelled else None,
                "result": rng.choice(("CONVEYED", "CONVEYED", "LEFT", "NO_PATIENT", None)),
                "extract_at": received + timedelta(hours=rng.choice((20, 49))),
                "has_timing_warning": rng.random() < 0.05,
                "has_order_warning": rng.random() < 0.05,
                "has_missing_warning": rng.random() < 0.05,
            }
        )
    return versions


def video_versions(rng: Chance, number: int) -> list[Row]:
    versions = []
    for revision in range(1, rng.choice((1, 2)) + 1):
        sent = moment(rng)
        status = rng.choice(("CONNECTED", "CONNECTED", "NOT_OPENED"))
        versions.append(
            {
                "source_id": f"V{number}",
                "revision": revision,
                "deleted": revision > 1 and rng.random() < 0.2,
                "central_id": rng.choice(CENTRALS_113 + CENTRALS_116117),
                "link_sent_at": sent,
                "connected_at": sent + seconds(rng.uniform(5, 90))
                if status == "CONNECTED"
                else None,
                "ended_at": sent + seconds(300),
                "status": status,
            }
        )
    return versions


def request_versions(rng: Chance, number: int) -> list[Row]:
    versions = []
    for revision in range(1, rng.choice((1, 2)) + 1):
        base, vehicle = rng.choice(BASES)
        requested = moment(rng)
        outcome = rng.choice(("COMPLETED", "DECLINED", "ABORTED"))
        airborne = outcome != "DECLINED"
        versions.append(
            {
                "source_id": f"L{number}",
                "revision": revision,
                "deleted": revision > 1 and rng.random() < 0.2,
                "base_id": base,
                "resource_id": f"{base}_1",
                "vehicle": vehicle,
                "outcome": outcome,
                "reason": None if outcome == "COMPLETED" else rng.choice(("WEATHER", "CREW")),
                "requested_at": requested,
                "airborne_at": requested + seconds(rng.uniform(200, 1200)) if airborne else None,
                "at_scene_at": requested + seconds(1800) if outcome == "COMPLETED" else None,
                "left_scene_at": requested + seconds(2400) if outcome == "COMPLETED" else None,
                "landed_at": requested + seconds(number + 3000) if airborne else None,
                "mission_type": (None, "PRIMARY", "SECONDARY", "OTHER")[number % 4],
                "patients": (None, 0, 1, 2, 40)[number % 5],
                "warning_codes": "|LATREQ_PATIENTS_IMPLAUSIBLE|" if number % 5 == 4 else None,
                "_unmapped": "|patients|reason|" if number % 7 == 3 else None,
            }
        )
    return versions


def interval_versions(rng: Chance, number: int) -> list[Row]:
    base, vehicle = rng.choice(BASES)
    own = random.Random(number)
    versions = []
    for revision in range(1, rng.choice((1, 1, 2)) + 1):
        start = FIRST + timedelta(minutes=rng.randrange(rng.days * 96) * 15)
        state = rng.choice(("PLANNED", "PLANNED", "READY", "ON_MISSION", "OFF", "REDUCED"))
        hours = 12 if state == "PLANNED" else rng.choice((1, 6, 12, 60))
        versions.append(
            {
                "source_id": f"R{number:04d}",
                "revision": revision,
                "deleted": revision > 1 and rng.random() < 0.3,
                "base_id": base,
                "resource_id": f"{base}_1",
                "vehicle": vehicle,
                "state": state,
                "reason": own.choice(("WEATHER", "TECHNICAL", None)),
                "attribution": rng.choice(("OPERATOR", "WEATHER", "HEALTH_TRUST")),
                "start_at": start,
                "end_at": start + timedelta(hours=hours),
            }
        )
    return versions


def make_world(seed: int, batch_count: int = 6, scale: int = 1, days: int = DAYS) -> World:
    """Versions of every contract, spread over batches at random."""
    rng = Chance(seed)
    rng.days = days
    incidents = [f"I{n}" for n in range(60 * scale)]
    unnamed = [f"J{n}" for n in range(20 * scale)]  # no call names these
    versions: dict[str, list[Row]] = {
        "call": [v for n in range(250 * scale) for v in call_versions(rng, n, incidents)],
        "alarm": [
            v for n in range(120 * scale) for v in alarm_versions(rng, n, incidents + unnamed)
        ],
        "video_session": [v for n in range(40 * scale) for v in video_versions(rng, n)],
        "lat_request": [v for n in range(40 * scale) for v in request_versions(rng, n)],
        "lat_readiness": [v for n in range(90 * scale) for v in interval_versions(rng, n)],
    }
    originals = [row for row in versions["call"] if row["revision"] == 1]
    versions["call"] += [
        twin(rng, n, row) for n, row in enumerate(rng.sample(originals, 80 * scale))
    ]
    unanswered = [row for row in versions["call"] if row["answered_at"] is None]
    versions["call"] += [
        ring_again(rng, n, row) for n, row in enumerate(rng.sample(unanswered, 25 * scale))
    ]
    alarms = rng.sample(versions["alarm"], 60 * scale)
    versions["call"] += [call_before(rng, n, alarm) for n, alarm in enumerate(alarms)]
    versions["call"] += [row for n in range(20 * scale) for row in passed_on(rng, n)]
    nearest = {"0301": "heli_al", "5401": "heli_tromso", "9999": "heli_al"}
    # Some requests name the helicopter's alarm, most are only near it in time.
    versions["lat_request"] += [
        {
            **request_versions(rng, n)[0],
            "source_id": f"H{n}",
            "base_id": nearest[alarm["scene_municipality_code"]],
            "vehicle": "HELI",
            "requested_at": alarm["alerted_at"] + seconds(rng.uniform(-130, 130)),
            "alarm_source_id": alarm["source_id"] if rng.random() < 0.3 else None,
        }
        for n, alarm in enumerate(versions["alarm"])
        if alarm["unit_type"] == "HELI" and alarm["scene_municipality_code"] in nearest
    ]
    others = Chance(seed)
    others.days = days
    versions["call"] += passed_unanswered(others, 20 * scale)
    batches: dict[str, dict[str, list[Row]]] = {}
    for contract, rows in versions.items():
        batches[contract] = {f"{contract}_{n}": [] for n in range(batch_count)}
        for row in rows:
            batches[contract][f"{contract}_{rng.randrange(batch_count)}"].append(row)
    return World(batches)
