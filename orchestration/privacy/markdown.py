"""A document as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from orchestration.privacy.document import Block, Heading, Pack, Table


def markdown(pack: Pack) -> str:
    """The document as text, with tables that any reader of Markdown draws."""
    return "\n".join(_lines(pack)).rstrip() + "\n"


def _lines(pack: Pack) -> Iterator[str]:
    yield from (f"# {pack.title}", "", f"*{pack.english}*", "")
    for chapter in pack.chapters:
        yield from (f"## {chapter.title}", "", f"*In English: {chapter.english}*", "")
        for block in chapter.blocks:
            yield from (*_block(block), "")


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Heading):
        yield f"### {block.text}"
    elif isinstance(block, Table):
        yield _row(block.header)
        yield _row(("---",) * len(block.header))
        yield from (_row(row) for row in block.rows)
    else:
        yield block.text


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", "<br>")
