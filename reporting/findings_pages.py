"""Pages of findings as Markdown and XLSX: one per source and one for all, in both languages.

Both formats are made from the same blocks (a title, a sentence, a table), so they cannot differ.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from reporting import findings
from reporting.audience import keep_private
from reporting.findings import DIMENSIONS, Period
from reporting.periods import label
from reporting.reader import Release

OVERVIEW = "samlet"
_NONE = "–"
_HIDDEN = ":"
_GRADE_WORDS = {
    "A": "A god / good",
    "B": "B brukbar / usable",
    "C": "C svak / weak",
    "D": "D ikke til å bygge på / not to build on",
}
_BREAK_KINDS = {
    "platform_cutover": "Bytte av telefoniplattform / change of telephony platform",
    "definition": "Endret definisjon / changed definition",
    "geography": "Endret inndeling / changed geography",
}
_LINKS = {
    "CALL": ("Rød hendelse og anrop", "Red incident and call"),
    "TRANSFER": ("116117 overført til 113", "116117 passed on to 113"),
    "VIDEO": ("Videoøkt og anrop", "Video session and call"),
    "LAT": ("Luftambulanse og oppdrag", "Air ambulance and mission"),
}
_SMALL_NUMBERS = (
    "Antall fra 1 til 9 er skjult (:), og andeler er avrundet til nærmeste ti rader; karakteren "
    "bygger på de nøyaktige tallene. Eksempler er filens id eller navn og radnummer (navnet til en "
    "id: akutt lake files ID); verdier fra radene vises aldri.",
    "Counts of 1 to 9 are hidden (:) and shares are rounded to the nearest ten rows; the grade "
    "is that of the exact figures. Examples are the file's id or name and row numbers (the name of "
    "an id: akutt lake files ID); values of the rows are never shown.",
)


@dataclass(frozen=True)
class Block:
    """A part of a page: a heading in both languages, sentences, and perhaps a table."""

    sheet: str
    title: str
    texts: Sequence[str] = ()
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


@dataclass(frozen=True)
class Page:
    """A page with its blocks."""

    title: str
    intro: Sequence[str]
    blocks: Sequence[Block] = field(default_factory=tuple)


def source_page(release: Release, source: str, period: Period | None = None) -> Page:
    """What the owner of one source can act on."""
    period = period or findings.latest_period(release)
    contract = dict(findings.source_names(release))[source]
    frame = findings.findings(release, source)
    serious = frame.filter(pl.col("grade").fill_null("A") != "A")
    minor = frame.filter(pl.col("grade").fill_null("A") == "A")
    return Page(
        f"Funn for {source} / Findings for {source}",
        (
            f"Datatype / record type: {contract}. Periode / period: {period.label}. "
            f"Utgivelse / release: {release.label}.",
            *_SMALL_NUMBERS,
        ),
        (
            _grades_block(release, source, period),
            _findings_block("Funn", "Funn å rette / Findings to act on", serious),
            _findings_block("Mindre funn", "Mindre funn / Minor findings", minor),
            _units_block(release, source, period),
            _months_block(release, source),
        ),
    )


def overview_page(release: Release, period: Period | None = None) -> Page:
    """The answer to the study's question across sources."""
    period = period or findings.latest_period(release)
    return Page(
        "Kan data samles og samordnes på tvers av kjeden? / "
        "Can data be collected and coordinated across the chain?",
        (
            f"Periode / period: {period.label}. Utgivelse / release: {release.label}.",
            *findings.answer_words(release, period),
            *_SMALL_NUMBERS,
        ),
        (
            _matrix_block(release, period),
            _steps_block(release, period),
            _methods_block(release),
            _breaks_block(release),
            _systems_block(release, period),
        ),
    )


def markdown(page: Page) -> str:
    """The page as Markdown."""
    lines = [f"# {page.title}", ""]
    for text in page.intro:
        lines += [text, ""]
    for block in page.blocks:
        lines += [f"## {block.title}", ""]
        for text in block.texts:
            lines += [text, ""]
        if block.rows:
            lines.append("| " + " | ".join(block.header) + " |")
            lines.append("|" + "---|" * len(block.header))
            lines += ["| " + " | ".join(_cell(text) for text in row) + " |" for row in block.rows]
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def workbook(page: Page) -> bytes:
    """The page as a workbook: the introduction first, then a sheet per block."""
    import xlsxwriter

    buffer = io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}
    with xlsxwriter.Workbook(buffer, options) as book:
        bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        about = book.add_worksheet("Les meg")
        about.set_column(0, 0, 110, wrapped)
        about.write_string(0, 0, page.title, bold)
        for position, text in enumerate(page.intro, start=1):
            about.write_string(position, 0, text)
        for block in page.blocks:
            sheet = book.add_worksheet(block.sheet)
            for position, text in enumerate((block.title, *block.texts)):
                sheet.write_string(position, 0, text)
            top = len(block.texts) + 2
            for column, name in enumerate(block.header):
                sheet.write_string(top, column, name, bold)
                widest = max([len(name), *(len(row[column]) for row in block.rows)])
                sheet.set_column(column, column, min(max(widest, 8) + 2, 60), wrapped)
            for position, row in enumerate(block.rows, start=top + 1):
                for column, text in enumerate(row):
                    sheet.write_string(position, column, text)
            if block.rows:
                sheet.freeze_panes(top + 1, 0)
    return buffer.getvalue()


def export(release: Release, folder: Path) -> list[Path]:
    """Write every page in both formats; returns the files."""
    period = findings.latest_period(release)
    pages = {OVERVIEW: overview_page(release, period)}
    for source, _ in findings.source_names(release):
        pages[source] = source_page(release, source, period)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, page in pages.items():
        for suffix, content in ((".md", markdown(page).encode()), (".xlsx", workbook(page))):
            path = folder / f"{name}{suffix}"
            path.write_bytes(content)
            keep_private([path], release.audience)
            written.append(path)
    return written


# --- blocks -------------------------------------------------------------------------------------


def _grades_block(release: Release, source: str, period: Period) -> Block:
    rows = [
        (
            " / ".join(DIMENSIONS[row["dimension"]]),
            _GRADE_WORDS[row["grade"]],
            _percent(row["value"]),
            f"{row['reason_nb']}{_of_field(row['field'])}",
            f"{row['reason_en']}{_of_field(row['field'])}",
        )
        for row in findings.deciding(release, source, period).iter_rows(named=True)
    ]
    return Block(
        "Karakterer",
        "Karakterer / Grades",
        ("Karakteren er den dårligste av målene i hver dimensjon. / The grade is the worst of the "
         "measures of each dimension.",),
        ("Dimensjon / dimension", "Karakter / grade", "Verdi / value", "Avgjøres av", "Decided by"),
        rows,
    )  # fmt: skip


def _findings_block(sheet: str, title: str, frame: pl.DataFrame) -> Block:
    rows = [
        (
            row["grade"] or _NONE,
            row["code"],
            row["field"] if row["field"] != "*" else _NONE,
            row["what_nb"],
            row["what_en"],
            _how_much(row),
            f"{row['since']} – {row['last_seen']}",
            ", ".join(findings.examples(row)) or _NONE,
            row["action_nb"],
            row["action_en"],
        )
        for row in frame.iter_rows(named=True)
    ]
    header = (
        "Karakter / grade", "Regel / rule", "Felt / field", "Hva som er galt", "What is wrong",
        "Omfang / extent", "Siden – sist sett / since – last seen",
        "Eksempler (fil:rad) / examples (file:row)", "Hva du kan gjøre", "What to do",
    )  # fmt: skip
    return Block(sheet, title, () if rows else ("Ingen. / None.",), header if rows else (), rows)


def _units_block(release: Release, source: str, period: Period) -> Block:
    rows = [
        (
            row["unit_name"],
            row["unit_id"],
            _GRADE_WORDS[row["grade"]],
            row["reason_nb"],
            row["reason_en"],
        )
        for row in findings.weak_units(release, source, period).iter_rows(named=True)
    ]
    header = ("Enhet / unit", "Id", "Karakter / grade", "Avgjøres av", "Decided by")
    return Block(
        "Enheter",
        "Enheter med karakter C eller D / Units with grade C or D",
        () if rows else ("Ingen. / None.",),
        header if rows else (),
        rows,
    )


def _months_block(release: Release, source: str) -> Block:
    rows = [
        (
            f"{row['month']:%Y-%m}",
            f"{row['days_delivered']} av / of {row['days']}",
            row["grade"] or _NONE,
        )
        for row in findings.months(release, source).iter_rows(named=True)
    ]
    return Block(
        "Leveranser",
        "Leverte dager per måned / Days delivered per month",
        (),
        ("Måned / month", "Dager / days", "Karakter / grade"),
        rows,
    )


def _matrix_block(release: Release, period: Period) -> Block:
    rows = [
        (row["source"], row["contract"], *(row[name] or _NONE for name in DIMENSIONS))
        for row in findings.matrix(release, period).iter_rows(named=True)
    ]
    return Block(
        "Kilder",
        "Kilder og dimensjoner / Sources and dimensions",
        ("; ".join(_GRADE_WORDS.values()) + f"; {_NONE} ikke målt / not measured.",),
        (
            "Kilde / source",
            "Datatype / record type",
            *(f"{nb} / {en}" for nb, en in DIMENSIONS.values()),
        ),
        rows,
    )


def _steps_block(release: Release, period: Period) -> Block:
    rows = [
        (
            row["step_nb"],
            row["step_en"],
            row["source"],
            _percent(row["reference_value"]) if row["reference_grade"] else _NONE,
            _percent(row["linked_value"]),
            _GRADE_WORDS.get(row["linked_grade"] or "", _NONE),
        )
        for row in findings.steps(release, period).iter_rows(named=True)
    ]
    return Block(
        "Koblinger",
        "Koblinger mellom ledd / Links between steps",
        ("Bare koblinger med identifikator er regnet med, og bare når den andre raden er fra samme "
         "eller nabodøgnet. / Only links by identifier count, and only when the other row is of "
         "the same or a neighbouring day.",),
        (
            "Kobling", "Link", "Kilde / source", "Har identifikator / has identifier",
            "Koblet / linked", "Karakter / grade",
        ),
        rows,
    )  # fmt: skip


def _methods_block(release: Release) -> Block:
    rows = [
        (
            " / ".join(_LINKS.get(row["step"], (row["step"],))),
            label(row["period_grain"], row["period_start"]),
            _percent_or_hidden(row["identifier_percent"]),
            _percent_or_hidden(row["time_window_percent"]),
        )
        for row in findings.link_methods(release).iter_rows(named=True)
    ]
    return Block(
        "Koblingsmåter",
        "Hva tid og sted legger til / What time and place add",
        ("Der identifikatoren mangler, kan sentral, tidsvindu og kommune koble noen til. / Where "
         "the identifier is absent, central, time window and municipality may link some more.",),
        (
            "Ledd / step",
            "Periode / period",
            "Med identifikator / by identifier",
            "Med tid og sted / by time and place",
        )
        if rows
        else (),
        rows,
    )  # fmt: skip


def _breaks_block(release: Release) -> Block:
    rows = [
        (
            _BREAK_KINDS.get(row["kind"], row["kind"]),
            row["contract"] or _NONE,
            str(row["units"]),
            f"{row['first_date']} – {row['last_date']}",
            row["text_nb"],
            row["text_en"],
        )
        for row in findings.breaks(release).iter_rows(named=True)
    ]
    header = (
        "Brudd / break", "Datatype / record type", "Enheter / units", "Fra – til / from – to",
        "Eksempel", "Example",
    )  # fmt: skip
    return Block(
        "Brudd",
        "Hva som ikke kan sammenlignes, og hvorfor / What cannot be compared, and why",
        ("Tall på hver side av et brudd måler ikke det samme. / Figures on either side of a break "
         "do not measure the same.",),
        header if rows else (),
        rows,
    )  # fmt: skip


def _systems_block(release: Release, period: Period) -> Block:
    rows = [
        (row["contract"], row["source_system"], row["row_band"])
        for row in findings.segments_apart(release, period).iter_rows(named=True)
    ]
    return Block(
        "Systemer",
        "Systemer bak hver datatype / Systems behind each record type",
        ("Systemer kan føre det samme ulikt. / Systems may record the same differently.",),
        ("Datatype / record type", "System", "Rader / rows"),
        rows,
    )


# --- cells --------------------------------------------------------------------------------------


def _how_much(row: dict[str, Any]) -> str:
    """`1 000+ (2,7 %)`: the band and the share, where both may be told."""
    count = _HIDDEN if row["affected"] is None else str(row["affected"])
    others = "dager / days" if row["measure"] == "days_delivered" else "filer / files"
    unit = "rader / rows" if row["is_of_rows"] else others
    share = "" if row["value"] is None else f" ({_percent(100 - row['value'])})"
    return f"{count} {unit}{share}"


def _of_field(name: str) -> str:
    return "" if name == "*" else f" ({name})"


def _percent(value: float | None) -> str:
    if value is None:
        return _HIDDEN
    return f"{value:.1f}".replace(".", ",") + " %"


def _percent_or_hidden(value: int | None) -> str:
    return _HIDDEN if value is None else f"{value} %"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
