"""Air ambulance: requests to the bases, and the readiness of every resource."""

from __future__ import annotations

import numpy as np

from ingestion.synthetic.alarms import EXERCISE, HELI, PLANE, RED
from ingestion.synthetic.chance import Rng, lognormal_ms, pick, stream
from ingestion.synthetic.clock import (
    HOUR,
    MINUTE,
    SECOND,
    Ints,
    clock_changes,
    date_of,
    local_day,
    local_ms,
)
from ingestion.synthetic.reference import CAR_KIND, Reference
from ingestion.synthetic.rhythm import EMERGENCY, expected, moments
from ingestion.synthetic.tables import NOBODY, NONE, Table, height, stack, take

REQUEST_SOURCE = "lat_requests"
READINESS_SOURCE = "lat_readiness"
VEHICLES = ("HELI", "PLANE", "CAR")
OUTCOMES = ("COMPLETED", "DECLINED", "ABORTED")
COMPLETED, DECLINED, ABORTED = range(3)
REASONS = (
    "WEATHER",
    "CONCURRENCY",
    "TECHNICAL",
    "CREW",
    "DUTY_TIME",
    "NOT_INDICATED",
    "OTHER_RESOURCE",
    "LANDING_SITE",
    "OTHER",
    "UNKNOWN",
)
MISSION_TYPES = ("PRIMARY", "SECONDARY", "SEARCH_RESCUE", "OTHER")
# Take-off and landing of each leg, in order.
FLIGHT = ("airborne", "at_scene", "left_scene", "at_destination", "left_destination", "landed")
STATES = ("PLANNED", "READY", "ON_MISSION", "REDUCED", "OFF")
PLANNED, READY, ON_MISSION, REDUCED, OFF = range(5)
ATTRIBUTIONS = ("OPERATOR", "HEALTH_TRUST", "WEATHER", "AUTHORITY", "PLANNED")

_UNLINKED_YEARLY = 9_000
# Local hours at which readiness intervals begin: shifts change at 8 and 20, and the night is
# reported in two parts so that each is over, or nearly so, when its extract is taken.
_SHIFTS = ((1, 8), (8, 20), (20, 25))
_DAY_PLANES = {"plane_alta_2", "plane_gardermoen_2", "plane_tromso_2"}


def make_requests(
    ref: Reference, missions: Table, days: range, last_day: int, scale: float, seed: int
) -> Table:
    """Requests by time; `mission` is the row of the mission, if there is one."""
    rng = stream(seed, "requests", days.start)
    in_the_air = np.isin(missions["unit_type"], (HELI, PLANE))
    flown = np.flatnonzero(in_the_air & (missions["type"] != EXERCISE))
    times: list[Ints] = []
    busy = set(local_day(missions["alerted"][flown]).tolist())
    for day in days:
        count = int(rng.poisson(expected(EMERGENCY, day, _UNLINKED_YEARLY * scale)))
        # The extract is not empty on any day, however small the scale.
        times.append(moments(rng, EMERGENCY, day, count if day in busy else max(1, count)))
    loose = np.concatenate(times)
    place = pick(rng, ref.population**0.8, len(loose))
    table = stack(
        [
            _requests(
                rng,
                ref,
                requested=missions["alerted"][flown],
                municipality=missions["municipality"][flown],
                vehicle=np.where(missions["unit_type"][flown] == HELI, 0, 1),
                urgency=missions["urgency_last"][flown],
                mission=flown,
                outcome=np.where(
                    missions["cancelled"][flown] != NONE,
                    ABORTED,
                    pick(rng, [0.93, 0.0, 0.07], len(flown)),
                ),
            ),
            _requests(
                rng,
                ref,
                requested=loose,
                municipality=place,
                vehicle=pick(rng, [0.55, 0.27, 0.18], len(loose)),
                urgency=pick(rng, [0.55, 0.27, 0.16, 0.02], len(loose)),
                mission=np.full(len(loose), NOBODY, dtype=np.int64),
                outcome=pick(rng, [0.30, 0.60, 0.10], len(loose)),
            ),
        ]
    )
    table = take(table, np.argsort(table["requested"], kind="stable"))
    table |= _missions(stream(seed, "flights", days.start), table)
    return take(table, local_day(table["requested"]) <= last_day)


def _missions(rng: Rng, table: Table) -> Table:
    """What the missions were: type, patients, and the legs after the first; a car does not fly."""
    size, vehicle = height(table), table["vehicle"]
    kind = np.where(
        vehicle == 1,
        pick(rng, [25, 71, 1, 3], size),
        np.where(vehicle == 2, pick(rng, [95, 3, 1, 1], size), pick(rng, [76, 15, 6, 3], size)),
    )
    patients = np.where(
        vehicle == 1, pick(rng, [2, 80, 15, 3], size), pick(rng, [9, 84, 6, 1], size)
    )
    done = table["outcome"] == COMPLETED
    flies = (vehicle != 2) & (table["outcome"] != DECLINED)
    delivers = done & flies & (rng.random(size) < np.where(vehicle == 1, 0.95, 0.7))

    def after(earlier: Ints, mean: float, longest: int) -> Ints:
        """Minutes later, and home before the extract of the day is taken."""
        return earlier + np.clip(
            lognormal_ms(rng, mean * 60, 0.4, size), 3 * MINUTE, longest * MINUTE
        )

    left_scene = after(table["at_scene"], 19.0, 40)
    at_destination = after(left_scene, 16.0, 30)
    left_destination = after(at_destination, 14.0, 30)
    back = np.where(delivers, left_destination, left_scene)
    landed = after(np.where(done, back, table["airborne"]), 15.0, 30)
    return {
        "type": kind,
        "patients": np.where(done, patients, NOBODY),
        "left_scene": np.where(done & flies, left_scene, NONE),
        "at_destination": np.where(delivers, at_destination, NONE),
        "left_destination": np.where(delivers, left_destination, NONE),
        "landed": np.where(flies, landed, NONE),
    }


def _requests(
    rng: Rng,
    ref: Reference,
    *,
    requested: Ints,
    municipality: Ints,
    vehicle: Ints,
    urgency: Ints,
    mission: Ints,
    outcome: Ints,
) -> Table:
    size = len(requested)
    resource = _nearest(rng, ref, municipality, vehicle)
    hour = ((requested + HOUR) // HOUR) % 24
    night = (hour < 7) | (hour >= 22)
    minutes = np.where(vehicle == 1, 32.0, np.where(vehicle == 2, 3.0, 5.4)) + 5.0 * night
    minutes = minutes * np.where(urgency == RED, 1.0, 1.35)
    airborne = requested + np.clip(
        lognormal_ms(rng, minutes * 60, 0.35, size), 40 * SECOND, 90 * MINUTE
    )
    arrival = airborne + np.clip(lognormal_ms(rng, 16 * 60.0, 0.45, size), 2 * MINUTE, HOUR)
    season = np.isin(_months(requested), (11, 12, 1, 2))
    weather = np.where(season, 0.44, 0.26)
    other = pick(rng, [0, 22, 8, 5, 9, 22, 20, 4, 7, 3], size)
    reason = np.where(rng.random(size) < weather, 0, other)
    return {
        "requested": requested,
        "resource": resource,
        "vehicle": vehicle,
        "urgency": urgency,
        "mission": mission,
        "outcome": outcome,
        "reason": np.where(outcome == COMPLETED, NOBODY, reason),
        "airborne": np.where(outcome == DECLINED, NONE, airborne),
        "at_scene": np.where(outcome == COMPLETED, arrival, NONE),
    }


def _months(utc: Ints) -> Ints:
    return utc.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64) % 12 + 1


def _nearest(rng: Rng, ref: Reference, municipality: Ints, vehicle: Ints) -> Ints:
    """The resource that is asked: at the nearest base of its kind, now and then the next one."""
    chosen = np.zeros(len(municipality), dtype=np.int64)
    second = rng.random(len(municipality)) < 0.12
    draw = rng.random(len(municipality))
    for code, kind in enumerate(VEHICLES):
        base_kind = "PLANE" if kind == "PLANE" else "HELI"
        bases = [i for i, have in enumerate(ref.base_kind) if have == base_kind]
        north = ref.base_latitude[bases][None, :] - ref.latitude[:, None]
        east = (ref.base_longitude[bases][None, :] - ref.longitude[:, None]) * 0.45
        ranked = np.argsort(north**2 + east**2, axis=1)
        rows = vehicle == code
        base = np.array(bases)[ranked[municipality[rows], second[rows].astype(int)]]
        owned = [
            [
                number
                for number, resource in enumerate(ref.resources)
                if resource.base_id == name and resource.vehicle == kind
            ]
            for name in ref.bases
        ]
        counts = np.array([len(numbers) for numbers in owned])[base]
        firsts = np.array([numbers[0] if numbers else 0 for numbers in owned])[base]
        chosen[rows] = firsts + np.floor(draw[rows] * counts).astype(np.int64)
    return chosen


def make_readiness(ref: Reference, days: range, last_day: int, seed: int) -> Table:
    """Planned readiness and actual states of every resource, by start."""
    rng = stream(seed, "readiness", days.start)
    count = len(ref.resources)
    starts, ends = [], []
    for day in days:
        date, following = date_of(day), date_of(day + 1)
        for begin, finish in _SHIFTS:
            starts.append(local_ms(date, begin))
            close = local_ms(following, finish - 24) if finish > 24 else local_ms(date, finish)
            # Nothing is reported beyond the last day.
            ends.append(min(close, local_ms(date_of(last_day + 1))))
    start = np.repeat(np.array(starts, dtype=np.int64), count)
    end = np.repeat(np.array(ends, dtype=np.int64), count)
    night = np.repeat(np.tile([True, False, True], len(days)), count)
    resource = np.tile(np.arange(count), len(starts))
    by_day_only = np.array([r.resource_id in _DAY_PLANES for r in ref.resources])
    on = ~(night & by_day_only[resource])
    start, end, resource = start[on], end[on], resource[on]
    planned = _intervals(start, end, resource, np.full(len(start), PLANNED, dtype=np.int64))
    table = stack([planned, *_actual(rng, ref, start, end, resource)])
    return take(table, np.lexsort((table["state"], table["resource"], table["start"])))


def _intervals(start: Ints, end: Ints, resource: Ints, state: Ints) -> Table:
    size = len(start)
    nothing = np.full(size, NOBODY, dtype=np.int64)
    return {
        "start": start,
        "end": end,
        "resource": resource,
        "state": state,
        "reason": nothing.copy(),
        "attribution": nothing.copy(),
    }


def _actual(rng: Rng, ref: Reference, start: Ints, end: Ints, resource: Ints) -> list[Table]:
    """Each shift is one state, or ready with one other state in the middle."""
    size = len(start)
    length = (end - start) // MINUTE
    car = np.array([r.vehicle == CAR_KIND for r in ref.resources])[resource]
    middle = np.where(
        car,
        pick(rng, [0.74, 0.16, 0.05, 0.05], size),
        pick(rng, [0.47, 0.34, 0.08, 0.11], size),
    )
    calm = _near_clock_change(start, end) | (length < 60)
    middle = np.where(calm, 0, middle)
    lasting = np.where(middle == 1, rng.integers(25, 170, size), rng.integers(20, 400, size))
    lasting = np.minimum(lasting, length - 30)
    begin = 10 + np.floor(rng.random(size) * np.maximum(1, length - lasting - 20)).astype(np.int64)
    first = start + begin * MINUTE
    second = first + lasting * MINUTE
    gap = (middle == 0) & ~calm & (rng.random(size) < 0.012)
    split = middle > 0
    whole = ~split & ~gap
    # Now and then nobody reports what happened in the middle of the shift.
    parts = [
        _intervals(start[whole], end[whole], resource[whole], _same(READY, whole)),
        _intervals(
            start[split | gap], first[split | gap], resource[split | gap], _same(READY, split | gap)
        ),
        _intervals(
            second[split | gap], end[split | gap], resource[split | gap], _same(READY, split | gap)
        ),
        _intervals(
            first[split],
            second[split],
            resource[split],
            np.array([READY, ON_MISSION, REDUCED, OFF])[middle[split]],
        ),
    ]
    odd = parts[-1]
    restricted = np.isin(odd["state"], (REDUCED, OFF))
    reason = pick(rng, [40, 0, 22, 14, 16, 0, 0, 0, 6, 2], height(odd))
    odd["reason"] = np.where(restricted, reason, NOBODY)
    owner = np.array([2, 4, 0, 0, 0, 4, 4, 4, 1, 1])[reason]
    owner = np.where(rng.random(height(odd)) < 0.05, 3, owner)
    odd["attribution"] = np.where(restricted, owner, NOBODY)
    return parts


def _same(state: int, rows: np.ndarray) -> Ints:
    return np.full(int(rows.sum()), state, dtype=np.int64)


def _near_clock_change(start: Ints, end: Ints) -> np.ndarray:
    """Shifts in which a change of state could fall on a doubled or missing wall-clock hour."""
    near = np.zeros(len(start), dtype=bool)
    if not len(start):
        return near
    day = 24 * HOUR
    first, last = date_of(int(start.min() // day)), date_of(int(end.max() // day))
    for year in range(first.year, last.year + 1):
        for change in clock_changes(year):
            near |= (start < change + 2 * HOUR) & (end > change - 2 * HOUR)
    return near
