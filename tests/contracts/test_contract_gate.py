"""The pandera gate: strict, eager, and silent about values."""

from __future__ import annotations

import polars as pl
import pytest

from contracts import CONTRACTS, LINEAGE_COLUMNS, ContractBreach, enforce
from tests.contracts.contract_cases import frame

CALL = CONTRACTS["call"]


def finding(rows: pl.DataFrame) -> str:
    with pytest.raises(ContractBreach) as breach:
        enforce(CALL, rows)
    return breach.value.finding


def test_lineage_columns_are_set_aside() -> None:
    lineage = [pl.lit(None, dtype=c.dtype).alias(c.name) for c in LINEAGE_COLUMNS]
    enforce(CALL, frame("call").with_columns(lineage))


def test_absent_column_is_named() -> None:
    assert finding(frame("call").drop("chain_id")) == "chain_id: column_in_dataframe"


def test_unknown_column_is_named() -> None:
    assert finding(frame("call").with_columns(note=pl.lit("x"))) == "note: column_in_schema"


def test_wrong_type_is_named() -> None:
    rows = frame("call").with_columns(pl.col("ring_start_at").dt.cast_time_unit("ms"))
    assert finding(rows).startswith("ring_start_at: dtype")


def test_helper_columns_are_optional_but_typed() -> None:
    enforce(CALL, frame("call", {"_key_repeated": False}))
    assert finding(frame("call").with_columns(_key_repeated=pl.lit(1))).startswith("_key_repeated")


def test_nulls_are_not_filled_with_the_default() -> None:
    assert CALL.columns["ts_quality"].default == "SYSTEM"
    assert finding(frame("call", {"ts_quality": None})) == "ts_quality: not_nullable"


def test_breach_says_nothing_of_the_values() -> None:
    with pytest.raises(ContractBreach) as breach:
        enforce(CALL, frame("call", {"service_line": "SECRET-VALUE"}))
    assert "CALL_SERVICE_LINE_UNKNOWN_CODE" in str(breach.value)
    assert "SECRET-VALUE" not in str(breach.value)
    assert breach.value.__cause__ is None and breach.value.__context__ is None


def test_gate_cannot_be_turned_off_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    from pandera.config import CONFIG, ValidationDepth

    monkeypatch.setattr(CONFIG, "validation_enabled", False)
    monkeypatch.setattr(CONFIG, "validation_depth", ValidationDepth.SCHEMA_ONLY)
    bad = frame("call", {"service_line": "X"})
    CALL.model.validate(bad)  # pandera itself is switched off now
    assert finding(bad) == "CALL_SERVICE_LINE_UNKNOWN_CODE"


def test_lazy_frames_are_refused() -> None:
    with pytest.raises(TypeError):
        enforce(CALL, frame("call").lazy())  # type: ignore[arg-type]
