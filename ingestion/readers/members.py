"""Several members of an archive as one delivery."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import polars as pl

from ingestion.errors import FileRefusedError
from ingestion.readers.raw import ROW_NUMBER, RawFile, check_size, ids_recur
from ingestion.sources.spec import SourceSpec


def read_members(
    payloads: Sequence[bytes], read: Callable[[bytes], RawFile], spec: SourceSpec
) -> RawFile:
    """Read the members one by one and stack them; records are numbered on.

    Args:
        read: reads one member; its `record_hash` must not depend on the other members.

    Raises:
        FileRefusedError: as the reader, saying which member it was by its place in name order.
    """
    parts = []
    for number, payload in enumerate(payloads, start=1):
        try:
            parts.append(read(payload))
        except FileRefusedError as error:
            raise FileRefusedError(
                error.code,
                f"fil {number} av {len(payloads)} i arkivet: {error.detail_nb}",
                f"file {number} of {len(payloads)} in the archive: {error.detail_en}",
            ) from error
    return _stacked(parts, spec)


def _stacked(parts: list[RawFile], spec: SourceSpec) -> RawFile:
    frames: list[pl.DataFrame] = []
    broken: list[tuple[int, str]] = []
    marks: dict[str, list[int]] = {}
    findings: Counter[str] = Counter()
    faults: dict[int, tuple[str, str]] = {}
    before = 0
    for part in parts:
        frames.append(
            part.frame.select(*spec.raw_columns(), ROW_NUMBER).with_columns(
                pl.col(ROW_NUMBER) + before
            )
        )
        broken += [(number + before, code) for number, code in part.broken]
        for code, numbers in part.marks.items():
            marks.setdefault(code, []).extend(number + before for number in numbers)
        findings.update(part.findings)
        faults |= {number + before: fault for number, fault in part.faults.items()}
        before += part.rows_read + part.left_out
    check_size(before, len(spec.raw_columns()))
    try:
        frame = pl.concat(frames, how="vertical")
    except pl.exceptions.PolarsError as error:
        raise FileRefusedError(
            "FILE_UNREADABLE",
            "arkivets filer har kolonner av ulik type",
            "the files of the archive have columns of different types",
        ) from error
    return RawFile(
        frame,
        tuple(broken),
        marks,
        _hashes(parts) if ids_recur(frame, spec) else None,
        dict(findings),
        sum(part.left_out for part in parts),
        tuple(dict.fromkeys(name for part in parts for name in part.columns)),
        faults,
    )


def _hashes(parts: list[RawFile]) -> pl.Series | None:
    hashes = [part.record_hash for part in parts]
    if any(values is None for values in hashes):
        return None
    return pl.concat(values for values in hashes if values is not None)
