"""Incidents and the missions of the units sent to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ingestion.synthetic.calls import ANSWERED, INBOUND, L113
from ingestion.synthetic.chance import GroupedPick, Rng, lognormal_ms, pick, stream, uniform_ms
from ingestion.synthetic.clock import (
    MINUTE,
    SECOND,
    Bools,
    Floats,
    Ints,
    extract_ms,
    local_day,
)
from ingestion.synthetic.reference import RHF_SOURCE, Reference
from ingestion.synthetic.rhythm import EMERGENCY, OFFICE, Rhythm, expected, moments
from ingestion.synthetic.tables import NOBODY, NONE, Table, height, stack, take

SOURCES = tuple(RHF_SOURCE.values())
NORD, MIDT, VEST, SOROST = range(4)
MISSION_TYPES = ("ACUTE", "ORDERED", "TRANSFER", "STANDBY_MOVE", "EXERCISE")
ACUTE, ORDERED, TRANSFER, STANDBY_MOVE, EXERCISE = range(5)
URGENCIES = ("RED", "YELLOW", "GREEN", "UNKNOWN")
RED, YELLOW, GREEN, UNKNOWN = range(4)
UNIT_TYPES = ("CAR", "BOAT", "HELI", "PLANE", "SAR", "RRV", "DOCTOR", "FIRST_RESPONDER")
CAR, BOAT, HELI, PLANE, SAR, RRV, DOCTOR, FIRST_RESPONDER = range(8)
CANCEL_REASONS = ("NOT_NEEDED", "OTHER_UNIT", "INVALID_ORDER", "WEATHER", "OTHER")
RESULTS = ("CONVEYED", "LEFT", "CANCELLED", "NO_PATIENT")
CONVEYED, LEFT, CANCELLED, NO_PATIENT = range(4)
QUALITIES = ("SYSTEM", "MANUAL", "IMPUTED")
STAMPS = (
    "received",
    "alerted",
    "acknowledged",
    "en_route",
    "at_scene",
    "at_patient",
    "departed",
    "at_destination",
    "handover",
    "available",
    "cancelled",
)

# Share of the missions with stamps filled in by hand, by source.
_BY_HAND = np.array([0.06, 0.02, 0.09, 0.02])

# Scenes inside a settlement, by whether the municipality has a large one, and those nobody classed.
_URBAN_SCENES, _URBAN_SCENES_ELSEWHERE, _UNCLASSED_SCENES = 0.85, 0.05, 0.04

_CALL_SHARE = 0.30
_TRANSFERRED_CALL_SHARE = 0.85
_OSLO = "0301"


@dataclass(frozen=True)
class Kind:
    """Incidents that do not come from a call in the extracts."""

    mission_type: int
    yearly: float
    rhythm: Rhythm
    urgency: tuple[float, float, float, float]


KINDS = (
    Kind(ACUTE, 38_000, EMERGENCY, (0.40, 0.43, 0.15, 0.02)),
    Kind(ORDERED, 84_000, OFFICE, (0.03, 0.20, 0.75, 0.02)),
    Kind(TRANSFER, 73_000, OFFICE, (0.10, 0.33, 0.56, 0.01)),
    Kind(STANDBY_MOVE, 20_000, EMERGENCY, (0.02, 0.13, 0.80, 0.05)),
    Kind(EXERCISE, 8_000, OFFICE, (0.45, 0.25, 0.25, 0.05)),
)
_FROM_CALL_URGENCY = (0.45, 0.40, 0.13, 0.02)

# Minutes from wheels rolling to the scene in a red incident, by centrality class 1 to 6.
_TRAVEL = np.array([0.0, 4.6, 5.0, 5.7, 7.2, 9.2, 11.6])
_TRAVEL_SPREAD = np.array([0.0, 0.42, 0.45, 0.5, 0.56, 0.6, 0.63])
_TO_HOSPITAL = np.array([0.0, 13.0, 15.0, 20.0, 28.0, 38.0, 50.0])


def make_incidents(
    ref: Reference, calls: Table, days: range, last_day: int, scale: float, seed: int
) -> Table:
    """Incidents by time; `call` is the row of the call that raised them, if any."""
    rng = stream(seed, "incidents", days.start)
    parts = [_from_calls(rng, ref, calls, last_day)]
    parts.extend(_without_call(rng, ref, kind, days, scale) for kind in KINDS)
    every_day = stack(parts)
    table = stack([every_day, _fill_days(rng, ref, every_day, days)])
    return take(table, np.argsort(table["received"], kind="stable"))


def _from_calls(rng: Rng, ref: Reference, calls: Table, last_day: int) -> Table:
    fit = (
        (calls["line"] == L113)
        & (calls["direction"] == INBOUND)
        & (calls["outcome"] == ANSWERED)
        & ~calls["is_test"]
        & ~calls["is_sms"]
        & (calls["to"] < 0)
    )
    transferred = calls["parent"] >= 0
    share = np.where(transferred, _TRANSFERRED_CALL_SHARE, _CALL_SHARE)
    raises = fit & (rng.random(height(calls)) < share)
    # A second caller about the same emergency does not raise another incident.
    first = calls["same_event"]
    raises &= ~((first >= 0) & raises[first])
    rows = np.flatnonzero(raises)
    received = calls["answered"][rows] + uniform_ms(rng, 12, 75, len(rows))
    rows, received = (values[local_day(received) <= last_day] for values in (rows, received))
    central = calls["central"][rows]
    known = (calls["basis"][rows] == 0) & (calls["municipality"][rows] >= 0)
    municipality = np.where(known, calls["municipality"][rows], _scene(rng, ref, central))
    urgency = pick(rng, list(_FROM_CALL_URGENCY), len(rows))
    urgency = np.where((calls["parent"][rows] >= 0) & (urgency > YELLOW), RED, urgency)
    return _incidents(received, central, municipality, ACUTE, urgency, rows)


def _incidents(
    received: Ints,
    central: Ints,
    municipality: Ints,
    mission_type: int,
    urgency: Ints,
    call: Ints | None = None,
) -> Table:
    size = len(received)
    return {
        "received": received,
        "central": central,
        "municipality": municipality,
        "type": np.full(size, mission_type, dtype=np.int64),
        "urgency": urgency,
        "call": np.full(size, NOBODY, dtype=np.int64) if call is None else call,
    }


def _scene(rng: Rng, ref: Reference, central: Ints) -> Ints:
    """A scene in the area of the AMK; smaller places have a little more than their share."""
    weights = ref.population**0.97
    return GroupedPick(ref.municipality_amk, weights, len(ref.centrals))(rng, central)


def _without_call(rng: Rng, ref: Reference, kind: Kind, days: range, scale: float) -> Table:
    weights = ref.weights(amk=True)
    times = []
    for day in days:
        count = int(rng.poisson(expected(kind.rhythm, day, kind.yearly * scale)))
        times.append(moments(rng, kind.rhythm, day, count))
    received = np.concatenate(times)
    central = pick(rng, weights, len(received))
    municipality = _scene(rng, ref, central)
    if kind.mission_type == TRANSFER:
        # Patients flown home from the capital: a scene far outside the area of the central.
        north = np.array([rhf == "nord" for rhf in ref.central_rhf])[central]
        municipality[north & (rng.random(len(central)) < 0.06)] = ref.municipalities.index(_OSLO)
    urgency = pick(rng, list(kind.urgency), len(received))
    return _incidents(received, central, municipality, kind.mission_type, urgency)


def source_of(ref: Reference, central: Ints) -> Ints:
    """Which extract the missions of a central are in."""
    order = list(RHF_SOURCE)
    return np.array([order.index(rhf) for rhf in ref.central_rhf], dtype=np.int64)[central]


def _fill_days(rng: Rng, ref: Reference, table: Table, days: range) -> Table:
    """No regional extract is empty on any day, however small the scale."""
    have = set(
        zip(local_day(table["received"]).tolist(), source_of(ref, table["central"]), strict=True)
    )
    missing = [(d, s) for d in days for s in range(len(SOURCES)) if (d, s) not in have]
    centrals = {
        source: np.flatnonzero(ref.is_amk & (source_of(ref, np.arange(len(ref.is_amk))) == source))
        for source in range(len(SOURCES))
    }
    received = np.array(
        [int(moments(rng, EMERGENCY, day, 1)[0]) for day, _ in missing], dtype=np.int64
    )
    central = np.array([int(rng.choice(centrals[source])) for _, source in missing], dtype=np.int64)
    urgency = pick(rng, [0.4, 0.4, 0.2, 0.0], len(missing))
    return _incidents(received, central, _scene(rng, ref, central), ACUTE, urgency)


def make_missions(ref: Reference, incidents: Table, days: range, seed: int) -> Table:
    """One row per unit sent, by incident and order of alert; `incident` is the row above."""
    rng = stream(seed, "missions", days.start)
    count = height(incidents)
    acute = incidents["type"] == ACUTE
    red = incidents["urgency"] == RED
    extra = np.where(
        acute,
        rng.poisson(np.where(red, 0.78, 0.12), count),
        (rng.random(count) < 0.03).astype(np.int64),
    )
    units = 1 + np.minimum(extra, 5)
    incident = np.repeat(np.arange(count), units)
    rank = np.arange(len(incident)) - np.repeat(np.cumsum(units) - units, units)
    size = len(incident)
    wide = take(incidents, incident)
    source = source_of(ref, wide["central"])
    unit_type = _unit_types(rng, wide, rank, source)
    first, last = _urgencies(rng, incidents, incident)
    table: Table = {
        "incident": incident,
        "rank": rank,
        "source": source,
        "central": wide["central"],
        "municipality": wide["municipality"],
        "urban": _scene_urban(ref, incidents, days, seed)[incident],
        "type": wide["type"],
        "unit_type": unit_type,
        "unit_number": 1 + rng.integers(0, 4, size),
        "urgency_first": first,
        "urgency_last": last,
        "quality": _qualities(rng, source),
    }
    table |= _stamps(rng, ref, wide, rank, unit_type, last)
    _fit_into_extract(table)
    whole = source == VEST
    for name in STAMPS:
        values = table[name]
        # The western extract carries whole seconds, and so does the truth about it.
        table[name] = np.where(whole & (values != NONE), values - values % SECOND, values)
    _round_by_hand(table)
    return table


def _scene_urban(ref: Reference, incidents: Table, days: range, seed: int) -> Ints:
    """Whether the scene of an incident is urban, which the western extract alone tells."""
    rng = stream(seed, "urban scenes", days.start)
    count = height(incidents)
    share = np.where(
        ref.is_urban[incidents["municipality"]], _URBAN_SCENES, _URBAN_SCENES_ELSEWHERE
    )
    urban = (rng.random(count) < share).astype(np.int64)
    told = (source_of(ref, incidents["central"]) == VEST) & (rng.random(count) >= _UNCLASSED_SCENES)
    return np.where(told, urban, NOBODY)


def _qualities(rng: Rng, source: Ints) -> Ints:
    """Where the stamps come from: in some regions the crews often fill them in afterwards."""
    by_hand = _BY_HAND[source]
    drawn = rng.random(len(source))
    return np.where(drawn < by_hand, 1, np.where(drawn < by_hand + 0.01, 2, 0))


def _round_by_hand(table: Table) -> None:
    """Stamps filled in by hand are whole minutes, rounded up, which keeps their order."""
    by_hand = table["quality"] == 1
    rounded = {}
    for name in STAMPS[STAMPS.index("en_route") : STAMPS.index("cancelled")]:
        values = table[name]
        rounded[name] = np.where(values == NONE, NONE, -(-values // MINUTE) * MINUTE)
    # Arriving and being free again in the same minute would look like one press of a button.
    by_hand &= rounded["at_scene"] != rounded["available"]
    for name, values in rounded.items():
        table[name] = np.where(by_hand, values, table[name])


def _unit_types(rng: Rng, wide: Table, rank: Ints, source: Ints) -> Ints:
    size = len(rank)
    coast = (source == NORD) | (source == VEST)
    first = np.where(
        coast, pick(rng, [94, 3, 0, 0, 0, 3], size), pick(rng, [97, 0, 0, 0, 0, 3], size)
    )
    more = pick(rng, [55, 1, 6.4, 0.3, 1.3, 14, 8, 14], size)
    carried = np.where(
        source == NORD,
        pick(rng, [84, 2, 2, 12], size),
        pick(rng, [97, 0, 1, 2], size),
    )
    chosen = np.where(rank == 0, first, more)
    chosen = np.where(wide["type"] == TRANSFER, carried, chosen)
    return np.where(np.isin(wide["type"], (ORDERED, STANDBY_MOVE)), CAR, chosen)


def _urgencies(rng: Rng, incidents: Table, incident: Ints) -> tuple[Ints, Ints]:
    """First and last urgency: some incidents are upgraded or downgraded while they last."""
    count = height(incidents)
    last = incidents["urgency"]
    changed = (incidents["type"] == ACUTE) & (last < UNKNOWN) & (rng.random(count) < 0.09)
    other = (last + np.where(rng.random(count) < 0.7, 1, 2)) % 3
    first = np.where(changed, other, last)
    return first[incident], last[incident]


def _stamps(
    rng: Rng, ref: Reference, wide: Table, rank: Ints, unit_type: Ints, urgency: Ints
) -> Table:
    size = len(rank)
    acute = wide["type"] == ACUTE
    red = urgency == RED
    planned = np.isin(wide["type"], (ORDERED, TRANSFER))
    centrality = ref.centrality[wide["municipality"]]
    received = wide["received"]

    dispatch = lognormal_ms(rng, np.where(red, 96.0, np.where(planned, 600.0, 190.0)), 0.62, size)
    dispatch = np.clip(dispatch, 5 * SECOND, 50 * MINUTE)
    later = np.where(rank > 0, lognormal_ms(rng, 150.0, 0.9, size), 0)
    alerted = received + dispatch + np.minimum(later * np.minimum(rank, 2), 15 * MINUTE)
    acknowledged = alerted + uniform_ms(rng, 3, 35, size)
    turnout = lognormal_ms(rng, np.where(red, 62.0, 110.0), 0.55, size)
    turnout = np.where(unit_type == HELI, turnout + uniform_ms(rng, 120, 420, size), turnout)
    en_route = acknowledged + np.clip(turnout, 4 * SECOND, 14 * MINUTE)
    travel = np.exp(rng.standard_normal(size) * _TRAVEL_SPREAD[centrality]) * (
        _TRAVEL[centrality] * np.where(red, 1.0, 1.45) * np.where(rank > 0, 1.25, 1.0)
    )
    at_scene = en_route + np.rint(np.clip(travel, 0.6, 70) * MINUTE).astype(np.int64)
    at_patient = at_scene + uniform_ms(rng, 20, 240, size)
    scene = np.clip(lognormal_ms(rng, 14.5 * 60, 0.5, size), 5 * MINUTE, 55 * MINUTE)
    leave = at_scene + scene
    conveying = np.exp(rng.standard_normal(size) * 0.4) * _TO_HOSPITAL[centrality]
    at_destination = leave + np.rint(np.clip(conveying, 2, 90) * MINUTE).astype(np.int64)
    handover = at_destination + uniform_ms(rng, 180, 900, size)
    free_after = handover + np.clip(lognormal_ms(rng, 9 * 60, 0.6, size), MINUTE, 40 * MINUTE)
    free_at_scene = leave + uniform_ms(rng, 30, 300, size)

    result = pick(rng, [0.70, 0.25, 0.0, 0.05], size)
    result = np.where((rank > 0) & (result == CONVEYED) & (unit_type > SAR), LEFT, result)
    result = np.where(planned, CONVEYED, result)
    no_patient = np.isin(wide["type"], (STANDBY_MOVE, EXERCISE))
    cancelled, call_off = _cancellations(rng, acute, rank, alerted, en_route, at_scene)
    conveyed = (result == CONVEYED) & ~no_patient & ~cancelled
    reached = ~cancelled | (call_off >= at_scene)
    rolling = ~cancelled | (call_off >= en_route)
    seen = rng.random(size) < 0.62
    stamps: Table = {
        "received": received,
        "alerted": alerted,
        "acknowledged": np.where(~cancelled | (call_off >= acknowledged), acknowledged, NONE),
        "en_route": np.where(rolling, en_route, NONE),
        "at_scene": np.where(reached, at_scene, NONE),
        "at_patient": np.where(seen & ~cancelled & ~no_patient, at_patient, NONE),
        "departed": np.where(conveyed, leave, NONE),
        "at_destination": np.where(conveyed, at_destination, NONE),
        "handover": np.where(conveyed & (rng.random(size) < 0.9), handover, NONE),
        "available": np.where(conveyed, free_after, free_at_scene),
        "cancelled": np.where(cancelled, call_off, NONE),
    }
    stamps["available"] = np.where(
        cancelled, call_off + uniform_ms(rng, 10, 400, size), stamps["available"]
    )
    reason = pick(rng, [0.45, 0.35, 0.06, 0.04, 0.10], size)
    stamps["cancel_reason"] = np.where(cancelled, reason, NOBODY)
    stamps["result"] = np.where(cancelled, CANCELLED, np.where(no_patient, NOBODY, result))
    return stamps


def _cancellations(
    rng: Rng, acute: Bools, rank: Ints, alerted: Ints, en_route: Ints, at_scene: Ints
) -> tuple[Bools, Ints]:
    """Who is called off, and when: before leaving, on the way, now and then at the scene."""
    size = len(rank)
    chance: Floats = np.where(rank > 0, 0.20, np.where(acute, 0.055, 0.03))
    cancelled = rng.random(size) < chance
    place = rng.random(size)
    fraction = 0.1 + 0.85 * rng.random(size)
    before = alerted + ((en_route - alerted) * fraction).astype(np.int64)
    under_way = en_route + ((at_scene - en_route) * fraction).astype(np.int64)
    at_place = at_scene + uniform_ms(rng, 60, 400, size)
    moment = np.where(place < 0.35, before, np.where(place < 0.97, under_way, at_place))
    return cancelled, moment


def _fit_into_extract(table: Table) -> None:
    """Every mission is over when the extract of its day is taken: long night missions shrink."""
    received = table["received"]
    limit = extract_ms(local_day(received)) - 5 * MINUTE
    last = received.copy()
    for name in STAMPS:
        last = np.maximum(last, table[name])
    long = last > limit
    if not long.any():
        return
    factor = (limit[long] - received[long]) / (last[long] - received[long])
    for name in STAMPS:
        values = table[name][long]
        offset = np.floor((values - received[long]) * factor).astype(np.int64)
        table[name][long] = np.where(values == NONE, NONE, received[long] + offset)
