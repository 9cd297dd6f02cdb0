"""Which record belongs to which, as it really is: the relations that identifiers should carry.

A relation is between a record (call, video session, air ambulance request) and what it led to.
Identifiers may be missing in the extracts; the relations here are there all the same.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from ingestion.synthetic.clock import Ints
from ingestion.synthetic.tables import Table

SCHEMA = {
    "relation": pl.String,
    "contract": pl.String,
    "source_system": pl.String,
    "source_id": pl.String,
    "target_system": pl.String,
    "target_id": pl.String,
    "role": pl.String,
    "through_id": pl.String,
    "carries_identifier": pl.Boolean,
}
OWN, PARENT = "own", "parent"


class Ends(NamedTuple):
    """Keys of records by row: the system and the identifier."""

    systems: pl.Series
    ids: pl.Series

    def at(self, rows: Ints) -> tuple[pl.Series, pl.Series]:
        """Systems and identifiers at rows."""
        places = pl.Series(rows.astype(np.uint32))
        return self.systems.gather(places), self.ids.gather(places)


def call_relations(call: Table, incident: Table) -> tuple[Ints, Ints, Ints]:
    """Calls, the incidents they are about, and the call between them (-1: none).

    A call is about the incident it raised, and so are a second call about the same emergency and
    the call that was passed on to either.
    """
    incidents = np.flatnonzero(incident["call"] >= 0)
    raised = incident["call"][incidents]
    raised_by = np.full(len(call["ring"]), -1, dtype=np.int64)
    raised_by[raised] = incidents
    first = call["same_event"]
    second = np.flatnonzero((first >= 0) & (raised_by < 0) & (raised_by[first] >= 0))
    incidents = np.concatenate([incidents, raised_by[first[second]]])
    raised = np.concatenate([raised, second])
    before = call["parent"][raised]
    passed = before >= 0
    calls = np.concatenate([raised, before[passed]])
    about = np.concatenate([incidents, incidents[passed]])
    through = np.concatenate([np.full(len(raised), -1, dtype=np.int64), raised[passed]])
    return calls, about, through


def true_links(
    tables: dict[str, Table],
    call_frame: pl.DataFrame,
    alarm_frame: pl.DataFrame,
    session_frame: pl.DataFrame,
    request_frame: pl.DataFrame,
    incidents: Ends,
) -> pl.DataFrame:
    """All relations of the records of a month."""
    calls = Ends(call_frame["source_system"], call_frame["source_id"])
    alarms = Ends(alarm_frame["source_system"], alarm_frame["source_id"])
    sessions = Ends(session_frame["source_system"], session_frame["source_id"])
    requests = Ends(request_frame["source_system"], request_frame["source_id"])
    chained = call_frame["chain_id"].is_not_null().to_numpy()

    rows, about, through = call_relations(tables["call"], tables["incident"])
    from_call = _relation(
        "call_incident",
        "call",
        calls.at(rows),
        incidents.at(about),
        role=np.where(through < 0, 0, 1),
        through=_optional(calls.ids, through),
        carries=chained[rows],
    )

    session_call = tables["session"]["call"]
    session_rows = np.arange(len(session_call))
    to_call = _relation(
        "video_call", "video_session", sessions.at(session_rows), calls.at(session_call)
    )
    # A session is about what its call is about; a call may have several sessions.
    pairs = pl.DataFrame({"call": session_call, "session": session_rows}).join(
        pl.DataFrame({"call": rows, "incident": about, "role": np.where(through < 0, 0, 1)}),
        on="call",
    )
    shown = pairs["session"].to_numpy()
    to_incident = _relation(
        "video_incident",
        "video_session",
        sessions.at(shown),
        incidents.at(pairs["incident"].to_numpy()),
        role=pairs["role"].to_numpy(),
        through=calls.ids.gather(pl.Series(pairs["call"].to_numpy().astype(np.uint32))),
        carries=np.zeros(len(shown), dtype=bool),
    )

    mission = tables["request"]["mission"]
    flown = np.flatnonzero(mission >= 0)
    to_alarm = _relation(
        "request_alarm", "lat_request", requests.at(flown), alarms.at(mission[flown])
    )
    from_request = _relation(
        "request_incident",
        "lat_request",
        requests.at(flown),
        incidents.at(tables["mission"]["incident"][mission[flown]]),
        through=alarms.ids.gather(pl.Series(mission[flown].astype(np.uint32))),
        carries=np.zeros(len(flown), dtype=bool),
    )
    return pl.concat([from_call, to_call, to_incident, to_alarm, from_request])


def _optional(ids: pl.Series, rows: Ints) -> pl.Series:
    """Identifiers at rows; null for -1."""
    extended = pl.concat([ids, pl.Series([None], dtype=pl.String)])
    return extended.gather(pl.Series(np.where(rows < 0, len(ids), rows).astype(np.uint32)))


def _relation(
    relation: str,
    contract: str,
    record: tuple[pl.Series, pl.Series],
    target: tuple[pl.Series, pl.Series],
    *,
    role: Ints | None = None,
    through: pl.Series | None = None,
    carries: np.ndarray | None = None,
) -> pl.DataFrame:
    size = len(record[1])
    none = pl.repeat(None, size, dtype=pl.String, eager=True)
    roles = none
    if role is not None:
        roles = pl.Series(role, dtype=pl.Int64).replace_strict(
            {0: OWN, 1: PARENT}, return_dtype=pl.String
        )
    return pl.DataFrame(
        {
            "relation": pl.repeat(relation, size, dtype=pl.String, eager=True),
            "contract": pl.repeat(contract, size, dtype=pl.String, eager=True),
            "source_system": record[0],
            "source_id": record[1],
            "target_system": target[0],
            "target_id": target[1],
            "role": roles,
            "through_id": none if through is None else through,
            "carries_identifier": pl.Series(
                np.ones(size, dtype=bool) if carries is None else carries, dtype=pl.Boolean
            ),
        },
        schema=SCHEMA,
    )
