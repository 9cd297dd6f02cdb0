"""Video sessions: links sent during calls."""

from __future__ import annotations

import numpy as np

from ingestion.synthetic.calls import ANSWERED, INBOUND, L113, LOCAL8
from ingestion.synthetic.chance import Rng, lognormal_ms, pick, stream, uniform_ms
from ingestion.synthetic.clock import MINUTE, SECOND, Bools, Ints, local_day
from ingestion.synthetic.reference import Reference
from ingestion.synthetic.tables import NONE, Table, height, take

SOURCES = ("hdo_video_h113", "bliksund_video")
H113, BLIKSUND = range(2)
STATUSES = ("CONNECTED", "NOT_OPENED", "DECLINED", "FAILED")
CONNECTED, NOT_OPENED, DECLINED, FAILED = range(4)
_SHARE_113, _SHARE_116117 = 0.082, 0.0408


def make_sessions(ref: Reference, calls: Table, days: range, last_day: int, seed: int) -> Table:
    """Sessions by time; `call` is the row of the call."""
    rng = stream(seed, "video", days.start)
    fit = (
        (calls["outcome"] == ANSWERED)
        & (calls["direction"] == INBOUND)
        & (calls["line"] <= LOCAL8)
        & ~calls["is_test"]
        & ~calls["is_sms"]
    )
    share = np.where(calls["line"] == L113, _SHARE_113, _SHARE_116117)
    chosen = fit & (rng.random(height(calls)) < share)
    southern = ref.is_amk & (np.array(ref.central_rhf) == "sorost")
    source = np.where(southern[calls["central"]], BLIKSUND, H113)
    sent = calls["answered"] + uniform_ms(rng, 25, 240, height(calls))
    fit &= np.where(calls["answered"] == NONE, False, sent < 2**61)
    day = np.full(height(calls), -1, dtype=np.int64)
    day[fit] = local_day(sent[fit])
    chosen |= _one_a_day(rng, fit, chosen, source, day, days)
    rows = np.flatnonzero(chosen & (day <= last_day))
    table = _sessions(rng, rows, sent[rows], source[rows], calls["central"][rows])
    return take(table, np.argsort(table["link_sent"], kind="stable"))


def _one_a_day(rng: Rng, fit: Bools, chosen: Bools, source: Ints, day: Ints, days: range) -> Bools:
    """No video extract is empty on a day when there were calls that could have had video."""
    extra = np.zeros(len(fit), dtype=bool)
    have = set(zip(day[chosen].tolist(), source[chosen].tolist(), strict=True))
    lacking = [(d, s) for d in days for s in (H113, BLIKSUND) if (d, s) not in have]
    for d, s in lacking:
        candidates = np.flatnonzero(fit & (day == d) & (source == s))
        if len(candidates):
            extra[rng.choice(candidates)] = True
    return extra


def _sessions(rng: Rng, rows: Ints, sent: Ints, source: Ints, central: Ints) -> Table:
    size = len(rows)
    status = pick(rng, [0.68, 0.18, 0.06, 0.08], size)
    opened = sent + np.clip(lognormal_ms(rng, 21.0, 0.6, size), 2 * SECOND, 6 * MINUTE)
    consented = opened + uniform_ms(rng, 2, 25, size)
    connected = consented + uniform_ms(rng, 1, 14, size)
    ended = connected + np.clip(lognormal_ms(rng, 190.0, 0.8, size), 5 * SECOND, 45 * MINUTE)
    opens = status != NOT_OPENED
    consents = (status == CONNECTED) | ((status == FAILED) & (rng.random(size) < 0.6))
    done = status == CONNECTED
    return {
        "call": rows,
        "source": source,
        "central": central,
        "status": status,
        "link_sent": sent,
        "opened": np.where(opens, opened, NONE),
        "consented": np.where(consents, consented, NONE),
        "connected": np.where(done, connected, NONE),
        "ended": np.where(done, ended, NONE),
    }
