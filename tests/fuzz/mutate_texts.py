"""Mutators of the content: bytes, lines and characters, and what JSON and XML allow."""

from __future__ import annotations

import json
import random
import re

from tests.fuzz.mutate import Draft, mutator
from tests.fuzz.write import ENCODINGS

_CSV, _LINES = ("csv", "fixed"), ("csv", "fixed", "jsonl")
_ALL = ("csv", "fixed", "jsonl", "json", "xml")
_MARKS = (
    "\x0b",
    "\x0c",
    "\u2028",
    "\u2029",
    "\x85",
    "\x00",
    "\x1a",
    "\x1c",
    "\r",
    "\r\n",
    "\n",
    "\ufeff",
    "\u200b",
    "\ufffe",
    "\t",
    "\x07",
    "\x7f",
    "\u00a0",
)
_QUOTES = ('"', '"', '"', '""', "'", "«", "»", "“", "”", "`", '\\"', '";"', '"\n')
_BOMS = (
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xfe\xff",
    b"\xff\xfe\x00\x00",
    b"\x00\x00\xfe\xff",
    b"\xef\xbb\xbf\xef\xbb\xbf",
)


def _encoding(draft: Draft) -> str:
    return ENCODINGS.get(draft.case.spec.format.encoding, "utf-8")


def text_of(draft: Draft) -> str:
    return draft.payload.decode(_encoding(draft), errors="replace")


def put_text(draft: Draft, text: str) -> None:
    draft.payload = text.encode(_encoding(draft), errors="replace")


def _insert(text: str, rng: random.Random, what: str) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + what + text[at:]


def _lines(draft: Draft) -> list[str]:
    return text_of(draft).split("\n")


# --- bytes and characters -----------------------------------------------------------------------


@mutator("payload", *_ALL, weight=2)
def content_byte(draft: Draft, rng: random.Random) -> None:
    data = bytearray(draft.payload)
    if not data:
        return
    at = rng.randrange(len(data))
    match rng.randrange(4):
        case 0:
            data[at] ^= 1 << rng.randrange(8)
        case 1:
            data[at] = rng.randrange(256)
        case 2:
            data.insert(at, rng.randrange(256))
        case _:
            del data[at : at + rng.choice((1, 1, 2, 5, 40))]
    draft.payload = bytes(data)


@mutator("payload", *_ALL, weight=2)
def content_cut(draft: Draft, rng: random.Random) -> None:
    """At any byte, by one character, at a line end."""
    data = draft.payload
    places = [at for at in range(len(data)) if data[at : at + 1] == b"\n"] or [0]
    keep = rng.choice((rng.randrange(len(data) + 1), len(data) - 1, len(data) - 2,
                       rng.choice(places), rng.choice(places) + 1))  # fmt: skip
    draft.payload = data[: max(keep, 0)]


@mutator("payload", *_ALL, weight=2)
def character_put_in(draft: Draft, rng: random.Random) -> None:
    text = text_of(draft)
    for _ in range(rng.choice((1, 1, 1, 3))):
        text = _insert(text, rng, rng.choice(_MARKS))
    put_text(draft, text)


@mutator("payload", *_ALL, weight=2)
def quote_put_in(draft: Draft, rng: random.Random) -> None:
    text = text_of(draft)
    mark = draft.case.spec.format.delimiter
    for _ in range(rng.choice((1, 1, 2))):
        quote = rng.choice(_QUOTES)
        at = text.find(mark, rng.randrange(len(text) + 1))
        if rng.random() < 0.6 and at >= 0:
            side = at + rng.choice((0, 1))
            text = text[:side] + quote + text[side:]
        else:
            text = _insert(text, rng, quote)
    put_text(draft, text)


@mutator("payload", "csv", "jsonl", "json", "xml")
def quote_taken_out(draft: Draft, rng: random.Random) -> None:
    text = text_of(draft)
    places = [found.start() for found in re.finditer('"', text)]
    if places:
        at = rng.choice(places)
        put_text(draft, text[:at] + text[at + 1 :])


@mutator("payload", "csv")
def everything_quoted(draft: Draft, rng: random.Random) -> None:
    mark = draft.case.spec.format.delimiter
    share = rng.choice((1.0, 0.5))
    lines = []
    for line in _lines(draft):
        fields = line.split(mark)
        done = [f'"{item}"' if rng.random() < share and '"' not in item else item
                for item in fields]  # fmt: skip
        lines.append(mark.join(done) if line else line)
    put_text(draft, "\n".join(lines))


@mutator("payload", "csv")
def newline_in_quotes(draft: Draft, rng: random.Random) -> None:
    mark = draft.case.spec.format.delimiter
    lines = _lines(draft)
    at = rng.randrange(len(lines))
    fields = lines[at].split(mark)
    place = rng.randrange(len(fields))
    inside = rng.choice(("\n", "\r\n", "\n\n", "\r"))
    fields[place] = f'"{fields[place]}{inside}mer"'
    lines[at] = mark.join(fields)
    put_text(draft, "\n".join(lines))


@mutator("payload", "csv")
def delimiter_changed(draft: Draft, rng: random.Random) -> None:
    text = text_of(draft)
    mark = draft.case.spec.format.delimiter
    places = [found.start() for found in re.finditer(re.escape(mark), text)]
    if not places:
        return
    at = rng.choice(places)
    other = rng.choice((";", ",", "\t", "|", mark * 2, ""))
    changed = (
        text.replace(mark, other) if rng.random() < 0.3 else text[:at] + other + text[at + 1 :]
    )
    put_text(draft, changed)


# --- lines --------------------------------------------------------------------------------------


@mutator("payload", *_LINES)
def line_dropped(draft: Draft, rng: random.Random) -> None:
    lines = _lines(draft)
    del lines[rng.randrange(len(lines))]
    put_text(draft, "\n".join(lines))


@mutator("payload", *_LINES)
def line_doubled(draft: Draft, rng: random.Random) -> None:
    lines = _lines(draft)
    lines.insert(rng.randrange(len(lines) + 1), rng.choice(lines))
    put_text(draft, "\n".join(lines))


@mutator("payload", *_LINES)
def lines_swapped(draft: Draft, rng: random.Random) -> None:
    lines = _lines(draft)
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    put_text(draft, "\n".join(lines))


@mutator("payload", *_LINES)
def lines_joined(draft: Draft, rng: random.Random) -> None:
    lines = _lines(draft)
    at = rng.randrange(len(lines))
    lines[at : at + 2] = [rng.choice(("", " ", "\r")).join(lines[at : at + 2])]
    put_text(draft, "\n".join(lines))


@mutator("payload", *_LINES)
def line_of_nothing(draft: Draft, rng: random.Random) -> None:
    lines = _lines(draft)
    mark = draft.case.spec.format.delimiter
    nothing = rng.choice(("", "", " ", "\t", "\x1a", mark * 3, "Sum: 8", "-- slutt --", "null"))
    for _ in range(rng.choice((1, 1, 3))):
        lines.insert(rng.randrange(len(lines) + 1), nothing)
    put_text(draft, "\n".join(lines))


@mutator("payload", *_ALL, weight=2)
def line_ends(draft: Draft, rng: random.Random) -> None:
    text = text_of(draft)
    ends = rng.choice(("\r\n", "\r", "\n\r", "\n\n", "\r\r\n", "\u2028", "\x0b", "mixed", "none"))
    if ends == "mixed":
        text = "".join(rng.choice(("\n", "\r\n", "\r")) if c == "\n" else c for c in text)
    elif ends == "none":
        text = text.rstrip("\n")
    else:
        text = text.replace("\n", ends)
    put_text(draft, text)


@mutator("payload", "csv")
def no_header(draft: Draft, rng: random.Random) -> None:
    lines = _lines(draft)
    del lines[: rng.choice((1, 2))]
    put_text(draft, "\n".join(lines))


# --- encodings ----------------------------------------------------------------------------------


@mutator("payload", *_ALL)
def byte_order_mark(draft: Draft, rng: random.Random) -> None:
    at = rng.choice((0, 0, 0, len(draft.payload) // 2))
    draft.payload = draft.payload[:at] + rng.choice(_BOMS) + draft.payload[at:]


@mutator("payload", *_ALL, weight=2)
def encoded_otherwise(draft: Draft, rng: random.Random) -> None:
    """The whole or a part in another encoding, with a Norwegian letter so that it shows."""
    text = text_of(draft)
    if rng.random() < 0.6:
        text = text.replace("o", rng.choice("øæåØ"), rng.choice((1, 3)))
    other = rng.choice(("utf-8", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252", "cp865",
                        "utf-8-sig", "utf-32"))  # fmt: skip
    if rng.random() < 0.6:
        draft.payload = text.encode(other, errors="replace")
    else:
        middle = rng.randrange(len(text) + 1)
        head = text[:middle].encode(_encoding(draft), errors="replace")
        draft.payload = head + text[middle:].encode(other, errors="replace")


@mutator("payload", *_ALL)
def encoded_twice(draft: Draft, rng: random.Random) -> None:
    text = text_of(draft).replace("a", rng.choice("åøæ"), 2)
    put_text(draft, text.encode().decode(rng.choice(("latin-1", "cp1252", "cp865")), "replace"))


# --- JSON ---------------------------------------------------------------------------------------


def _some_pair(text: str, rng: random.Random) -> re.Match[str] | None:
    pairs = list(re.finditer(r'"(\w+)": ("[^"\n]*"|[\w.-]+)', text))
    return rng.choice(pairs) if pairs else None


@mutator("payload", "jsonl", "json", weight=3)
def json_pair(draft: Draft, rng: random.Random) -> None:
    """A key or a value written in another way, or twice."""
    text = text_of(draft)
    found = _some_pair(text, rng)
    if found is None:
        return
    key, value = found.group(1), found.group(2)
    inner = value.strip('"')
    escaped = "".join(f"\\u{ord(c):04x}" for c in key)
    surrogate = f'"{key}": "a\\ud800b"'
    new = rng.choice((
        f'"{key}": {value}, "{key}": "annet"', f'"{key}": "annet", "{key}": {value}',
        f'"{key}": {value}, "{escaped}": {value}', f'"{escaped}": {value}', surrogate,
        f'"{key}": {{"a": {value}}}', f'"{key}": [{value}]', f'"{key}": []', f'"{key}": {{}}',
        f'"{key}": NaN', f'"{key}": Infinity', f'"{key}": 1e400', f'"{key}": 1.0', f'"{key}": 1e2',
        f'"{key}": 01', f'"{key}": +1', f'"{key}": .5', f'"{key}": 12345678901234567890123',
        f'"{key}": 9007199254740993', f'"{key}": {inner}', f'"{key}": {inner}.0', f'"{key}": true',
        f'"{key}": "{inner}\\u00a0"', f'"{key}": "\\u0000"', f"'{key}': {value}", f"{key}: {value}",
        f'"{key}": {value},', f'"{key}": "a\tb"', f'"{key}": "\\x41"', f'"{key}": null',
        f'"{key}": -0', f'"{key}": 1E+2', f'"{key}": 301.50', f'"{key}": tru',
        f'"{key}.x": {value}',
        f'"{key}": "\\ud83d\\ude00"', f'"{key}" : {value}', f'"{key}": {value} /* nei */',
    ))  # fmt: skip
    put_text(draft, text[: found.start()] + new + text[found.end() :])


@mutator("payload", "jsonl", "json")
def json_shape(draft: Draft, rng: random.Random) -> None:
    text = text_of(draft)
    try:
        if draft.case.spec.format.type == "jsonl":
            items = [json.loads(line) for line in text.splitlines() if line.strip()]
        else:
            items = json.loads(text)
    except ValueError:
        return
    match rng.randrange(8):
        case 0:
            text = json.dumps(items)
        case 1:
            text = json.dumps(items, indent=2)
        case 2 if isinstance(items, list):
            text = "".join(json.dumps(item) + "\n" for item in items)
        case 3:
            text = json.dumps({"data": items})
        case 4 if isinstance(items, list):
            items.insert(rng.randrange(len(items) + 1), rng.choice((None, 1, "a", [], {}, [{}])))
            text = "\n".join(json.dumps(item) for item in items)
            if draft.case.spec.format.type == "json":
                text = json.dumps(items)
        case 5:
            depth = rng.choice((50, 500, 20_000))
            text = text.replace('"tillegg_tall": ', '"dypt": ' + "[" * depth + "]" * depth
                                + ', "tillegg_tall": ', 1)  # fmt: skip
        case 6:
            text = text.rstrip("\n") + rng.choice(("]", "}", ",", "\n{", " null", "\n[]"))
        case _:
            text = json.dumps(items, sort_keys=True, separators=(",", ":"))
            if draft.case.spec.format.type == "jsonl":
                text = "\n".join(json.dumps(item, sort_keys=True) for item in items)
    put_text(draft, text)


# --- XML ----------------------------------------------------------------------------------------


@mutator("payload", "xml", weight=8)
def xml_form(draft: Draft, rng: random.Random) -> None:
    text = text_of(draft)
    tag = (draft.case.spec.format.record or "x").split("/")[-1]
    record = re.search(f"<{tag}.*?</{tag}>\n", text, re.DOTALL)
    if record is None:
        return
    whole = record.group()
    leaves = list(re.finditer(r"<(\w+)>([^<]*)</\w+>", text))
    leaf = rng.choice(leaves) if leaves else None
    before, after = text[: record.start()], text[record.start() :]
    root = text.find("<Melding")
    match rng.randrange(20):
        case 0:
            text = text[:root] + '<!DOCTYPE Melding [<!ENTITY e "113">]>' + text[root:].replace(
                "113", "&e;", 1)  # fmt: skip
        case 1:
            text = text[:root] + '<!DOCTYPE Melding SYSTEM "file:///etc/hostname">' + text[root:]
        case 2:
            text = text.replace("<Melding>", '<Melding xmlns="urn:a">', 1)
        case 3:
            text = text.replace("<Melding>", '<m:Melding xmlns:m="urn:a">').replace(
                "</Melding>", "</m:Melding>")  # fmt: skip
        case 4:
            text = before + f"<!-- {whole} -->" + after
        case 5:
            text = before + f"<![CDATA[{whole}]]>" + after
        case 6 if leaf:
            cdata = f"<{leaf[1]}><![CDATA[{leaf[2]}]]></{leaf[1]}>"
            text = text[: leaf.start()] + cdata + text[leaf.end() :]
        case 7 if leaf:
            coded = "".join(f"&#{ord(c)};" for c in leaf[2])
            text = text[: leaf.start(2)] + coded + text[leaf.end(2) :]
        case 8 if leaf:
            text = text[: leaf.end()] + leaf[0] + text[leaf.end() :]
        case 9:
            text = before + f"<{tag}/>" + after
        case 10:
            text = before + f"<Andre>{whole}</Andre>" + after
        case 11:
            text = before + whole.replace(f"</{tag}>", f"{whole}</{tag}>", 1) + after
        case 12:
            other = rng.choice(("ISO-8859-1", "UTF-16", "ascii", "windows-1252", "tull"))
            text = re.sub('encoding="[^"]+"', f'encoding="{other}"', text)
        case 13:
            text = text.replace("<?xml", rng.choice((" <?xml", "\n<?xml", "")), 1)
        case 14 if leaf:
            text = text[: leaf.start()] + f"<{leaf[1]}/>" + text[leaf.end() :]
        case 15 if leaf:
            inner = f"<{leaf[1]}>{leaf[2]}<b>x</b></{leaf[1]}>"
            text = text[: leaf.start()] + inner + text[leaf.end() :]
        case 16:
            text = text.replace(f"<{tag} ", f'<{tag} xmlns:q="urn:q" q:ny="1" ', 1)
        case 17:
            text += rng.choice(("<Melding/>", "<!-- slutt -->", "tekst", whole))
        case 18 if leaf:
            text = text[: leaf.end(2)] + rng.choice(("&nbsp;", "&#0;", "&#xD800;", "&", "<")) + (
                text[leaf.end(2) :])  # fmt: skip
        case _:
            text = before + whole.replace("<rev>", "<!-- x --><rev><?pi a?>", 1) + (
                after[len(whole) :])  # fmt: skip
    put_text(draft, text)
