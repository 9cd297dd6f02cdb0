"""Add `headers` entries to a source file as text, so that its comments and order stay."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from ingestion.errors import SourceFileError


def entry_text(entries: Sequence[dict[str, Any]], indent: int = 2) -> str:
    """Entries as the lines of a block list, each line with a line end."""
    lines = []
    for entry in entries:
        kept = {key: value for key, value in entry.items() if value is not None}
        written = yaml.safe_dump(
            kept, sort_keys=False, allow_unicode=True, default_flow_style=False, width=float("inf")
        )
        for place, line in enumerate(written.rstrip("\n").split("\n")):
            lines.append(f"{' ' * indent}{'- ' if place == 0 else '  '}{line}")
    return "".join(f"{line}\n" for line in lines)


def with_headers(text: str, entries: Sequence[dict[str, Any]]) -> str:
    """A source file with entries added at the end of its `headers`.

    Raises:
        ValueError: `headers` is written in a way that text cannot be added to.
    """
    windows = "\r\n" in text
    plain = text.replace("\r\n", "\n")
    added = _added(plain, entries)
    before, after = yaml.safe_load(plain), yaml.safe_load(added)
    wanted = [*(before.get("headers") or []), *(_kept(entry) for entry in entries)]
    if after != before | {"headers": wanted}:
        raise ValueError(
            "oppføringen kan ikke legges til som tekst / the entry cannot be added as text"
        )
    return added.replace("\n", "\r\n") if windows else added


def _kept(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if value is not None}


def _added(text: str, entries: Sequence[dict[str, Any]]) -> str:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        raise ValueError(
            "kildefilen er ikke skrevet linje for linje / the source file is not a block of keys"
        )
    nodes = {key.value: (key, value) for key, value in root.value}
    lines = text.split("\n")
    if "headers" in nodes:
        key, value = nodes["headers"]
        if isinstance(value, yaml.SequenceNode) and value.value and not value.flow_style:
            indent = value.start_mark.column
            last = _last_line(value.value[-1])
            return _inserted(lines, last + 1, entry_text(entries, indent))
        if not value.value:
            line = key.start_mark.line
            lines[line] = "headers:"
            return _inserted(lines, line + 1, entry_text(entries))
        raise ValueError(
            "står på én linje; skriv den inn for hånd / is on one line; write the entry into "
            "it by hand"
        )
    if "columns" not in nodes:
        raise ValueError("kildefilen har ingen `columns` / the source file has no `columns`")
    line = nodes["columns"][0].start_mark.line
    while line > 0 and (lines[line - 1].startswith("#") or not lines[line - 1].strip()):
        line -= 1
    return _inserted(lines, line, "headers:\n" + entry_text(entries))


def _last_line(node: yaml.Node) -> int:
    """The last line with something of a node: the end of a block is where the next begins."""
    if isinstance(node, yaml.MappingNode) and node.value and not node.flow_style:
        return _last_line(node.value[-1][1])
    if isinstance(node, yaml.SequenceNode) and node.value and not node.flow_style:
        return _last_line(node.value[-1])
    return int(node.end_mark.line)


def _inserted(lines: list[str], place: int, text: str) -> str:
    return "\n".join([*lines[:place], *text.rstrip("\n").split("\n"), *lines[place:]])


def add_headers(path: Path, entries: Sequence[dict[str, Any]]) -> None:
    """Add entries to a source file; it is replaced whole or not at all.

    Raises:
        SourceFileError: the file is written in a way that text cannot be added to.
    """
    try:
        text = path.read_bytes().decode("utf-8")
        written = with_headers(text, entries)
    except (ValueError, yaml.YAMLError) as error:
        raise SourceFileError(path, [f"headers: {error}"]) from error
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(written.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        part.chmod(path.stat().st_mode & 0o777)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
