"""Answer times as what they are: the outcome of a queue, served first come, first served."""

from __future__ import annotations

from heapq import heappop, heappush, heapreplace

import numpy as np

from ingestion.synthetic.clock import Bools, Floats, Ints

Waits = tuple[Floats, Bools]


def serve(
    arrival: Floats, answering: Floats, busy: Floats, patience: Floats, shift: Ints, staff: Ints
) -> Waits:
    """One central: seconds from arrival to answer (or to hanging up), and who was answered.

    Args:
        arrival: seconds, ascending.
        answering: seconds from a free operator to the answer.
        busy: seconds the operator is occupied after the answer.
        patience: seconds after which the caller hangs up.
        shift: which staffing applies at each arrival.
        staff: operators per staffing.
    """
    waits: list[float] = []
    answered: list[bool] = []
    free: list[float] = [0.0]
    on_duty = 1
    current = -1
    add_wait, add_answered = waits.append, answered.append
    for time, answer, work, patient, now in zip(
        arrival.tolist(),
        answering.tolist(),
        busy.tolist(),
        patience.tolist(),
        shift.tolist(),
        strict=True,
    ):
        if now != current:
            current = now
            wanted = int(staff[now])
            while on_duty < wanted:
                heappush(free, time)
                on_duty += 1
            while on_duty > wanted:
                heappop(free)
                on_duty -= 1
        ready = free[0]
        start = (ready if ready > time else time) + answer
        wait = start - time
        if wait > patient:
            add_wait(patient)
            add_answered(False)
        else:
            heapreplace(free, start + work)
            add_wait(wait)
            add_answered(True)
    return np.array(waits, dtype=np.float64), np.array(answered, dtype=bool)


def staffing(load: Floats, margin: float, least: int) -> Ints:
    """Operators for an offered load in erlang: the load and a margin of its square root."""
    return np.maximum(least, np.ceil(load + margin * np.sqrt(load))).astype(np.int64)
