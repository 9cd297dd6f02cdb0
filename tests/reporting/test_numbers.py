"""Numbers in messages."""

from __future__ import annotations

import pytest

from reporting.numbers import spaced


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (999, "999"), (1000, "1 000"), (1234567, "1 234 567")]
)
def test_thousands_are_set_apart_by_a_space(number: int, text: str) -> None:
    assert spaced(number) == text


def test_decimals_have_a_comma() -> None:
    assert spaced(1234.56, 1) == "1 234,6"
