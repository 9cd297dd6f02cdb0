"""Numbers as text, the way bokmål writes them."""

from __future__ import annotations


def spaced(number: float, decimals: int = 0) -> str:
    """`12 345` or `12 345,6`. Whole numbers also where one serves both languages."""
    return f"{number:,.{decimals}f}".replace(",", " ").replace(".", ",")
