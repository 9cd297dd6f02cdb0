"""What protects people on the way in: detectors, masks, pseudonyms.

The detectors must find every number that identifies a person, in whatever type and spelling it
comes, and may not cry wolf on the ids that sources give their own records.
"""

from __future__ import annotations

from ingestion.privacy.callers import (
    KEY_VARIABLE,
    Pseudonymiser,
    check_key,
    key_fingerprint,
    key_from_environment,
)
from ingestion.privacy.columns import (
    CODES,
    ColumnUse,
    may_be_personal,
    personal_rows,
    personal_texts,
)
from ingestion.privacy.identity import is_identity_number
from ingestion.privacy.shown import MASK, masked, masked_where, personal_text, safe, shape

__all__ = [
    "CODES",
    "KEY_VARIABLE",
    "MASK",
    "ColumnUse",
    "Pseudonymiser",
    "check_key",
    "is_identity_number",
    "key_fingerprint",
    "key_from_environment",
    "masked",
    "masked_where",
    "may_be_personal",
    "personal_rows",
    "personal_text",
    "personal_texts",
    "safe",
    "shape",
]
