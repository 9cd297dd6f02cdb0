"""What one JSON record means: the strict reader that every way of reading JSON must agree with.

A record is one object. It is broken when it is not JSON to the letter (RFC 8259): `NaN`, control
characters in texts, half surrogate pairs, nesting beyond `MAX_DEPTH`. Numbers have one spelling, so
that `1`, `1.0` and `1e0` are one key. A key given twice, however it is escaped and however deep,
makes the record ambiguous, and so do values under two names of one column.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from ingestion.readers.raw import written_as
from ingestion.sources.spec import SourceSpec

MAX_DEPTH = 100
# A number with a larger exponent keeps the text it was written with, and is then unparsable.
MAX_EXPONENT = 40

Record = dict[str, Any]

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]|"', re.DOTALL)
_EXPONENT = re.compile(r"[eE]([+-]?)0*(\d*)$")


class KeyTwiceError(ValueError):
    """An object has the same key twice."""


class Exact(str):
    """A text that stands in the record without quotation marks: a number, or a piece of JSON."""

    __slots__ = ()


class Nested(Exact):
    """Compact JSON: an object or array where a value should be, or any value for an object."""

    __slots__ = ()


class _Blocked(Nested):
    """What stands where an object should be, on the way to a value."""

    __slots__ = ()


class _Absent:
    """The record has no such field, which is something else than a field that is null."""


ABSENT: Final = _Absent()


def read_record(text: str) -> Record:
    """The record that a text is, with every number as `Exact` text in its one spelling.

    Raises:
        KeyTwiceError: a key is there twice.
        ValueError: it is not one JSON object.
    """
    record = read_value(text)
    if not isinstance(record, dict):
        raise ValueError("not an object")
    return record


def read_value(text: str) -> Any:
    """Any JSON value, read as `read_record` reads.

    Raises:
        KeyTwiceError: a key is there twice.
        ValueError: it is not one JSON value.
    """
    # Counted first, so that no text can exhaust the stack.
    if text.count("{") + text.count("[") > MAX_DEPTH and _nesting(text)[1] > MAX_DEPTH:
        raise ValueError("nested too deep")
    value = _DECODER.decode(text)
    if "\\ud" in text or "\\uD" in text:
        # Half of a surrogate pair is no character, and this is where it shows.
        compact(value).encode("utf-8")
    return value


def is_cut(text: str) -> bool:
    """Whether a text ends inside a string, an object or an array."""
    return _nesting(text)[0] > 0


def _nesting(text: str) -> tuple[int, int]:
    """What is open at the end of a text, and the greatest depth in it."""
    depth = deepest = 0
    for match in _TOKEN.finditer(text):
        match match[0]:
            case '"':
                return depth + 1, deepest
            case "[" | "{":
                depth += 1
                deepest = max(deepest, depth)
            case "]" | "}":
                depth -= 1
    return depth, deepest


def _object(pairs: list[tuple[str, Any]]) -> Record:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise KeyTwiceError("key twice")
    return found


def _integer(raw: str) -> Exact:
    return Exact("0" if raw == "-0" else raw)


def _decimal(raw: str) -> Exact:
    exponent = _EXPONENT.search(raw)
    if exponent and (len(exponent[2]) > 4 or int(exponent[2] or 0) > MAX_EXPONENT):
        return Exact(raw)
    plain = format(Decimal(raw), "f")
    if "." in plain:
        plain = plain.rstrip("0").removesuffix(".")
    return Exact("0" if plain == "-0" else plain)


def _constant(raw: str) -> Any:
    raise ValueError(f"{raw} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_decimal,
    parse_constant=_constant,
)


def as_text(value: Any) -> str | None:
    """A value as a raw column has it: an object or an array is its compact JSON."""
    if value is None or value is ABSENT:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str) else compact(value)


def compact(value: Any, *, ordered: bool = False) -> str:
    """JSON without white space; with the keys of every object in one order when `ordered`."""
    if isinstance(value, Exact):
        return str(value)
    if isinstance(value, dict):
        items = sorted(value.items()) if ordered else value.items()
        fields = (
            f"{json.dumps(k, ensure_ascii=False)}:{compact(v, ordered=ordered)}" for k, v in items
        )
        return "{" + ",".join(fields) + "}"
    if isinstance(value, list):
        return "[" + ",".join(compact(item, ordered=ordered) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


class Fields:
    """The mapped raw columns of a source, and where each is in a record.

    Attributes:
        names: the raw columns, in the order of the source.
    """

    def __init__(self, spec: SourceSpec, renames: dict[str, str]) -> None:
        self.names = spec.raw_columns()
        self._required = spec.required_raw_columns()
        self._paths = {
            name: [path for text in written_as(name, renames) for path in readings(text)]
            for name in self.names
        }

    def find(self, record: Record) -> list[Any]:
        """The value of every raw column in a record: a JSON scalar, `ABSENT` or `Nested`.

        Raises:
            KeyTwiceError: a column has a value under two of its names.
        """
        found = (find(record, paths) for paths in self._paths.values())
        return [
            Nested(compact(value)) if isinstance(value, dict | list) else value for value in found
        ]

    def missing(self, present: Iterable[str]) -> list[str]:
        """The required raw columns that are not among those that some record had."""
        seen = set(present)
        return [name for name in self._required if name not in seen]


def readings(dotted: str) -> list[tuple[str, ...]]:
    """Every path that a dotted name can mean: the whole as one key first, then nested."""
    parts = dotted.split(".")
    # Names with many dots: only the whole, and the fully nested.
    if len(parts) > 6:
        return [(dotted,), tuple(parts)]
    found = []
    for pattern in range(2 ** (len(parts) - 1)):
        cuts = [i for i in range(1, len(parts)) if pattern >> (i - 1) & 1]
        found.append(tuple(".".join(parts[a:b]) for a, b in pairwise([0, *cuts, len(parts)])))
    return sorted(found, key=len)


def find(record: Record, paths: list[tuple[str, ...]]) -> Any:
    """The value at the one of these paths where the record has one; null, or `ABSENT`, if none.

    Raises:
        KeyTwiceError: there is a value at more than one of them.
    """
    if len(paths) == 1:
        return _walk(record, paths[0])
    found = [value for path in paths if (value := _walk(record, path)) is not ABSENT]
    values = [value for value in found if not (value is None or isinstance(value, _Blocked))]
    if len(values) > 1:
        raise KeyTwiceError("a value under two names")
    return next(iter(values or found), ABSENT)


def _walk(node: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        if node is None:
            return None
        if not isinstance(node, dict):
            # Something else where an object should be: shown as JSON, never silently empty.
            return _Blocked(compact(node, ordered=True))
        node = node.get(key, ABSENT)
        if node is ABSENT:
            return ABSENT
    return node
