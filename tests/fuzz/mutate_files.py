"""Mutators of what is around and inside binary files: archives, workbooks, Parquet, names."""

from __future__ import annotations

import gzip
import io
import random
import re
import struct
import zipfile
import zlib

import pyarrow as pa
import pyarrow.parquet as pq

from tests.fuzz import write
from tests.fuzz.mutate import Draft, mutator

# --- any file -----------------------------------------------------------------------------------


def _damaged(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    if not changed:
        return data
    at = rng.randrange(len(changed))
    match rng.randrange(5):
        case 0:
            changed[at] ^= 1 << rng.randrange(8)
        case 1:
            changed[at] = rng.randrange(256)
        case 2:
            changed.insert(at, rng.randrange(256))
        case 3:
            del changed[at : at + rng.choice((1, 2, 8, 64))]
        case _:
            return data[:at]
    return bytes(changed)


@mutator("file", "xlsx", "xls", "ods", "parquet", "gzip", "zip", weight=3)
def file_bytes(draft: Draft, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 1, 4))):
        draft.data = _damaged(draft.data, rng)


@mutator("file")
def file_ends(draft: Draft, rng: random.Random) -> None:
    data = draft.data
    draft.data = rng.choice((
        b"", data[:-1], data[: len(data) // 2], data[:4], data + b"\x00", data + b"\x00" * 512,
        data + data, data + b"rusk", b"rusk" + data, b"\x00" + data, b"\x00" * len(data),
    ))  # fmt: skip


@mutator("file", weight=0.3)
def another_format(draft: Draft, rng: random.Random) -> None:
    form = rng.randrange(5)
    if form == 0:
        draft.data = gzip.compress(draft.data, mtime=0)
    elif form == 1:
        draft.data = write.zipped({"data.csv": draft.data})
    elif form == 2:
        draft.data = b"<html><body>Logg inn</body></html>"
    elif form == 3:
        draft.data = b"PAR1" + draft.data[:50] + b"PAR1"
    else:
        draft.data = write.parquet_bytes(write.arrow_table(draft.table))


@mutator("name", weight=0.7)
def file_name(draft: Draft, rng: random.Random) -> None:
    name, day = draft.name, draft.day.isoformat()
    head, _, tail = name.rpartition("_m")
    draft.name = rng.choice((
        name.replace(day, "9999-12-31"), name.replace(day, "2026-02-30"),
        name.replace(day, "2205-11-03"), name.replace(day, "0001-01-01"),
        name.replace(day, "1999-01-01"), name.replace(day, ""), name.replace(day, "２０２６-01-15"),
        name + ".part", name + ".tmp", "." + name, name.upper(), name.replace("_", "-"),
        name + "~", "æ" + name, name.replace(".", "\n."), name.replace(".", "\u202e."),
        f"{head}_'; drop table x;--m{tail}", name[:-1], name.replace(".", " ."),
        f"{head}_rättad_m{tail}", f"{head}_*[1]?_m{tail}", f"{head}_{'lang' * 40}_m{tail}",
    ))  # fmt: skip


# --- archives -----------------------------------------------------------------------------------


def _members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@mutator("packed", "zip", weight=6)
def zip_members(draft: Draft, rng: random.Random) -> None:
    parts = _members(draft.data)
    first = next(iter(parts))
    content = parts[first]
    junk = rng.randrange(14)
    match junk:
        case 0:
            parts["__MACOSX/._" + first] = b"\x00\x05\x16\x07"
        case 1:
            parts = {"mappe/": b"", **parts}
        case 2:
            parts[".DS_Store"] = b"\x00\x00\x00\x01Bud1"
        case 3:
            parts["lesmeg.txt"] = b"hei"
        case 4:
            parts["kopi.csv"] = content
        case 5:
            parts = {rng.choice(("../ut.csv", "/abs.csv", "C:\\x.csv", "a/../../b.csv")): content}
        case 6:
            parts = {"indre.zip": write.zipped(parts)}
        case 7:
            parts = {f"undermappe/{first}": content}
        case 8:
            parts = {}
        case 9:
            parts = {first: gzip.compress(content, mtime=0)}
        case 10:
            parts = {"del_1.csv": content, "del_3.csv": b"", "DEL_4.csv": content}
        case 11:
            parts = {**parts, "del_9.csv": content.split(b"\n")[0] + b"\n"}
        case 12:
            lines = content.split(b"\n")
            parts = {**parts, "del_9.csv": b"annet;" + b"\n".join(lines)}
        case _:
            parts = {"": content} if rng.random() < 0.5 else {"æøå \u202e.csv": content}
    method = rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2))
    draft.data = write.zipped(parts, method)


@mutator("packed", "zip", "xlsx", "ods", weight=3)
def zip_headers(draft: Draft, rng: random.Random) -> None:
    """Sizes, check sums, flags and places that lie, in the directory or before a member."""
    data = bytearray(draft.data)
    central = data.rfind(b"PK\x01\x02")
    local, end = data.find(b"PK\x03\x04"), data.rfind(b"PK\x05\x06")
    if min(central, local, end) < 0:
        return
    fields = (
        (central + 16, "<I"), (central + 20, "<I"), (central + 24, "<I"), (central + 8, "<H"),
        (central + 10, "<H"), (central + 42, "<I"), (local + 14, "<I"), (local + 18, "<I"),
        (local + 22, "<I"), (local + 6, "<H"), (local + 8, "<H"), (local + 26, "<H"),
        (end + 8, "<H"), (end + 10, "<H"), (end + 12, "<I"), (end + 16, "<I"), (end + 20, "<H"),
    )  # fmt: skip
    at, kind = rng.choice(fields)
    if at + struct.calcsize(kind) > len(data):
        return
    old = struct.unpack_from(kind, data, at)[0]
    top = (1 << (8 * struct.calcsize(kind))) - 1
    new = rng.choice((0, 1, old + 1, max(old - 1, 0), old * 2, top, old ^ 1, old ^ 8)) & top
    struct.pack_into(kind, data, at, new)
    draft.data = bytes(data)


@mutator("packed", "gzip", weight=6)
def gzip_form(draft: Draft, rng: random.Random) -> None:
    content, data = draft.payload, draft.data
    middle = len(content) // 2
    parts = [gzip.compress(content[:middle], mtime=0), gzip.compress(content[middle:], mtime=0)]
    named = io.BytesIO()
    with gzip.GzipFile("navn.csv", "wb", fileobj=named, mtime=1) as stream:
        stream.write(content)
    draft.data = rng.choice((
        b"".join(parts), parts[0], b"".join(reversed(parts)), named.getvalue(), content,
        data + b"\x00" * 8, data + b"rusk", data[:-4], data[:-8], data[:-1], gzip.compress(data),
        data[:-8] + b"\x00\x00\x00\x00" + data[-4:], data[:-4] + b"\x01\x00\x00\x00",
        zlib.compress(content), parts[0] + b"\x00\x00" + parts[1], gzip.compress(b"") + data,
        data[:3] + b"\x04" + data[4:], data[:3] + b"\x02" + data[4:],
    ))  # fmt: skip


# --- workbooks ----------------------------------------------------------------------------------

_SHEET, _BOOK = "xl/worksheets/sheet1.xml", "xl/workbook.xml"


def _edit(draft: Draft, part: str, edit: str, to: str, count: int = 1) -> None:
    if part in draft.parts:
        text = draft.parts[part].decode(errors="replace")
        draft.parts[part] = text.replace(edit, to, count).encode(errors="replace")


@mutator("parts", "xlsx", "ods", weight=2)
def workbook_part_bytes(draft: Draft, rng: random.Random) -> None:
    part = rng.choice(list(draft.parts))
    draft.parts[part] = _damaged(draft.parts[part], rng)


@mutator("parts", "xlsx", weight=8)
def excel_cell(draft: Draft, rng: random.Random) -> None:
    """One cell as Excel can also hold it: errors, formulas, other types, wrong indexes."""
    text = draft.parts[_SHEET].decode(errors="replace")
    cells = list(re.finditer(r'<c r="([A-Z]+)(\d+)"([^>]*)><v>([^<]*)</v></c>', text))
    if not cells:
        return
    found = rng.choice(cells)
    place, value = f'r="{found[1]}{found[2]}"', found[4]
    new = rng.choice((
        f'<c {place} t="e"><v>#N/A</v></c>', f'<c {place} t="e"><v>#DIV/0!</v></c>',
        f'<c {place} t="e"><v>#TULL</v></c>', f"<c {place}><f>1+1</f></c>",
        f"<c {place}><f>1+1</f><v></v></c>", f"<c {place}><f>A1</f><v>{value}</v></c>",
        f'<c {place} t="str"><f>A1</f><v>tekst</v></c>', f'<c {place} t="str"><v>{value}</v></c>',
        f'<c {place} t="inlineStr"><is><t>{value}</t></is></c>',
        f'<c {place} t="inlineStr"><is><r><t>{value[:2]}</t></r><r><t>{value[2:]}</t></r></is></c>',
        f'<c {place} t="b"><v>1</v></c>', f'<c {place} t="b"><v>7</v></c>',
        f'<c {place} t="s"><v>999999</v></c>', f'<c {place} t="s"><v>-1</v></c>',
        f'<c {place} t="n"><v>{value}</v></c>', f"<c {place}><v>1e3</v></c>",
        f"<c {place}><v>301.0</v></c>", f"<c {place}><v>301.5</v></c>", f"<c {place}><v>x</v></c>",
        f"<c {place}><v>1E+400</v></c>", f"<c {place}><v>NaN</v></c>", f"<c {place}/>",
        f'<c {place} s="1"><v>0.5</v></c>', f'<c {place} s="1"><v>0</v></c>',
        f'<c {place} s="1"><v>60</v></c>', f'<c {place} s="1"><v>-1</v></c>',
        f'<c {place} s="1"><v>2958466</v></c>', f'<c {place} s="1"><v>46037.9999999</v></c>',
        f'<c {place} s="9"><v>{value}</v></c>', f'<c {place} s="3"><v>46037.25</v></c>',
        f'<c {place} s="2"><v>46037.25</v></c>', f"<c><v>{value}</v></c>", "",
        f'<c {place} t="d"><v>2026-01-15T12:00:01</v></c>',
        f'<c r="XFD1048576"><v>1</v></c>{found[0]}', f'<c r="A1"><v>1</v></c>{found[0]}',
        found[0] + found[0], f'<c r="{found[1]}"><v>{value}</v></c>',
    ))  # fmt: skip
    draft.parts[_SHEET] = (text[: found.start()] + new + text[found.end() :]).encode()


@mutator("parts", "xlsx", weight=6)
def excel_sheet(draft: Draft, rng: random.Random) -> None:
    """Rows, hints, views, other sheets, the 1904 calendar."""
    text = draft.parts[_SHEET].decode(errors="replace")
    rows = list(re.finditer(r'<row r="(\d+)">.*?</row>', text, re.DOTALL))
    if not rows:
        return
    row = rng.choice(rows)
    number = int(row[1])
    other = '<sheet name="Annet" sheetId="2" r:id="rId1"/>'
    match rng.randrange(22):
        case 0:
            _edit(draft, _SHEET, "<sheetData>", '<dimension ref="A1:B2"/><sheetData>')
        case 1:
            _edit(draft, _SHEET, "<sheetData>", '<dimension ref="A1:XFD1048576"/><sheetData>')
        case 2:
            _edit(draft, _SHEET, row[0], row[0].replace("<row", '<row hidden="1"', 1))
        case 3:
            hidden = '<cols><col min="1" max="3" hidden="1"/></cols><sheetData>'
            _edit(draft, _SHEET, "<sheetData>", hidden)
        case 4:
            filters = '</sheetData><autoFilter ref="A1:C3"/>'
            _edit(draft, _SHEET, "</sheetData>", filters)
        case 5:
            _edit(draft, _BOOK, "<workbookPr/>", '<workbookPr date1904="1"/>')
        case 6:
            _edit(draft, _BOOK, "<workbookPr/>", '<workbookPr date1904="true"/>')
        case 7:
            extended = '<workbookPr date1904="1"><extLst><ext uri="a"/></extLst></workbookPr>'
            _edit(draft, _BOOK, "<workbookPr/>", extended)
        case 8:
            gap = rng.choice((2, 5, 1000))
            tail = text[row.start() :]
            moved = re.sub(r'r="([A-Z]*)(\d+)"', lambda m: f'r="{m[1]}{int(m[2]) + gap}"', tail)
            draft.parts[_SHEET] = (text[: row.start()] + moved).encode()
        case 9:
            _edit(draft, _SHEET, row[0], row[0] + row[0])
        case 10:
            _edit(draft, _SHEET, row[0], "")
        case 11:
            bare = re.sub(r' r="[A-Z]*\d+"', "", row[0])
            _edit(draft, _SHEET, row[0], bare)
        case 12:
            draft.parts[_SHEET] = re.sub(r' r="[A-Z]*\d+"', "", text).encode()
        case 13:
            _edit(draft, _SHEET, f'<row r="{number}">', f'<row r="{number + 1}">')
        case 14:
            _edit(draft, _BOOK, "<sheets>", f"<sheets>{other}")
        case 15:
            _edit(draft, _BOOK, "</sheets>", f"{other}</sheets>")
        case 16:
            _edit(draft, _BOOK, 'sheetId="1"', 'sheetId="1" state="hidden"')
        case 17:
            name = rng.choice(("Ark2", "oppdrag", "Oppdrag ", "Beredskap2"))
            draft.parts[_BOOK] = re.sub(
                rb'name="[^"]*"', f'name="{name}"'.encode(), draft.parts[_BOOK]
            )
        case 18:
            _edit(draft, _SHEET, "</sheetData>", '</sheetData><mergeCells count="1">'
                  f'<mergeCell ref="A{number}:B{number}"/></mergeCells>')  # fmt: skip
        case 19:
            far = '<row r="1048576"><c r="A1048576"><v>1</v></c></row></sheetData>'
            _edit(draft, _SHEET, "</sheetData>", far)
        case 20:
            blank = '<row r="{0}"><c r="A{0}" s="1"/></row>'
            last = int(rows[-1][1])
            extra = "".join(blank.format(last + 1 + n) for n in range(rng.choice((1, 30))))
            _edit(draft, _SHEET, "</sheetData>", extra + "</sheetData>")
        case _:
            strings = draft.parts["xl/sharedStrings.xml"].decode(errors="replace")
            items = list(re.finditer(r"<si>.*?</si>", strings, re.DOTALL))
            if items:
                item = rng.choice(items)
                new = rng.choice((
                    "", "<si/>", item[0] * 2, "<si><t>a_x000D_b</t></si>",
                    "<si><r><t>a</t></r><rPh sb='0' eb='1'><t>ka</t></rPh><r><t>b</t></r></si>",
                    "<si><t>  a  </t></si>", '<si><t xml:space="preserve">  113  </t></si>',
                ))  # fmt: skip
                edited = strings[: item.start()] + new + strings[item.end() :]
                draft.parts["xl/sharedStrings.xml"] = edited.encode()


@mutator("parts", "ods", weight=6)
def ods_sheet(draft: Draft, rng: random.Random) -> None:
    text = draft.parts["content.xml"].decode(errors="replace")
    cells = list(re.finditer(r"<table:table-cell[^>]*>.*?</table:table-cell>", text, re.DOTALL))
    rows = list(re.finditer(r"<table:table-row>", text))
    if not cells or not rows:
        return
    cell, row = rng.choice(cells), rng.choice(rows)

    def swap(new: str) -> str:
        return text[: cell.start()] + new + text[cell.end() :]

    repeated = rng.choice((2, 3, 1000, 1_048_576))
    match rng.randrange(12):
        case 0:
            at = row.start() + len("<table:table-row")
            text = f'{text[:at]} table:number-rows-repeated="{repeated}"{text[at:]}'
        case 1:
            tail = f'<table:table-row table:number-rows-repeated="{repeated}"><table:table-cell/>'
            text = text.replace("</table:table>", f"{tail}</table:table-row></table:table>")
        case 2:
            at = cell.start() + len("<table:table-cell")
            count = rng.choice((2, 3, 1000))
            text = f'{text[:at]} table:number-columns-repeated="{count}"{text[at:]}'
        case 3:
            empty = f'<table:table-cell table:number-columns-repeated="{rng.choice((2, 16384))}"/>'
            text = text.replace("</table:table-row>", f"{empty}</table:table-row>")
        case 4:
            text = swap('<table:table-cell office:value-type="float" office:value="301"><text:p>'
                        "0301</text:p></table:table-cell>")  # fmt: skip
        case 5:
            text = swap('<table:table-cell office:value-type="float" office:value="x"/>')
        case 6:
            text = swap('<table:table-cell table:formula="of:=1/0" office:value-type="string" '
                        'office:string-value=""><text:p>#DIV/0!</text:p>'
                        "</table:table-cell>")  # fmt: skip
        case 7:
            text = swap('<table:table-cell office:value-type="date" '
                        'office:date-value="1899-12-30"/>')  # fmt: skip
        case 8:
            text = swap('<table:table-cell office:value-type="percentage" office:value="0.5"/>')
        case 9:
            text = swap('<table:table-cell office:value-type="string"><text:p>a</text:p><text:p>b'
                        "</text:p></table:table-cell>")  # fmt: skip
        case 10:
            at = row.start() + len("<table:table-row")
            text = f'{text[:at]} table:visibility="collapse"{text[at:]}'
        case _:
            other = '<table:table table:name="Annet"/>'
            text = text.replace("<office:spreadsheet>", f"<office:spreadsheet>{other}")
    draft.parts["content.xml"] = text.encode()


# --- Parquet ------------------------------------------------------------------------------------

_TYPES = (
    pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint64(), pa.float32(), pa.float64(),
    pa.string(), pa.large_string(), pa.binary(), pa.bool_(), pa.decimal128(20, 3),
    pa.timestamp("ns"), pa.timestamp("ms"), pa.timestamp("s"), pa.timestamp("us", "Europe/Oslo"),
    pa.timestamp("ms", "UTC"), pa.timestamp("us"), pa.date32(), pa.time64("us"), pa.duration("us"),
    pa.dictionary(pa.int32(), pa.string()), pa.null(),
)  # fmt: skip


def _table(draft: Draft) -> pa.Table | None:
    try:
        return pq.read_table(io.BytesIO(draft.payload))
    except (pa.ArrowException, OSError):
        return None


@mutator("payload", "parquet", weight=8)
def parquet_type(draft: Draft, rng: random.Random) -> None:
    """A column in another type, as far as Arrow can cast it."""
    table = _table(draft)
    if table is None or not table.num_columns:
        return
    for _ in range(rng.choice((1, 1, 2))):
        at = rng.randrange(table.num_columns)
        column = table.column(at).combine_chunks()
        kind = rng.choice(_TYPES)
        try:
            if pa.types.is_dictionary(kind):
                new = column.cast(pa.string()).dictionary_encode()
            else:
                new = column.cast(kind, safe=False)
        except (pa.ArrowException, NotImplementedError):
            continue
        table = table.set_column(at, table.column_names[at], new)
    draft.payload = write.parquet_bytes(table)


@mutator("payload", "parquet", weight=4)
def parquet_nested(draft: Draft, rng: random.Random) -> None:
    table = _table(draft)
    if table is None or not table.num_columns or not table.num_rows:
        return
    at = rng.randrange(table.num_columns)
    values = table.column(at).to_pylist()
    wrapped = (
        pa.array([[value] for value in values])
        if rng.random() < 0.5
        else pa.array([{"a": value} for value in values])
    )
    draft.payload = write.parquet_bytes(table.set_column(at, table.column_names[at], wrapped))


@mutator("payload", "parquet", weight=4)
def parquet_numbers(draft: Draft, rng: random.Random) -> None:
    """Floats, nulls among integers, numbers that no text of the source has."""
    table = _table(draft)
    if table is None or not table.num_rows:
        return
    numeric = [at for at, item in enumerate(table.schema) if pa.types.is_integer(item.type)]
    if not numeric:
        return
    at = rng.choice(numeric)
    values = table.column(at).to_pylist()
    odd = rng.choice((None, float("nan"), float("inf"), 1e16, 0.5, 2**53 + 1, -1, 1e300, -0.0))
    values[rng.randrange(len(values))] = odd
    integers = all(value is None or isinstance(value, int) for value in values)
    new = pa.array(values, pa.int64() if integers else pa.float64())
    draft.payload = write.parquet_bytes(table.set_column(at, table.column_names[at], new))


@mutator("payload", "parquet", weight=3)
def parquet_layout(draft: Draft, rng: random.Random) -> None:
    """The same content laid out otherwise: groups, packing, versions, dictionaries."""
    table = _table(draft)
    if table is None:
        return
    options = rng.choice((
        {"row_group_size": 1}, {"row_group_size": 3}, {"compression": "none"},
        {"compression": "gzip"}, {"compression": "zstd"}, {"compression": "lz4"},
        {"compression": "brotli"}, {"version": "1.0"}, {"data_page_version": "2.0"},
        {"use_dictionary": False}, {"write_statistics": False}, {"data_page_size": 64},
        {"use_deprecated_int96_timestamps": True}, {"coerce_timestamps": "ms"},
        {"use_byte_stream_split": False, "use_dictionary": False, "version": "2.6"},
    ))  # fmt: skip
    try:
        draft.payload = write.parquet_bytes(table, **options)
    except (pa.ArrowException, OSError):
        return


@mutator("payload", "parquet", weight=4)
def parquet_bytes_inside(draft: Draft, rng: random.Random) -> None:
    """In a page, or in the footer that says where the pages are."""
    data = bytearray(draft.payload)
    if len(data) < 16:
        return
    length = struct.unpack_from("<I", data, len(data) - 8)[0]
    footer = max(4, len(data) - 8 - length)
    start, end = (footer, len(data)) if rng.random() < 0.6 else (4, footer)
    for _ in range(rng.choice((1, 1, 2, 8))):
        data[rng.randrange(start, max(end, start + 1))] = rng.randrange(256)
    draft.payload = bytes(data)
