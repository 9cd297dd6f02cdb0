"""Order rules against a reference in plain Python, on random sequences of stamps."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import CONTRACTS, evaluate
from tests.contracts.contract_cases import T0, Row, at, frame, rule_stem

SEQUENCES = {
    "call": ("ring_start_at", "menu_end_at", "queue_enter_at", "answered_at", "ended_at"),
    "alarm": (
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
    ),
    "video_session": ("link_sent_at", "opened_at", "consented_at", "connected_at", "ended_at"),
    "lat_request": ("requested_at", "airborne_at", "at_scene_at"),
}

# Few distinct seconds, so that equal, earlier and absent stamps are all frequent.
SECONDS = st.one_of(st.none(), st.integers(0, 4))


def out_of_order(contract: str, row: Row) -> set[str]:
    """A stamp is out of order when it is earlier than the latest stamp before it in the list."""
    prefix = CONTRACTS[contract].prefix
    latest = None
    found = set()
    for name in SEQUENCES[contract]:
        value = row[name]
        if value is None:
            continue
        if latest is not None and value < latest:
            found.add(f"{prefix}_{rule_stem(name)}_OUT_OF_ORDER")
        latest = value if latest is None else max(latest, value)
    return found


@pytest.mark.parametrize("contract", SEQUENCES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_order_rules_agree_with_the_reference(contract: str, data: st.DataObject) -> None:
    names = SEQUENCES[contract]
    rows = data.draw(
        st.lists(
            st.fixed_dictionaries(
                {name: SECONDS.map(lambda s: None if s is None else at(s)) for name in names}
            ),
            min_size=1,
            max_size=8,
        )
    )
    masks = evaluate(CONTRACTS[contract], frame(contract, *rows)).warnings
    for position, row in enumerate(rows):
        fired = {
            code
            for code, mask in masks.items()
            if mask[position]
            and code.endswith("_OUT_OF_ORDER")
            and code not in ("CALL_TRANSFER_OUT_OF_ORDER", "ALARM_CANCELLED_OUT_OF_ORDER")
        }
        assert fired == out_of_order(contract, row)


@settings(max_examples=60, deadline=None)
@given(answered=SECONDS, ended=SECONDS, transfer=SECONDS)
def test_transfer_lies_between_answer_and_end(
    answered: int | None, ended: int | None, transfer: int | None
) -> None:
    change = {
        name: None if second is None else at(second)
        for name, second in (
            ("answered_at", answered),
            ("ended_at", ended),
            ("transfer_at", transfer),
        )
    } | {"ring_start_at": T0, "menu_end_at": None, "queue_enter_at": None}
    fired = (
        "CALL_TRANSFER_OUT_OF_ORDER" in evaluate(CONTRACTS["call"], frame("call", change)).warnings
    )
    assert fired == (
        transfer is not None
        and (
            (answered is not None and transfer < answered)
            or (ended is not None and transfer > ended)
        )
    )


def order_warnings(change: Row) -> list[str]:
    found = evaluate(CONTRACTS["call"], frame("call", change)).warnings
    return [code for code in found if code.endswith("OUT_OF_ORDER")]


def test_order_has_the_tolerance_of_the_source() -> None:
    early = {"menu_end_at": at(6), "queue_enter_at": None}  # answered one second before
    assert order_warnings(early) == ["CALL_ANSWERED_OUT_OF_ORDER"]
    for milliseconds, broken in ((999, True), (1000, False), (5000, False)):
        tolerant = early | {"_order_tolerance": timedelta(milliseconds=milliseconds)}
        assert bool(order_warnings(tolerant)) is broken
    late = {"transfer_at": at(61)}  # one second after the end
    assert order_warnings(late) == ["CALL_TRANSFER_OUT_OF_ORDER"]
    assert order_warnings(late | {"_order_tolerance": timedelta(seconds=1)}) == []


def test_a_date_is_in_no_order_and_other_stamps_are() -> None:
    dated = {"menu_end_at": T0.replace(hour=0), "menu_end_at__date_only": True}
    assert order_warnings(dated) == []
    assert order_warnings(dated | {"answered_at": at(-1), "queue_enter_at": None}) == [
        "CALL_ANSWERED_OUT_OF_ORDER"
    ]
