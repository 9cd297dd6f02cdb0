"""Whole numbers as text, the way each language writes them."""

from __future__ import annotations


def spaced(number: int) -> str:
    """As in bokmål: `12 345`. Also where one number serves both languages."""
    return f"{number:,}".replace(",", " ")
