"""Tables as files: one plain writer per format, so that a mutator can reach inside."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
import re
import zipfile
from decimal import Decimal
from xml.sax.saxutils import escape, quoteattr

import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.sources.spec import SourceSpec
from tests.fuzz.table import Cell, Table

ENCODINGS = {"utf-16": "utf-16", "latin-1": "latin-1", "cp1252": "cp1252", "cp865": "cp865"}
_STAMP = (1980, 1, 1, 0, 0, 0)


def payload(table: Table, spec: SourceSpec) -> bytes:
    """The unpacked content of a file."""
    match spec.format.type:
        case "csv":
            return encoded(csv_text(table, spec), spec)
        case "fixed":
            return encoded(fixed_text(table, spec), spec)
        case "jsonl":
            lines = (json.dumps(item, ensure_ascii=False) for item in trees(table))
            return encoded("".join(f"{line}\n" for line in lines), spec)
        case "json":
            return encoded(json.dumps(document(table, spec), ensure_ascii=False, indent=1), spec)
        case "xml":
            return encoded(xml_text(table, spec), spec)
        case "xlsx":
            return zipped(xlsx_parts(table, spec))
        case "ods":
            return zipped(ods_parts(table, spec))
        case "xls":
            from tests.fuzz.biff import workbook

            return workbook(table, spec)
        case "parquet":
            return parquet_bytes(arrow_table(table))
        case other:
            raise NotImplementedError(other)


def packed(content: bytes, spec: SourceSpec, name: str = "data.csv") -> bytes:
    """The content as its source compresses it."""
    if spec.format.compression == "gzip":
        return gzip.compress(content, mtime=0)
    if spec.format.compression == "zip":
        if spec.format.members is None:
            return zipped({name: content})
        # Two halves with a heading each, as a sender with a file per shift would write them.
        lines = content.splitlines(keepends=True)
        middle = 1 + (len(lines) - 1) // 2
        second = b"".join([*lines[:1], *lines[middle:]])
        return zipped({"del_1.csv": b"".join(lines[:middle]), "del_2.csv": second})
    return content


def encoded(text: str, spec: SourceSpec) -> bytes:
    return text.encode(ENCODINGS.get(spec.format.encoding, "utf-8"), errors="replace")


def zipped(parts: dict[str, bytes] | dict[str, str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in parts.items():
            member = zipfile.ZipInfo(name, date_time=_STAMP)
            member.compress_type = method
            archive.writestr(member, content)
    return buffer.getvalue()


def plain(cell: Cell) -> str:
    """A cell as text."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return str(cell)


def csv_text(table: Table, spec: SourceSpec) -> str:
    mark = spec.format.delimiter

    def field(cell: Cell) -> str:
        text = plain(cell)
        quoted = spec.format.quoting == "standard" and any(c in text for c in f'{mark}"\r\n')
        return '"' + text.replace('"', '""') + '"' if quoted else text

    before = ["Uttrekk"] * (spec.format.header_row - 1)
    lines = [mark.join(field(cell) for cell in row) for row in [table.names, *table.rows]]
    return "".join(f"{line}\n" for line in [*before, *lines])


def fixed_text(table: Table, spec: SourceSpec) -> str:
    places = spec.format.fields
    width = max(last for _, last in places.values())
    lines = []
    for row in table.rows:
        line = [" "] * width
        for name, cell in zip(table.names, row, strict=False):
            if name in places:
                first, last = places[name]
                text = plain(cell)[: last - first + 1].ljust(last - first + 1)
                line[first - 1 : last] = text
        line[-3:] = "end"
        lines.append("".join(line))
    return "".join(f"{line}\n" for line in lines)


def trees(table: Table) -> list[dict[str, object]]:
    """Rows as nested objects, dotted names being paths."""
    items = []
    for row in table.rows:
        tree: dict[str, object] = {}
        for name, cell in zip(table.names, row, strict=False):
            node = tree
            *path, leaf = name.split(".")
            for part in path:
                below = node.setdefault(part, {})
                node = below if isinstance(below, dict) else {}
            node[leaf] = cell if cell is None or isinstance(cell, str | int | float) else str(cell)
        items.append(tree)
    return items


def document(table: Table, spec: SourceSpec) -> object:
    """A JSON document with the array of records where the source says that it is."""
    inner: object = trees(table)
    for part in reversed((spec.format.record or "").split(".")):
        inner = {"laget": "2026-01-15", part: inner} if part else inner
    return inner


def xml_text(table: Table, spec: SourceSpec) -> str:
    *outer, tag = (spec.format.record or "").split("/")
    lines = []
    for row in table.rows:
        attributes, body = "", ""
        groups: dict[str, str] = {}
        for name, cell in zip(table.names, row, strict=False):
            if name.startswith("@"):
                attributes += f" {name[1:]}={quoteattr(plain(cell))}"
                continue
            group, _, leaf = name.rpartition("/")
            item = f"<{leaf}>{escape(plain(cell))}</{leaf}>"
            groups[group] = groups.get(group, "") + item
        for group, inner in groups.items():
            body += f"<{group}>{inner}</{group}>" if group else inner
        lines.append(f"<{tag}{attributes}>{body}</{tag}>\n")
    start = "".join(f"<{part}>" for part in outer)
    end = "".join(f"</{part}>" for part in reversed(outer))
    head = f'<?xml version="1.0" encoding="{spec.format.encoding.upper()}"?>\n'
    return f"{head}{start}\n{''.join(lines)}{end}\n"


# --- workbooks --------------------------------------------------------------------------------

_NS = "http://schemas.openxmlformats.org"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_BASE = {
    "[Content_Types].xml": (
        f'{_XML}<Types xmlns="{_NS}/package/2006/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-'
        'officedocument.spreadsheetml.sheet.main+xml"/></Types>'
    ),
    "_rels/.rels": (
        f'{_XML}<Relationships xmlns="{_NS}/package/2006/relationships"><Relationship Id="rId1" '
        f'Type="{_NS}/officeDocument/2006/relationships/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/styles.xml": (
        f'{_XML}<styleSheet xmlns="{_NS}/spreadsheetml/2006/main"><numFmts count="3">'
        '<numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/>'
        '<numFmt numFmtId="165" formatCode="dd\\.mm\\.yyyy"/>'
        '<numFmt numFmtId="166" formatCode="hh:mm:ss"/></numFmts>'
        '<fonts count="1"><font/></fonts><fills count="1"><fill/></fills>'
        '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
        '<cellXfs count="4"><xf/><xf numFmtId="164" applyNumberFormat="1"/>'
        '<xf numFmtId="165" applyNumberFormat="1"/><xf numFmtId="166" applyNumberFormat="1"/>'
        "</cellXfs></styleSheet>"
    ),
}
_SHEET_REL = f"{_NS}/officeDocument/2006/relationships"


def letters(index: int) -> str:
    """The letters of a 0-based column."""
    text = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        text = chr(65 + rest) + text
    return text


def serial(stamp: dt.datetime, epoch_1904: bool = False) -> float:
    """The day number of Excel."""
    start = dt.datetime(1904, 1, 1) if epoch_1904 else dt.datetime(1899, 12, 30)
    return (stamp.replace(tzinfo=None) - start) / dt.timedelta(days=1)


def xlsx_cell(cell: Cell, place: str, strings: list[str]) -> str:
    at = f' r="{place}"'
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return f'<c{at} t="b"><v>{int(cell)}</v></c>'
    if isinstance(cell, int | float | Decimal):
        return f"<c{at}><v>{cell!s}</v></c>"
    if isinstance(cell, dt.datetime):
        return f'<c{at} s="1"><v>{serial(cell)!r}</v></c>'
    if isinstance(cell, dt.date):
        return f'<c{at} s="2"><v>{serial(dt.datetime.combine(cell, dt.time())):.0f}</v></c>'
    if isinstance(cell, dt.time):
        day = dt.datetime.combine(dt.date(1899, 12, 30), cell)
        return f'<c{at} s="3"><v>{serial(day)!r}</v></c>'
    strings.append(cell)
    return f'<c{at} t="s"><v>{len(strings) - 1}</v></c>'


def xlsx_text(text: str) -> str:
    """A text as XML may hold it; what XML cannot hold is written as Excel does (`_x000B_`)."""
    kept = "".join(
        c if c in "\t\n" or (c >= " " and c not in "￾￿") else f"_x{ord(c):04X}_" for c in text
    )
    return escape(kept)


def xlsx_parts(table: Table, spec: SourceSpec) -> dict[str, str]:
    strings: list[str] = []
    heads = [["Grupper"]] * (spec.format.header_row - 1)
    rows = []
    for number, row in enumerate([*heads, table.names, *table.rows], start=1):
        cells = (xlsx_cell(cell, f"{letters(at)}{number}", strings) for at, cell in enumerate(row))
        rows.append(f'<row r="{number}">{"".join(cells)}</row>')
    items = "".join(f'<si><t xml:space="preserve">{xlsx_text(text)}</t></si>' for text in strings)
    sheet = spec.format.sheet or "Ark1"
    return {
        **_BASE,
        "xl/workbook.xml": (
            f'{_XML}<workbook xmlns="{_NS}/spreadsheetml/2006/main" xmlns:r="{_SHEET_REL}">'
            f'<workbookPr/><sheets><sheet name={quoteattr(sheet)} sheetId="1" r:id="rId1"/>'
            "</sheets></workbook>"
        ),
        "xl/_rels/workbook.xml.rels": (
            f'{_XML}<Relationships xmlns="{_NS}/package/2006/relationships">'
            f'<Relationship Id="rId1" Type="{_SHEET_REL}/worksheet" '
            'Target="worksheets/sheet1.xml"/>'
            f'<Relationship Id="rId2" Type="{_SHEET_REL}/styles" Target="styles.xml"/>'
            f'<Relationship Id="rId3" Type="{_SHEET_REL}/sharedStrings" '
            'Target="sharedStrings.xml"/></Relationships>'
        ),
        "xl/sharedStrings.xml": f'{_XML}<sst xmlns="{_NS}/spreadsheetml/2006/main">{items}</sst>',
        "xl/worksheets/sheet1.xml": (
            f'{_XML}<worksheet xmlns="{_NS}/spreadsheetml/2006/main"><sheetData>'
            f"{''.join(rows)}</sheetData></worksheet>"
        ),
    }


_ODS = "urn:oasis:names:tc:opendocument:xmlns"
_ODS_NAMES = (
    f'xmlns:office="{_ODS}:office:1.0" xmlns:table="{_ODS}:table:1.0" xmlns:text="{_ODS}:text:1.0"'
)


def ods_cell(cell: Cell) -> str:
    if cell is None:
        return "<table:table-cell/>"
    shown = f"<text:p>{xlsx_text(plain(cell))}</text:p>"
    if isinstance(cell, bool):
        kind = f'office:value-type="boolean" office:boolean-value="{plain(cell)}"'
    elif isinstance(cell, int | float | Decimal):
        kind = f'office:value-type="float" office:value="{cell}"'
    elif isinstance(cell, dt.datetime | dt.date):
        text = cell.isoformat().removesuffix("+00:00")
        kind = f'office:value-type="date" office:date-value="{text}"'
    elif isinstance(cell, dt.time):
        text = f"PT{cell.hour:02d}H{cell.minute:02d}M{cell.second:02d}S"
        kind = f'office:value-type="time" office:time-value="{text}"'
    else:
        kind = 'office:value-type="string"'
    return f"<table:table-cell {kind}>{shown}</table:table-cell>"


def ods_parts(table: Table, spec: SourceSpec) -> dict[str, str]:
    heads = [["Grupper"]] * (spec.format.header_row - 1)
    rows = "".join(
        f"<table:table-row>{''.join(map(ods_cell, row))}</table:table-row>"
        for row in [*heads, table.names, *table.rows]
    )
    sheet = spec.format.sheet or "Ark1"
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    return {
        "mimetype": kind,
        "META-INF/manifest.xml": (
            f'{_XML}<manifest:manifest xmlns:manifest="{_ODS}:manifest:1.0">'
            f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/>'
            '<manifest:file-entry manifest:full-path="content.xml" '
            'manifest:media-type="text/xml"/></manifest:manifest>'
        ),
        "content.xml": (
            f'{_XML}<office:document-content {_ODS_NAMES} office:version="1.2"><office:body>'
            f"<office:spreadsheet><table:table table:name={quoteattr(sheet)}>{rows}</table:table>"
            "</office:spreadsheet></office:body></office:document-content>"
        ),
    }


# --- Parquet ----------------------------------------------------------------------------------


def arrow_column(cells: list[Cell]) -> pa.Array:
    """A typed column: the plainest type that holds every cell."""
    present = [cell for cell in cells if cell is not None]
    if present and all(
        isinstance(c, str) and re.fullmatch("0|[1-9][0-9]{0,16}", c) for c in present
    ):
        return pa.array([None if c is None else int(str(c)) for c in cells], pa.int64())
    if present and all(isinstance(c, dt.datetime) for c in present):
        zoned = any(isinstance(c, dt.datetime) and c.tzinfo is not None for c in present)
        return pa.array(cells, pa.timestamp("us", tz="UTC" if zoned else None))
    try:
        return pa.array(cells)
    except (pa.ArrowException, OverflowError):
        return pa.array([None if c is None else plain(c) for c in cells], pa.string())


def arrow_table(table: Table) -> pa.Table:
    columns = [
        arrow_column([row[at] if at < len(row) else None for row in table.rows])
        for at in range(len(table.names))
    ]
    return pa.Table.from_arrays(columns, names=table.names)


def parquet_bytes(table: pa.Table, **options: object) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()
