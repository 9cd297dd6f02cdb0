"""Text deliveries as UTF-8, refused when they are not what the source says.

A wrong encoding seldom fails by itself: every byte is some character of an 8-bit encoding. It shows
in what comes out (symbols inside words, control characters), so that is what is looked at, in a
sample spread over the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

from ingestion.errors import FileRefusedError
from ingestion.sources.spec import Encoding

MAX_LINE_BYTES = 1024**2

_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_UTF32_BOMS = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")
# What old DOS programs write as the last byte of a text file.
_DOS_END = b"\x1a"

# Fewer bytes show no pattern.
_MIN_UTF16_BYTES = 16
_SAMPLE_BYTES = 1024**2
_SLICES = 16
# Controls in more records than this are not an accident.
_MAX_CONTROL_SHARE = 0.01
_MIN_CONTROL_RECORDS = 2

# Without 01 and 1C to 1F, which separate fields in some extracts.
_CONTROL_BYTES = frozenset({*range(2, 9), *range(14, 28), 127})
_LOST = "\ufffd".encode()
_CONTROL = re.compile(rb"[\x02-\x08\x0e-\x1b\x7f]|\xef\xbf\xbd|\xc2[\x80-\x9f]")
_NO_CONTROL = bytes(c for c in range(256) if c not in _CONTROL_BYTES and c not in b"\xc2\xef")

# Letters of Nordic and other European languages that the 8-bit encodings have. `Ã` is left out: it
# is what half of every letter of UTF-8 looks like.
_CAPITALS = "ÀÁÂÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞŠŽŒŸ"
_LETTERS = frozenset(_CAPITALS + _CAPITALS.lower() + "ßã")
# Marks that stand beside a letter, and those that may stand between two.
_MARKS = frozenset("‘“”„‚«»…€£§±½¼¾©®™¿¡•×ªº")
_INSIDE_WORDS = frozenset("’´·–—\xad\xa0°²³µ")
_ASCII = bytes(range(128))
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_HIGH_BYTES = re.compile(rb"[\x80-\xff]+")
_ENOUGH = 5_000
# A letter that was UTF-8 already when it was encoded a second time: æ as `Ã¦`.
_TWICE = re.compile("[ÂÃ][\x80-\xbf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u2013-\u203a\u20ac]")


def to_utf8(payload: bytes, encoding: Encoding, *, lines: bool = True) -> bytes:
    """The payload in UTF-8 without a byte order mark.

    Args:
        lines: the format is made of lines, and none may be longer than `MAX_LINE_BYTES`.

    Raises:
        FileRefusedError: FILE_ENCODING, FILE_TRUNCATED (ends within a character),
            FILE_UNREADABLE (binary content), FILE_LINE_TOO_LONG.
    """
    payload = _from_utf16(payload) if encoding == "utf-16" else _byte_text(payload, encoding)
    payload = payload.removesuffix(_DOS_END)
    if payload.endswith(_LOST):
        raise _cut(payload)
    if lines:
        _check_line_length(payload)
    _check_controls(payload, encoding)
    return payload


def has_lost(text: bytes) -> bool:
    """Whether UTF-8 text holds the replacement character."""
    # Its last byte is in few other characters, and one byte is found much faster than three.
    return _LOST[-1:] in text and _LOST in text


def likely_encoding(payload: bytes, among: Iterable[Encoding]) -> Encoding | None:
    """The encoding under which the sample reads as text; None when none does clearly."""
    sample = _sample(payload)
    shares = {name: _implausible(sample, name) for name in among}
    best = min(shares, key=lambda name: shares[name], default=None)
    return best if best is not None and shares[best] < 0.2 else None


# --- the encodings ----------------------------------------------------------------------------


def _byte_text(payload: bytes, encoding: Encoding) -> bytes:
    """Text whose line ends are single bytes, in UTF-8."""
    if payload.startswith(_UTF32_BOMS):
        raise _wrong("filen er UTF-32", "the file is UTF-32")
    if payload.startswith(tuple(_UTF16_BOMS)) or (
        b"\x00" in payload[:4096] and _utf16_order(payload) is not None
    ):
        raise _wrong("filen er UTF-16", "the file is UTF-16")
    _check_binary(payload)
    if encoding == "utf-8":
        return _checked_utf8(payload)
    if payload.startswith(_UTF8_BOM):
        raise _wrong(
            f"filen er UTF-8, ventet {encoding}", f"the file is UTF-8, expected {encoding}"
        )
    if payload.isascii():
        return payload
    _judge(payload, encoding)
    if encoding == "cp865":
        return payload.decode("cp865").encode("utf-8")
    # CP1252 is latin-1 but for bytes 80 to 9F, which latin-1 turns into UTF-8 that starts with C2.
    # The latin-1 codec is much faster, and C2 is not in any Norwegian letter.
    as_latin1 = payload.decode("latin-1").encode("utf-8")
    if b"\xc2" not in as_latin1:
        return as_latin1
    if encoding == "latin-1":
        control = re.search(rb"[\x80-\x9f]", payload)
        if control is not None:
            raise _undecodable(payload, control.start(), "latin-1", ("cp1252", "cp865"))
        return as_latin1
    try:
        return payload.decode("cp1252").encode("utf-8")
    except UnicodeDecodeError as error:
        raise _undecodable(payload, error.start, "cp1252", ("cp865",)) from error


def _checked_utf8(payload: bytes) -> bytes:
    if payload.isascii():
        return payload
    try:
        payload.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            raise _cut(payload) from error
        raise _undecodable(payload, error.start, "utf-8", ("cp1252", "cp865")) from error
    _check_twice(payload)
    return payload.removeprefix(_UTF8_BOM)


def _from_utf16(payload: bytes) -> bytes:
    codec = _UTF16_BOMS.get(payload[:2])
    body = payload if codec is None else payload[2:]
    if codec is None:
        codec = _utf16_order(payload)
    if codec is None or payload.startswith(_UTF32_BOMS):
        raise _wrong("filen er ikke UTF-16", "the file is not UTF-16")
    whole = body[: len(body) // 2 * 2]
    try:
        text = whole.decode(codec).encode("utf-8")
    except UnicodeDecodeError as error:
        before = whole[: error.start].decode(codec).encode("utf-8")
        if error.reason == "unexpected end of data":
            raise _cut(before) from error
        line = before.count(b"\n") + 1
        raise _wrong(
            f"ikke UTF-16 ved byte {error.start}, linje {line}",
            f"not UTF-16 at byte {error.start}, line {line}",
        ) from error
    if whole != body:
        raise _cut(text)
    _check_binary(text)
    return text


def _utf16_order(payload: bytes) -> str | None:
    """The byte order of UTF-16 without a mark: every other byte of European text is NUL."""
    head = payload[:4096]
    if len(head) < _MIN_UTF16_BYTES:
        return None
    half = len(head) // 2
    first, second = (head[start::2].count(0) / half for start in (0, 1))
    if second > 0.4 and first < 0.05:
        return "utf-16-le"
    if first > 0.4 and second < 0.05:
        return "utf-16-be"
    return None


def _check_binary(payload: bytes) -> None:
    if b"\x00" in payload:
        raise FileRefusedError(
            "FILE_UNREADABLE", "binært innhold i en tekstfil", "binary content in a text file"
        )


# --- what came out ----------------------------------------------------------------------------


def _judge(payload: bytes, encoding: Encoding) -> None:
    """Refuse text that reads as another encoding than the declared 8-bit one."""
    sample = _sample(payload)
    if sample.isascii():
        first = re.search(rb"[\x80-\xff]", payload)
        assert first is not None
        start = payload.rfind(b"\n", 0, first.start()) + 1
        sample = payload[start : start + _SAMPLE_BYTES]
    used = bytes(sorted(set(sample.translate(None, _ASCII))))
    # UTF-8 has bytes 80 to BF in every letter beyond ASCII; the Norwegian letters of latin-1 none.
    if encoding != "cp865" and used[0] >= 0xC0 and _LETTERS.issuperset(used.decode(encoding)):
        return
    as_utf8 = b"".join(_HIGH_BYTES.findall(sample)[:_ENOUGH]).decode("utf-8", "replace")
    if as_utf8.count("\ufffd") * 10 <= len(as_utf8):
        raise _seems("utf-8", encoding)
    if _implausible(sample, encoding) > 0.5:
        others: tuple[Encoding, ...] = ("cp1252", "cp865")
        raise _seems(likely_encoding(sample, [n for n in others if n != encoding]), encoding)


def _implausible(sample: bytes, encoding: Encoding) -> float:
    """The share of non-ASCII characters that do not stand where text has them."""
    text = sample.decode(encoding, "replace")
    places = [match.start() for match in islice(_BEYOND_ASCII.finditer(text), _ENOUGH)]
    bad = sum(
        not _plausible(text[max(at - 1, 0) : at], text[at], text[at + 1 : at + 2]) for at in places
    )
    return bad / len(places) if places else 0.0


def _plausible(before: str, character: str, after: str) -> bool:
    if character in _LETTERS or character in _INSIDE_WORDS:
        return True
    return character in _MARKS and not (before.isalpha() and after.isalpha())


def _check_twice(payload: bytes) -> None:
    """Refuse UTF-8 that was taken for CP1252 and encoded once more."""
    sample = _sample(payload)
    if b"\xc3\x83" not in sample:
        return
    text = sample.decode("utf-8", "replace")
    beyond_ascii = sum(map(len, re.findall(r"[^\x00-\x7f]+", text)))
    if len(_TWICE.findall(text)) * 4 > beyond_ascii:
        raise _wrong("filen er kodet to ganger som UTF-8", "the file is encoded twice as UTF-8")


def _check_controls(payload: bytes, encoding: Encoding) -> None:
    """Refuse text with control or replacement characters in more than a few records."""
    sample = _sample(payload)
    if not sample.translate(None, _NO_CONTROL):
        return
    records = [line for line in re.split(rb"[\r\n]+", sample) if line]
    bad = sum(1 for line in records if _CONTROL.search(line))
    if bad >= _MIN_CONTROL_RECORDS and bad > _MAX_CONTROL_SHARE * len(records):
        raise _wrong(
            f"styretegn eller erstatningstegn i {bad} av {len(records)} undersøkte linjer; "
            f"kilden sier {encoding}",
            f"control or replacement characters in {bad} of {len(records)} lines looked at; "
            f"the source says {encoding}",
        )


def _sample(payload: bytes) -> bytes:
    """The whole of a small payload; of a large one, whole lines from places all over it."""
    if len(payload) <= _SAMPLE_BYTES:
        return payload
    size, step = _SAMPLE_BYTES // _SLICES, len(payload) // _SLICES
    slices = (payload[at : at + size] for at in range(0, step * _SLICES, step))
    return b"\n".join(part[part.find(b"\n") + 1 : part.rfind(b"\n") + 1 or None] for part in slices)


# --- refusals ---------------------------------------------------------------------------------


def _wrong(nb: str, en: str) -> FileRefusedError:
    return FileRefusedError("FILE_ENCODING", nb, en)


def _cut(payload: bytes) -> FileRefusedError:
    line = payload.count(b"\n") + 1
    return FileRefusedError(
        "FILE_TRUNCATED",
        f"filen slutter midt i et tegn, i linje {line}",
        f"the file ends within a character, in line {line}",
    )


def _seems(likely: Encoding | None, declared: Encoding) -> FileRefusedError:
    if likely is None:
        return _wrong(
            f"tegnene er ikke {declared}, som kilden sier",
            f"the characters are not {declared}, as the source says",
        )
    return _wrong(
        f"tegnsettet ser ut til å være {likely}, kilden sier {declared}",
        f"the encoding seems to be {likely}, the source says {declared}",
    )


def _undecodable(
    payload: bytes, byte: int, declared: Encoding, others: tuple[Encoding, ...]
) -> FileRefusedError:
    line = payload.count(b"\n", 0, byte) + 1
    likely = likely_encoding(payload, others)
    hint_nb = f"; tegnsettet ser ut til å være {likely}" if likely else ""
    hint_en = f"; the encoding seems to be {likely}" if likely else ""
    return _wrong(
        f"ikke {declared} ved byte {byte}, linje {line}{hint_nb}",
        f"not {declared} at byte {byte}, line {line}{hint_en}",
    )


def _check_line_length(payload: bytes) -> None:
    position = 0
    while len(payload) - position > MAX_LINE_BYTES:
        # The last line end within the allowed window; none means that this line is too long.
        end = payload.rfind(b"\n", position, position + MAX_LINE_BYTES + 1)
        if end < 0:
            end = payload.rfind(b"\r", position, position + MAX_LINE_BYTES + 1)
        if end < 0:
            line = payload.count(b"\n", 0, position) + 1
            raise FileRefusedError(
                "FILE_LINE_TOO_LONG",
                f"linje {line} er lengre enn {MAX_LINE_BYTES} byte",
                f"line {line} is longer than {MAX_LINE_BYTES} bytes",
            )
        position = end + 1
