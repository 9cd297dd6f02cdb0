"""A document as data: chapters of headings, sentences and tables, for any writer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Heading:
    """A heading within a chapter."""

    text: str


@dataclass(frozen=True)
class Text:
    """One paragraph."""

    text: str


@dataclass(frozen=True)
class Table:
    """Rows under a header.

    Attributes:
        widths: how the width of the page is shared among the columns.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[float, ...]

    def __post_init__(self) -> None:
        size = len(self.header)
        if len(self.widths) != size or any(len(row) != size for row in self.rows):
            raise ValueError(f"rows and widths for {size} columns: {self.header}")


Block = Heading | Text | Table


@dataclass(frozen=True)
class Chapter:
    """A numbered part, with what it says in short in English."""

    title: str
    english: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Pack:
    """The whole document."""

    title: str
    english: str
    chapters: tuple[Chapter, ...]

    @property
    def tables(self) -> Sequence[Table]:
        """Every table, in order."""
        return [
            block
            for chapter in self.chapters
            for block in chapter.blocks
            if isinstance(block, Table)
        ]
