"""What is said after an intake: the counts, and what to look at next."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from ingestion.attention import misplaced
from ingestion.intake import IngestReport
from reporting.numbers import spaced

_SHOWN = 5


def counted(report: IngestReport) -> str:
    """Files and rows of all sources, in a line."""
    rejected = sum(item.rejected for item in report.sources.values())
    duplicates = sum(item.exact_duplicates for item in report.sources.values())
    refused = sum(item.files_refused for item in report.sources.values())
    rate = report.rows_read / report.seconds if report.seconds else 0.0
    return (
        f"Inntak / intake: {spaced(report.files_read)} filer ({refused} avvist), "
        f"{spaced(report.rows_read)} rader"
        f" ({spaced(rejected)} i karantene, {spaced(duplicates)} dubletter)"
        f" på {report.seconds:.1f} s ({spaced(rate)} rader/s)"
    )


def to_look_at(report: IngestReport, inbox: Path, sources: Collection[str]) -> Iterator[str]:
    """A line each for files refused, rows rejected, files taken in before, and files astray."""
    for item in report.sources.values():
        if item.refusals:
            codes = ", ".join(f"{code} {count}" for code, count in sorted(item.refusals.items()))
            yield (
                f"{item.source}: {item.files_refused} filer avvist hele / refused whole: {codes} "
                f"→ akutt quarantine show --source {item.source}"
            )
        if item.repeats:
            yield (
                f"{item.source}: innhold som er tatt inn før / content that was taken in before: "
                f"{_some(item.repeats)}"
            )
    rejecting = [item.source for item in report.sources.values() if item.rejected]
    if rejecting:
        yield (
            f"Avviste rader / rejected rows: {', '.join(rejecting)} "
            "→ akutt quarantine show --source KILDE"
        )
    if strangers := misplaced(inbox, sources):
        yield (
            f"Inbox: hører ikke til en kilde / belongs to no source: {_some(strangers)} "
            "→ akutt doctor"
        )


def _some(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" + {more}" if more > 0 else "")
