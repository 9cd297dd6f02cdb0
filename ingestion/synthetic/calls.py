"""Telephone calls: who rings when, how long they wait, and what becomes of the call.

Volumes are the national ones at scale 1. Queues are always run at full national load and thinned
afterwards, so that waiting looks the same at every scale below one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ingestion.synthetic.chance import GroupedPick, Rng, lognormal_ms, pick, stream, uniform_ms
from ingestion.synthetic.clock import (
    MINUTE,
    SECOND,
    Bools,
    Floats,
    Ints,
    date_of,
    local_day,
    midnight,
)
from ingestion.synthetic.queueing import serve, staffing
from ingestion.synthetic.reference import Reference
from ingestion.synthetic.rhythm import (
    EMERGENCY,
    OFFICE,
    OUT_OF_HOURS,
    Rhythm,
    expected,
    is_free,
    moments,
)
from ingestion.synthetic.tables import NOBODY, NONE, Table, empty_stamps, height, stack, take

LINES = ("113", "116117", "LOCAL8", "ADMIN", "OTHER")
DIRECTIONS = ("INBOUND", "OUTBOUND", "INTERNAL")
OUTCOMES = ("ANSWERED", "ABANDONED", "TRANSFERRED_UNANSWERED", "TECHNICAL")
BASES = ("CALLER_LOC", "CATCHMENT", "UNKNOWN")
L113, L116117, LOCAL8, ADMIN, OTHER = range(5)
INBOUND, OUTBOUND, INTERNAL = range(3)
ANSWERED, ABANDONED, TRANSFERRED, TECHNICAL = range(4)

# Columns with the row of another call: the one passed on to it, the caller's unanswered call before
# it, and the first call about the same emergency.
REFERENCES = ("parent", "again", "same_event")

# Callers who ring again and again; kept apart so that nobody else looks like a repetition.
FREQUENT_CALLERS = 2000
CALLERS = 9_900_000


@dataclass(frozen=True)
class Flow:
    """One stream of calls."""

    name: str
    line: int
    direction: int
    yearly: float
    rhythm: Rhythm
    at_amk: bool
    at_lvs: bool


QUEUED = (
    Flow("emergency", L113, INBOUND, 735_000, EMERGENCY, True, False),
    Flow("out_of_hours", L116117, INBOUND, 3_170_000, OUT_OF_HOURS, False, True),
    Flow("local", LOCAL8, INBOUND, 560_000, OUT_OF_HOURS, False, True),
)
PLAIN = (
    Flow("administrative", ADMIN, INBOUND, 1_500_000, OFFICE, True, True),
    Flow("other", OTHER, INBOUND, 450_000, OFFICE, True, True),
    Flow("internal", ADMIN, INTERNAL, 1_400_000, EMERGENCY, True, True),
    Flow("outbound", OTHER, OUTBOUND, 3_105_000, EMERGENCY, True, True),
)

# Whoever hangs up in the queue often rings again: share, and seconds until then (113, 116117).
_REDIALS, _REDIAL_AFTER, _REDIAL_SPREAD = (0.6, 0.5), (25.0, 80.0), 1.3
_REDIAL_LIMIT = 28 * MINUTE
# Some emergencies have a second caller; and some callers hide their number.
_SECOND_CALLER, _HIDDEN_NUMBER = 0.12, 0.015
_SMS_113, _SMS_116117 = 0.0012, 0.0006

# Operators: mean seconds occupied per answered call, and the margin over the offered load.
_AMK_BUSY, _AMK_MARGIN, _AMK_LEAST = 230.0, 1.35, 2
_LVS_BUSY, _LVS_MARGIN, _LVS_LEAST = 430.0, 0.12, 1


def make_calls(ref: Reference, days: range, last_day: int, scale: float, seed: int) -> Table:
    """All calls that ring on the given local days, by time; references are row positions."""
    rng = stream(seed, "calls", days.start)
    queued = _queued_calls(rng, ref, days, scale)
    plain = [_plain_calls(rng, ref, flow, days, scale) for flow in PLAIN]
    own = stack([queued, *plain])
    children = _transfers(rng, ref, own, last_day)
    table = stack([own, *children])
    table = take(table, _order(table))
    _callers(rng, table)
    return table


def _order(table: Table) -> Ints:
    """Rows by time; rewrites references between rows to the new positions."""
    order = np.argsort(table["ring"], kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    for name in REFERENCES:
        rows = table[name]
        rows[rows >= 0] = place[rows[rows >= 0]]
    return order


def _arrivals(rng: Rng, flow: Flow, days: range, load: float, weights: Floats) -> tuple[Ints, Ints]:
    """Ring times and centrals of a stream."""
    times: list[Ints] = []
    centrals: list[Ints] = []
    for day in days:
        mean = expected(flow.rhythm, day, flow.yearly * load)
        count = int(rng.poisson(mean))
        times.append(moments(rng, flow.rhythm, day, count))
        centrals.append(pick(rng, weights, count))
    return np.concatenate(times), np.concatenate(centrals)


def _blank(ring: Ints, central: Ints, flow_line: Ints, direction: Ints) -> Table:
    size = len(ring)
    return {
        "ring": ring,
        "central": central,
        "home": central.copy(),
        "line": flow_line,
        "direction": direction,
        "menu": empty_stamps(size),
        "queue": empty_stamps(size),
        "answered": empty_stamps(size),
        "ended": empty_stamps(size),
        "outcome": np.full(size, ABANDONED, dtype=np.int64),
        "to": np.full(size, NOBODY, dtype=np.int64),
        "transfer": empty_stamps(size),
        "parent": np.full(size, NOBODY, dtype=np.int64),
        "again": np.full(size, NOBODY, dtype=np.int64),
        "same_event": np.full(size, NOBODY, dtype=np.int64),
        "caller": np.full(size, NOBODY, dtype=np.int64),
        "municipality": np.full(size, NOBODY, dtype=np.int64),
        "basis": np.full(size, 2, dtype=np.int64),
        "is_test": np.zeros(size, dtype=bool),
        "is_sms": np.zeros(size, dtype=bool),
    }


def _queued_calls(rng: Rng, ref: Reference, days: range, scale: float) -> Table:
    load = max(1.0, scale)
    weights = {True: ref.weights(amk=True), False: ref.weights(amk=False)}
    rings, centrals, lines = [], [], []
    for flow in QUEUED:
        ring, central = _arrivals(rng, flow, days, load, weights[flow.at_amk])
        rings.append(ring)
        centrals.append(central)
        lines.append(np.full(len(ring), flow.line, dtype=np.int64))
    ring, central, line = (np.concatenate(parts) for parts in (rings, centrals, lines))
    size = len(ring)
    emergency = line == L113

    menu_ms = np.where(emergency, 0, uniform_ms(rng, 9, 42, size))
    handover_ms = rng.integers(60, 400, size)
    in_menu = ~emergency & (rng.random(size) < 0.03)
    technical = rng.random(size) < 0.003
    joins = ~in_menu & ~technical
    # The wait for 113 runs from the ring; the handover to the queue is part of it.
    arrival = np.where(emergency, ring, ring + menu_ms + handover_ms)
    wait, was_answered = _waits(rng, ref, arrival, central, emergency, joins, days, load, weights)

    again, same_event = _companions(
        rng,
        central * 2 + emergency,
        ring,
        gave_up=np.where(joins & ~was_answered, arrival + wait, NONE),
        helped=emergency & was_answered,
        emergency=emergency,
    )
    # Calls that belong together are kept together, so that they look the same at every scale.
    leader = _roots(np.where(again >= 0, again, same_event))
    keep = rng.random(size)[leader] < scale if scale < 1 else np.ones(size, dtype=bool)
    again, same_event = (_renumbered(rows, keep) for rows in (again, same_event))
    ring, central, line, emergency = ring[keep], central[keep], line[keep], emergency[keep]
    menu_ms, handover_ms, arrival = menu_ms[keep], handover_ms[keep], arrival[keep]
    in_menu, technical, joins = in_menu[keep], technical[keep], joins[keep]
    wait, was_answered = wait[keep], was_answered[keep]

    table = _blank(ring, central, line, np.zeros(len(ring), dtype=np.int64))
    size = len(ring)
    talk = lognormal_ms(rng, np.where(emergency, 135.0, 265.0), 0.75, size)
    talk = np.clip(talk, 4 * SECOND, 90 * MINUTE)
    gone = np.where(emergency, ring, arrival) + np.maximum(wait, 450)
    end_unanswered = np.where(joins, gone, ring + uniform_ms(rng, 1, 8, size))
    table["menu"] = np.where(~emergency & joins, ring + menu_ms, NONE)
    table["queue"] = np.where(joins, ring + menu_ms + handover_ms, NONE)
    table["answered"] = np.where(was_answered, arrival + wait, NONE)
    table["ended"] = np.where(was_answered, arrival + wait + talk, end_unanswered)
    table["outcome"] = np.where(was_answered, ANSWERED, np.where(technical, TECHNICAL, ABANDONED))
    _overflow(rng, ref, table)
    _scene(rng, ref, table)
    table["is_test"] = emergency & (rng.random(size) < 0.005)
    written = rng.random(size) < np.where(emergency, _SMS_113, _SMS_116117)
    table["is_sms"] = written & ~table["is_test"] & (again < 0) & (same_event < 0)
    table["again"], table["same_event"] = again, same_event
    return table


def _companions(
    rng: Rng,
    group: Ints,
    ring: Ints,
    *,
    gave_up: Ints,
    helped: Bools,
    emergency: Bools,
) -> tuple[Ints, Ints]:
    """Calls that are not a chance meeting: for each the unanswered call it repeats, or the first
    call about the same emergency (-1: none). Both are among the calls of the same group.
    """
    size = len(ring)
    order = np.lexsort((ring, group))
    width = np.int64(2**43)
    keys = group[order] * width + ring[order]

    def next_after(rows: Ints, moment: Ints) -> tuple[Ints, Ints]:
        """The first call of the group after a moment, if it comes soon; each call only once."""
        place = np.searchsorted(keys, group[rows] * width + moment)
        there = place < size
        rows, moment, place = rows[there], moment[there], place[there]
        found = order[place]
        near = (group[found] == group[rows]) & (ring[found] - moment < 10 * MINUTE)
        once = np.unique(found[near], return_index=True)
        return once[0], rows[near][once[1]]

    again = np.full(size, NOBODY, dtype=np.int64)
    same_event = np.full(size, NOBODY, dtype=np.int64)
    share = np.where(emergency, _REDIALS[0], _REDIALS[1])
    rows = np.flatnonzero((gave_up != NONE) & (rng.random(size) < share))
    pause = lognormal_ms(
        rng,
        np.where(emergency[rows], _REDIAL_AFTER[0], _REDIAL_AFTER[1]),
        _REDIAL_SPREAD,
        len(rows),
    )
    pause = np.clip(pause, 6 * SECOND, _REDIAL_LIMIT)
    found, before = next_after(rows, gave_up[rows] + pause)
    again[found] = before

    rows = np.flatnonzero(helped & (rng.random(size) < _SECOND_CALLER))
    found, before = next_after(rows, ring[rows] + uniform_ms(rng, 5, 240, len(rows)))
    second = helped[found] & (again[found] < 0)
    same_event[found[second]] = before[second]
    return again, same_event


def _roots(before: Ints) -> Ints:
    """Follow references between rows to their start; a row without one is its own start."""
    root = np.where(before < 0, np.arange(len(before)), before)
    while True:
        further = root[root]
        if np.array_equal(further, root):
            return root
        root = further


def _renumbered(rows: Ints, keep: Bools) -> Ints:
    """References of the rows that are kept, as positions among those."""
    place = np.cumsum(keep) - 1
    kept = rows[keep]
    return np.where(kept < 0, NOBODY, place[kept])


def _waits(
    rng: Rng,
    ref: Reference,
    arrival: Ints,
    central: Ints,
    emergency: Bools,
    joins: Bools,
    days: range,
    load: float,
    weights: dict[bool, Floats],
) -> tuple[Ints, Bools]:
    """Milliseconds to the answer or to hanging up, and who was answered, of those who join."""
    size = len(arrival)
    wait = np.zeros(size, dtype=np.int64)
    answered = np.zeros(size, dtype=bool)
    rows = np.flatnonzero(joins)
    rows = rows[np.lexsort((arrival[rows], central[rows]))]
    at_amk = emergency[rows]
    count = len(rows)
    answering = np.where(
        at_amk,
        np.maximum(0.6, np.exp(rng.standard_normal(count) * 0.42) * 3.4),
        np.maximum(0.6, np.exp(rng.standard_normal(count) * 0.5) * 4.5),
    )
    busy = np.exp(rng.standard_normal(count) * 0.7 - 0.245) * np.where(at_amk, _AMK_BUSY, _LVS_BUSY)
    patience = np.where(
        at_amk, 5 + rng.exponential(100.0, count), 8 + rng.exponential(540.0, count)
    )
    misdialled = rng.random(count) < np.where(at_amk, 0.035, 0.02)
    patience[misdialled] = 0.5 + rng.random(int(misdialled.sum())) * 4.4
    day = local_day(arrival[rows])
    first = min(days.start, int(day.min())) if count else days.start
    free = np.array([is_free(date_of(d)) for d in range(first, days.stop + 2)])
    shift = (arrival[rows] - midnight(day)) // (60 * MINUTE) + 25 * free[day - first]
    seconds = (arrival[rows] - (arrival[rows].min() if count else 0)) / 1000.0
    bounds = np.searchsorted(central[rows], np.arange(len(ref.centrals) + 1))
    for index in range(len(ref.centrals)):
        part = slice(int(bounds[index]), int(bounds[index + 1]))
        if part.start == part.stop:
            continue
        staff = _staff(ref, index, load, weights)
        waited, got = serve(
            seconds[part], answering[part], busy[part], patience[part], shift[part], staff
        )
        wait[rows[part]] = np.rint(waited * 1000)
        answered[rows[part]] = got
    return wait, answered


def _staff(ref: Reference, index: int, load: float, weights: dict[bool, Floats]) -> Ints:
    """Operators by hour of the day: working days first, then free days."""
    amk = bool(ref.is_amk[index])
    flows = [flow for flow in QUEUED if flow.at_amk == amk]
    offered = np.zeros(50)
    for flow in flows:
        hourly = flow.yearly * load * weights[amk][index] / (365.25 * 24)
        busy_days = float(np.mean(flow.rhythm.weekday[:5]))
        free_days = float(np.mean(flow.rhythm.weekday[5:]))
        offered[:24] += hourly * busy_days * flow.rhythm.working_day
        offered[25:49] += hourly * free_days * flow.rhythm.free_day
    offered[24], offered[49] = offered[23], offered[48]
    mean, margin, least = (
        (_AMK_BUSY, _AMK_MARGIN, _AMK_LEAST) if amk else (_LVS_BUSY, _LVS_MARGIN, _LVS_LEAST)
    )
    return staffing(offered * mean / 3600, margin, least)


def _overflow(rng: Rng, ref: Reference, table: Table) -> None:
    """Some calls are answered by the neighbour of the central they belong to."""
    back = np.empty(len(ref.centrals), dtype=np.int64)
    back[ref.neighbour] = np.arange(len(ref.centrals))
    moved = rng.random(height(table)) < 0.012
    table["home"][moved] = back[table["central"][moved]]


def _scene(rng: Rng, ref: Reference, table: Table) -> None:
    """The municipality of public calls: where the caller is, the catchment, or not known."""
    count = len(ref.centrals)
    amk_pick = GroupedPick(ref.municipality_amk, ref.population, count)
    lvs_pick = GroupedPick(ref.municipality_lvs, ref.population, count)
    at_amk = ref.is_amk[table["home"]]
    place = np.where(at_amk, amk_pick(rng, table["home"]), lvs_pick(rng, table["home"]))
    basis = pick(rng, [0.62, 0.28, 0.10], height(table))
    table["basis"] = basis
    table["municipality"] = np.where(basis == 2, NOBODY, place)


def _plain_calls(rng: Rng, ref: Reference, flow: Flow, days: range, scale: float) -> Table:
    """Calls on lines without a queue of their own."""
    weights = (ref.weights(amk=True) + ref.weights(amk=False)) / 2
    ring, central = _arrivals(rng, flow, days, scale, weights)
    size = len(ring)
    table = _blank(
        ring,
        central,
        np.full(size, flow.line, dtype=np.int64),
        np.full(size, flow.direction, dtype=np.int64),
    )
    waited = np.clip(lognormal_ms(rng, 8.0, 0.7, size), SECOND, 120 * SECOND)
    talk = np.clip(lognormal_ms(rng, 95.0, 0.9, size), 2 * SECOND, 60 * MINUTE)
    outcome = pick(rng, [0.87, 0.127, 0.0, 0.003], size)
    got = outcome == ANSWERED
    table["outcome"] = outcome
    table["answered"] = np.where(got, ring + waited, NONE)
    table["ended"] = ring + waited + np.where(got, talk, 0)
    return table


def _transfers(rng: Rng, ref: Reference, own: Table, last_day: int) -> list[Table]:
    """Calls that go on to another central, each with the call that arises there."""
    real = (own["direction"] == INBOUND) & ~own["is_test"] & ~own["is_sms"]
    answered = real & (own["outcome"] == ANSWERED)
    chance = rng.random(height(own))
    out_of_hours = own["line"] == L116117
    to_amk = np.flatnonzero(answered & out_of_hours & (chance < 0.017))
    to_lvs = np.flatnonzero(answered & (own["line"] == L113) & (chance < 0.026))
    waited = own["ended"] - own["queue"]
    gave_up = real & out_of_hours & (own["outcome"] == ABANDONED) & (own["queue"] != NONE)
    onward = np.flatnonzero(gave_up & (waited > 4 * MINUTE) & (chance < 0.35))

    amk_of_lvs = np.zeros(len(ref.centrals), dtype=np.int64)
    order = np.argsort(ref.population, kind="stable")
    amk_of_lvs[ref.municipality_lvs[order]] = ref.municipality_amk[order]
    lvs_of_amk = GroupedPick(ref.municipality_amk, ref.population, len(ref.centrals))
    home_lvs = ref.municipality_lvs[lvs_of_amk(rng, own["central"][to_lvs])]
    children = []
    for rows, targets, line in (
        (to_amk, amk_of_lvs[own["central"][to_amk]], L113),
        (to_lvs, home_lvs, L116117),
        (onward, ref.neighbour[own["central"][onward]], L116117),
    ):
        children.append(_handed_over(rng, own, rows, targets, line, last_day))
    return children


def _handed_over(
    rng: Rng, own: Table, rows: Ints, targets: Ints, line: int, last_day: int
) -> Table:
    """Mark the calls as transferred, and make the calls they lead to."""
    got = own["outcome"][rows] == ANSWERED
    talked = uniform_ms(rng, 25, 150, len(rows))
    moment = np.where(got, own["answered"][rows] + talked, own["ended"][rows])
    in_span = local_day(moment + 5 * MINUTE) <= last_day
    rows, targets, got, moment = rows[in_span], targets[in_span], got[in_span], moment[in_span]
    own["to"][rows] = targets
    own["transfer"][rows] = moment
    conference = moment + uniform_ms(rng, 8, 60, len(rows))
    own["ended"][rows] = np.where(got, np.maximum(own["ended"][rows], conference), moment)
    own["outcome"][rows] = np.where(got, ANSWERED, TRANSFERRED)

    size = len(rows)
    ring = moment + rng.integers(150, 1800, size)
    child = _blank(
        ring,
        targets,
        np.full(size, line, dtype=np.int64),
        np.full(size, INBOUND, dtype=np.int64),
    )
    waited = np.clip(lognormal_ms(rng, 5.0 if line == L113 else 25.0, 0.7, size), 700, 3 * MINUTE)
    child["home"] = np.where(got, targets, own["home"][rows])
    child["queue"] = ring + rng.integers(60, 400, size)
    child["answered"] = ring + waited
    child["ended"] = (
        ring + waited + np.clip(lognormal_ms(rng, 150.0, 0.6, size), 10 * SECOND, 45 * MINUTE)
    )
    child["outcome"] = np.full(size, ANSWERED, dtype=np.int64)
    child["parent"] = rows
    child["municipality"] = own["municipality"][rows]
    child["basis"] = own["basis"][rows]
    return child


def _callers(rng: Rng, table: Table) -> None:
    """Caller numbers of public calls; who was not answered and rings again keeps the number."""
    public = (table["direction"] == INBOUND) & (table["line"] <= LOCAL8)
    size = height(table)
    caller = FREQUENT_CALLERS + rng.integers(0, CALLERS, size)
    frequent = rng.random(size) < 0.03
    caller[frequent] = rng.integers(0, FREQUENT_CALLERS, int(frequent.sum()))
    hidden = rng.random(size) < _HIDDEN_NUMBER
    caller[hidden] = NOBODY
    caller = caller[_roots(np.where(table["again"] >= 0, table["again"], table["parent"]))]
    table["caller"] = np.where(public, caller, NOBODY)
    # Only a number seen once may be doubled on purpose (the same call in two systems).
    alone = (table["again"] < 0) & (table["parent"] < 0)
    table["is_plain_caller"] = public & ~frequent & ~hidden & alone
