"""JSON lines and arrays: one meaning, whatever the spelling and whatever way the reader takes."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.errors import FileRefusedError
from ingestion.readers import RawFile, read_bytes
from ingestion.readers.json_layout import MAX_LAYOUTS, Chunk, cut, learn
from ingestion.readers.json_record import ABSENT, Fields, as_text, read_record
from ingestion.readers.raw import ROW_KEY_TWICE, ROW_UNREADABLE
from ingestion.sources.spec import SourceSpec
from tests.ingestion.conftest import HEADER, call_source

DAY = dt.date(2026, 1, 15)
NAMES = HEADER.split(";")


def source(kind: str = "jsonl", *, record: str | None = None, **raw: str) -> SourceSpec:
    """The call source as JSON, with other raw names for some columns."""
    columns = call_source().model_dump(by_alias=True, exclude_defaults=True)["columns"]
    for column, name in raw.items():
        columns[column] = {**columns[column], "from": [name]}
    return call_source(format={"type": kind, "record": record}, columns=columns)


def call(number: int, **changes: Any) -> dict[str, Any]:
    """One record; named fields are replaced."""
    values = {name: f"{name}{number}" for name in NAMES}
    return {**values, "id": f"a{number}", **changes}


def lines(*records: Any) -> bytes:
    """JSON lines; a text stands for itself."""
    texts = [r if isinstance(r, str) else json.dumps(r, ensure_ascii=False) for r in records]
    return ("\n".join(texts) + "\n").encode()


def read(data: bytes, spec: SourceSpec | None = None) -> RawFile:
    """Read, and see that every record is there once."""
    raw = read_bytes(data, spec or source(), DAY)
    numbers = [*raw.frame["_row_number"], *(number for number, _ in raw.broken)]
    assert sorted(numbers) == list(range(1, raw.rows_read + 1))
    return raw


def refusal(data: bytes, spec: SourceSpec | None = None) -> FileRefusedError:
    with pytest.raises(FileRefusedError) as caught:
        read_bytes(data, spec or source(), DAY)
    return caught.value


def value(text: str) -> str | None:
    """What a JSON text becomes at a mapped field, among records of the ordinary kind."""
    record = json.dumps(call(2)).replace('"id": "a2"', f'"id": {text}')
    raw = read(lines(call(1), record, call(3)))
    assert not raw.broken
    found: str | None = raw.frame["id"][1]
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", "1"),
        ("1.0", "1"),
        ("1e0", "1"),
        ("10E-1", "1"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("301.0", "301"),
        ("1.50", "1.5"),
        ("12.5e-3", "0.0125"),
        ("1e3", "1000"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("-9007199254740993", "-9007199254740993"),
        ("0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"),
        ("7" * 5000, "7" * 5000),
        ("1e40", "1" + "0" * 40),
        ("1e41", "1e41"),
        ("0e999999999", "0e999999999"),
        ("1E-400", "1E-400"),
        ("true", "true"),
        ("false", "false"),
        ("null", None),
        ('""', ""),
        ('"1.0"', "1.0"),
        ('"null"', "null"),
        ('" a "', " a "),
        ('":a"', ":a"),
        (r'"\u00f8\n\"\\"', 'ø\n"\\'),
        (r'"\ud83d\ude91"', "\U0001f691"),
        ('"\u2028"', "\u2028"),
        ("[1.0, null]", "[1,null]"),
        ('{"a": {"b": "ø"}}', '{"a":{"b":"ø"}}'),
        ("[]", "[]"),
    ],
)
def test_a_value_has_one_spelling(text: str, expected: str | None) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "-Infinity",
        "01",
        "1.",
        ".5",
        "+1",
        "0x10",
        "truе",  # with a Cyrillic letter
        "'a'",
        '"a\tb"',
        r'"\ud800"',
        r'"\udc00\ud800"',
        r'"\x"',
        '"a',
        "1,",
        "",
        "1 2",
        "[" * 20_000,
        "[" * 100 + "]" * 100,
    ],
)
@pytest.mark.parametrize("name", ["id", "unmapped"])
def test_what_is_not_json_is_one_broken_record(text: str, name: str) -> None:
    record = json.dumps(call(2, unmapped="x"))
    record = record.replace(f'"{name}": "{"a2" if name == "id" else "x"}"', f'"{name}": {text}')
    raw = read(lines(call(1, unmapped="x"), record, call(3, unmapped="x")))
    assert raw.broken == ((2, ROW_UNREADABLE),)
    assert raw.frame["id"].to_list() == ["a1", "a3"]


@pytest.mark.parametrize(
    "line",
    [
        "{broken",
        "[1]",
        "1",
        '"text"',
        "null",
        "{}x",
        '{"id": 1}{"id": 2}',
        '{"id": "a",}',
        "\ufeff{}",
        "\x0c{}",
    ],
)
def test_a_line_that_is_no_object_is_rejected_alone(line: str) -> None:
    raw = read(lines(call(1), line, call(3)))
    assert raw.broken == ((2, ROW_UNREADABLE),)


@pytest.mark.parametrize(
    "record",
    [
        '{"utfall":"B","utfall":"F",%s',
        r'{"utfall":"B","utf\u0061ll":"B",%s',
        '{"x":{"deep":[{"a":1,"a":1}]},%s',
        '{"":1,"":1,%s',
    ],
)
def test_a_key_twice_makes_a_record_ambiguous(record: str) -> None:
    rest = json.dumps({k: v for k, v in call(1).items() if k != "utfall"})[1:]
    # Alone, first, and among many that are alike.
    for before, after in [(0, 0), (0, 5), (5, 5)]:
        raw = read(lines(*map(call, range(before)), record % rest, *map(call, range(after))))
        assert raw.broken == ((before + 1, ROW_KEY_TWICE),)


def test_escaped_keys_are_the_same_keys() -> None:
    spec = source(source_id="oppdragsnøkkel")
    records = [{**call(n), "oppdragsnøkkel": f"ø{n}"} for n in range(5)]
    escaped = "\n".join(json.dumps(record, ensure_ascii=True) for record in records)
    assert "n\\u00f8kkel" in escaped
    assert read(escaped.encode(), spec).frame["oppdragsnøkkel"].to_list() == [
        f"ø{n}" for n in range(5)
    ]


def test_number_keys_are_one_key_beside_a_broken_line() -> None:
    first = lines(call(1, id=1.0, kommune=301.0), call(2, id=2.0, kommune=301.0))
    second = lines("{broken", call(1, id=1, kommune=301), call(2, id=2, kommune=301))
    for data in (first, second):
        frame = read(data).frame
        assert frame["id"].to_list() == ["1", "2"]
        assert frame["kommune"].to_list() == ["301", "301"]


def test_dotted_paths_and_keys_with_dots() -> None:
    spec = source(source_id="call.id", central_id="a.b.c")
    rows = [
        {"call": {"id": "nested"}, "a": {"b": {"c": "1"}}},
        {"call.id": "whole", "call": "a text", "a.b": {"c": "2"}},
        {"call.id": "whole", "call": {"id": "nested"}, "a.b": {"c": "2"}},
        {"call.id": "whole", "call": {"id": None}, "a.b": {"c": None}},
        {"call": None, "a": {"b.c": "3"}},
        {"call": "a text", "a": None},
        {"call": ["x"], "a": {"b": 7}},
        {"call": {"id": {"x": 1.0}}},
    ]
    rest = {name: "v" for name in NAMES if name not in ("id", "sentral")}
    raw = read(lines(*({**rest, **row} for row in rows)), spec)
    ids = ["nested", "whole", "whole", None, '"a text"', '["x"]', '{"x":1}']
    assert raw.frame["call.id"].to_list() == ids
    assert raw.frame["a.b.c"].to_list() == ["1", "2", None, "3", None, "7", None]
    assert raw.broken == ((3, "ROW_KEY_TWICE"),)
    assert raw.marks == {"ROW_VALUE_NESTED": (6, 7, 8)}


def test_a_text_that_looks_like_json_is_a_text() -> None:
    raw = read(lines(call(1, sentral="[ukjent]"), call(2, sentral="{}"), call(3, sentral=["x"])))
    assert raw.frame["sentral"].to_list() == ["[ukjent]", "{}", '["x"]']
    assert raw.marks == {"ROW_VALUE_NESTED": (3,)}


def test_a_parent_that_is_null_has_the_field() -> None:
    rest = {name: "v" for name in NAMES if name != "id"}
    spec = source(source_id="call.id")
    assert read(lines({**rest, "call": None}), spec).frame["call.id"].to_list() == [None]
    assert refusal(lines(rest), spec).code == "FILE_COLUMN_MISSING"
    # In what is only a text there is no such field.
    assert refusal(lines({**rest, "x": '"call.id"'}), spec).detail_en == "column: call.id"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_and_blank_lines(end: str) -> None:
    texts = ["", json.dumps(call(1)), " \t", json.dumps(call(2)), "", ""]
    assert read(end.join(texts).encode()).frame["id"].to_list() == ["a1", "a2"]


@pytest.mark.parametrize("data", [b"\n", b" \n\r\n\t"])
def test_a_file_without_records_says_nothing(data: bytes) -> None:
    for kind in ("jsonl", "json"):
        assert read(data, source(kind)).rows_read == 0


def test_a_last_line_that_is_cut_refuses_the_file() -> None:
    data = lines(call(1), call(2)).rstrip()
    for size in (1, 5, 30):
        error = refusal(data[:-size])
        assert error.code == "FILE_TRUNCATED"
        assert "2" in error.detail_nb
    # Ended by a line end, it is a broken record like others.
    assert read(data[:-5] + b"\n").broken == ((2, ROW_UNREADABLE),)


def test_records_are_equal_by_all_their_content() -> None:
    base = call(1, unmapped={"a": 1, "b": [True, None]}, n=1)
    other = json.dumps({**dict(reversed(base.items())), "n": 1.0}, indent=None)
    raw = read(
        lines(
            base,
            call(2),
            other.replace("a1", r"\u00611"),
            {**base, "unmapped": {"a": 1, "b": [True]}},
            {**base, "n": "1"},
            {**base, "more": None},
        )
    )
    assert raw.record_hash is not None
    first, alone, same, *different = raw.record_hash.to_list()
    assert first == same
    assert len({first, alone, *different}) == 5
    assert read(lines(call(1), call(2))).record_hash is None


def test_many_layouts_and_values() -> None:
    """More layouts than are learnt, optional keys, types that change from row to row."""
    records = []
    for n in range(400):
        record = call(n, kommune=[301, "0301", None, 301.0, "3\\01", True][n % 6])
        record |= {f"x{bit}": n for bit in range(6) if n >> bit & 1}
        records.append(record if n % 7 else dict(sorted(record.items())))
    assert len({tuple(record) for record in records}) > MAX_LAYOUTS
    check_as_strict(lines(*records))


def check_as_strict(data: bytes, spec: SourceSpec | None = None) -> RawFile:
    """Compare with the strict reader, record by record."""
    spec = spec or source()
    fields = Fields(spec, {})
    raw = read(data, spec)
    rows = {row["_row_number"]: row for row in raw.frame.to_dicts()}
    for number, line in enumerate(data.decode().rstrip("\n").split("\n"), start=1):
        try:
            expected = [as_text(found) for found in fields.find(read_record(line))]
        except ValueError:
            assert number not in rows
        else:
            assert [rows[number][name] for name in fields.names] == expected
    return raw


# Control characters, and what looks like UTF-8 twice, refuse a file before it is JSON.
TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffdÂÃ"), max_size=8
) | st.sampled_from(['"', "\\", ":", '":', "null", "a\nb", '","id":"', "}", "[", "\u0000", "1.0"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
VALUES = st.recursive(
    SCALARS,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(TEXTS, children, max_size=3),
    max_leaves=6,
)
RECORDS = st.fixed_dictionaries(
    {"id": SCALARS, "sentral": VALUES},
    optional={"rev": SCALARS, "ø": VALUES, "utfall": TEXTS, "": SCALARS},
)
WRITERS = st.fixed_dictionaries(
    {
        "ensure_ascii": st.booleans(),
        "sort_keys": st.booleans(),
        "separators": st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", ":  ")]),
    }
)
OPTIONAL = {
    name: {**column, "optional": True} if "from" in column else column
    for name, column in call_source()
    .model_dump(by_alias=True, exclude_defaults=True)["columns"]
    .items()
}


def optional(kind: str) -> SourceSpec:
    return call_source(format={"type": kind}, columns=OPTIONAL)


def plain(value: Any) -> str | None:
    """What a value should become, told apart from the reader."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        text = f"{value:.400f}".rstrip("0").rstrip(".") if 1e-30 < abs(value) < 1e30 else ""
        return text or "?"
    return str(value) if isinstance(value, int) else "?"


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(RECORDS, st.integers(1, 3)), min_size=1, max_size=8), WRITERS)
def test_written_by_anyone_and_read_back(
    records: list[tuple[dict[str, Any], int]], writer: dict[str, Any]
) -> None:
    written = [record for record, times in records for _ in range(times)]
    data = "\n".join(json.dumps(record, **writer) for record in written).encode()
    raw = check_as_strict(data, optional("jsonl"))
    assert not raw.broken
    for name in ("id", "rev", "utfall"):
        for record, found in zip(written, raw.frame[name], strict=True):
            expected = plain(record.get(name))
            if isinstance(record.get(name), float):
                assert found is not None
                assert float(found) == record[name]
            else:
                assert found == expected
    for indent in (None, 1):
        array = json.dumps(written, indent=indent, **writer).encode()
        again = read(array, optional("json"))
        assert again.frame.equals(raw.frame)
        if raw.record_hash is not None:
            assert again.record_hash is not None
            assert again.record_hash.equals(raw.record_hash)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(RECORDS, min_size=1, max_size=4),
    WRITERS,
    st.lists(
        st.tuples(st.integers(0, 10_000), st.sampled_from(list('"\\:,{}[]0 e.nu\t'))), max_size=3
    ),
)
def test_fast_is_strict_on_damaged_lines(
    records: list[dict[str, Any]], writer: dict[str, Any], damage: list[tuple[int, str]]
) -> None:
    """Whatever is put into or taken out of lines of one layout, both ways say the same."""
    good = json.dumps(records[0], **writer)
    texts = []
    for place, (at, character) in enumerate(damage):
        text = json.dumps(records[place % len(records)], **writer)
        at %= len(text)
        texts += [text[:at] + character + text[at:], text[:at] + character + text[at + 1 :]]
        texts.append(text[:at] + text[at + 1 :])
    # Begun by a sound record, so that the file is lines for sure, and ended by one.
    check_as_strict("\n".join([good, good, *texts, good, ""]).encode(), optional("jsonl"))


def array(*elements: Any, indent: int | None = None) -> bytes:
    return json.dumps(list(elements), indent=indent, ensure_ascii=False).encode()


@pytest.mark.parametrize("indent", [None, 1, 4])
def test_an_array_pretty_printed_or_not(indent: int | None) -> None:
    raw = read(array(*map(call, range(30)), indent=indent), source("json"))
    assert raw.frame["id"].to_list() == [f"a{n}" for n in range(30)]
    assert read(b" [ ] ", source("json")).rows_read == 0


def test_an_array_of_one_long_line() -> None:
    data = array(*map(call, range(10_000)))
    assert len(data) > 1024**2
    assert read(data, source("json")).rows_read == 10_000


def test_an_array_inside_a_document() -> None:
    records = [call(1), call(2)]
    document = {"meta": {"anrop": [1, 2], "n": 2}, "data": {"anrop": records, "sum": [0]}, "x": {}}
    data = json.dumps(document).encode()
    assert read(data, source("json", record="data.anrop")).frame["id"].to_list() == ["a1", "a2"]
    assert "data.feil" in refusal(data, source("json", record="data.feil")).detail_nb
    assert "format.record" in refusal(data, source("json")).detail_en
    twice = data.replace(b'"x": {}', b'"data": {}')
    assert refusal(twice, source("json", record="data.anrop")).code == "FILE_UNREADABLE"


def test_a_document_with_an_element_that_is_not_json_is_refused() -> None:
    good = json.dumps(call(1))
    for element in ("{broken}", "NaN", '{"a": [1, ]}', "7", '{"id" "x"}'):
        found = refusal(f"[{good},\n{element} , {good}]".encode(), source("json"))
        assert (found.code, "line 2" in found.detail_en) == ("FILE_UNREADABLE", True)
    twice = read(f'[{good},\n{{"id": 1, "id": 2}} , {good}]'.encode(), source("json"))
    assert twice.broken == ((2, "ROW_KEY_TWICE"),)


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ('[%s,\n{"id": "unclosed},\n%s]', "FILE_UNREADABLE", "line 2"),
        ("[%s,\n%s", "FILE_TRUNCATED", "line 2"),
        ("[%s,\n%s,", "FILE_TRUNCATED", "line 2"),
        ('[%s,\n{"id": "cut', "FILE_TRUNCATED", "line 2"),
        ("[%s,\n%s,]", "FILE_UNREADABLE", "line 2"),
        ("[%s,\n,%s]", "FILE_UNREADABLE", "line 2, column 1"),
        ("[%s,\n%s]]", "FILE_UNREADABLE", "line 2"),
        ("[%s,\n%s}", "FILE_UNREADABLE", "line 2"),
        ("[%s]\n[%s]", "FILE_UNREADABLE", "line 2"),
        ("[" * 20_000, "FILE_UNREADABLE", ""),
    ],
)
def test_a_document_that_is_not_json_is_refused_with_the_place(
    text: str, code: str, place: str
) -> None:
    data = text.replace("%s", json.dumps(call(1)))
    error = refusal(data.encode(), source("json"))
    assert (error.code, place in error.detail_en) == (code, True)


def test_lines_and_arrays_taken_for_each_other() -> None:
    records = [call(1), call(2)]
    for indent in (None, 1):
        error = refusal(array(*records, indent=indent))
        assert (error.code, "type: json}" in error.detail_nb) == ("FILE_UNREADABLE", True)
        assert "type: json}" in error.detail_en
    assert refusal(array(*records, indent=1)[:-20]).code == "FILE_UNREADABLE"
    document = json.dumps({"anrop": records}, indent=1).encode()
    assert "record" in refusal(document).detail_en
    error = refusal(lines(*records), source("json"))
    assert (error.code, "type: jsonl}" in error.detail_nb) == ("FILE_UNREADABLE", True)


def test_names_by_period() -> None:
    spec = source(source_id="call.id").model_dump(by_alias=True)
    spec["headers"] = [{"valid_to": "2026-02-01", "rename": {"ring.nr": "call.id"}}]
    rest = {name: "v" for name in NAMES if name != "id"}
    frame = read(lines({**rest, "ring": {"nr": "7"}}), SourceSpec.model_validate(spec)).frame
    assert frame["call.id"].to_list() == ["7"]


def test_a_value_under_two_names_of_one_column_is_ambiguous() -> None:
    headers = [{"rename": {"nr": "id", "no": "id"}}]
    spec = call_source(format={"type": "jsonl"}, headers=headers)
    rest = {name: "v" for name in NAMES if name != "id"}
    keys: list[dict[str, Any]] = [{"nr": "1"}, {"id": "2"}, {"no": "3", "nr": None, "id": None}]
    both = [{"nr": "4", "id": "4"}, {"nr": "5", "no": "6"}]
    # Many of each, so that they are read together too.
    raw = read(lines(*({**key, **rest} for key in [*keys, *both] * 40)), spec)
    assert raw.frame["id"].to_list() == ["1", "2", "3"] * 40
    assert raw.broken == tuple((5 * n + k, "ROW_KEY_TWICE") for n in range(40) for k in (4, 5))


def test_two_arrays_at_the_path_are_refused() -> None:
    data = json.dumps({"a.b": [call(1)], "a": {"b": [call(2)]}}).encode()
    error = refusal(data, source("json", record="a.b"))
    assert (error.code, "two arrays" in error.detail_en) == ("FILE_UNREADABLE", True)


def test_unmapped_values_never_leave_the_reader() -> None:
    frame = read(lines(call(1, navn="Kari Nordmann"), call(2, navn="Kari Nordmann"))).frame
    assert set(frame.columns) == {*NAMES, "_row_number"}
    assert frame.schema == {**dict.fromkeys(frame.columns, pl.String), "_row_number": pl.Int64}


def test_absent_is_not_null() -> None:
    fields = Fields(source(), {})
    assert fields.find(read_record('{"id": null}'))[:2] == [None, ABSENT]


def test_ordinary_records_are_read_together() -> None:
    """Nulls, whole numbers, flags and escaped letters do not need the strict reader."""
    records = [
        call(n, kommune=None if n % 2 else n, ø="æ", x={"y": n % 3 == 0}, rev=n) for n in range(50)
    ]
    for indent, ascii_only in ((None, False), (None, True), (2, False)):
        texts = [json.dumps(r, indent=indent, ensure_ascii=ascii_only).encode() for r in records]
        ends = np.cumsum([len(text) + 1 for text in texts]) - 1
        starts = ends - [len(text) for text in texts]
        chunk = Chunk(b"\n".join(texts), starts, ends)
        layout = learn(texts[0], Fields(source(), {}))
        assert layout is not None
        rows, columns = cut(chunk, layout, np.arange(50))
        assert rows.tolist() == list(range(50))
        assert columns[0] is not None
        assert columns[0].to_pylist() == [f"a{n}" for n in range(50)]


@pytest.mark.parametrize(
    "other",
    [
        '{"id" : "5", "x": 1}',
        '{"id": "5", "x": [1, 2]}',
        r'{"id": "\u00000", "x": 1}',
        '{"id": "5", "x": {}}',
        '{"x": 1, "id": "5"}',
    ],
)
def test_a_layout_never_takes_one_value_for_another(other: str) -> None:
    """The teaching record and one that looks much like it, in both orders."""
    spec = optional("jsonl")
    alike = other.replace('"5"', '"6"').replace("1", "2")
    for texts in ([other, alike], [alike, other], [other, '{"id": "7", "x": 3}', alike]):
        check_as_strict(lines(*texts), spec)
