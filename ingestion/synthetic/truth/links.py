"""The relations between records, and which of them identifiers in the extracts still tell."""

from __future__ import annotations

import polars as pl

COLUMNS = (
    "relation",
    "contract",
    "source_system",
    "source_id",
    "target_system",
    "target_id",
    "role",
    "is_in_force",
    "identifier_lost",
)


def resolved(links: pl.DataFrame, lost: dict[str, list[str]], gone: set[str]) -> pl.DataFrame:
    """The relations with what became of them.

    Args:
        links: all relations, with the identifiers that carry them when nothing goes wrong.
        lost: per contract, the records whose reference was left out of the extract.
        gone: records of no extract in force: rejected, or taken back.

    `is_in_force` says whether the record itself is in force; `identifier_lost` that no identifier
    in the extracts leads from it to the target any more.
    """
    cut = pl.col("source_id").is_in(
        [key for keys in lost.values() for key in keys]
    )  # keys are unique over contracts
    by_call = _calls_that_lead(links, lost.get("call", []), gone)
    led = pl.concat_str("through_id", "target_id", separator="|").is_in(by_call)
    through_gone = pl.col("through_id").is_in(sorted(gone))
    follows = (
        pl.when(pl.col("relation") == "call_incident")
        # By its own identifier, or from the call it was passed on to.
        .then(
            (pl.col("carries_identifier") & ~cut)
            | ((pl.col("role") == "parent") & led.fill_null(False))
        )
        .when(pl.col("relation") == "video_incident")
        .then(~cut & led.fill_null(False))
        .when(pl.col("relation") == "request_incident")
        .then(~cut & ~through_gone.fill_null(False))
        .otherwise(~cut)
    )
    return links.with_columns(
        (~pl.col("source_id").is_in(sorted(gone))).alias("is_in_force"),
        (~follows).alias("identifier_lost"),
    ).select(COLUMNS)


def _calls_that_lead(links: pl.DataFrame, lost: list[str], gone: set[str]) -> list[str]:
    """Calls with an identifier in force that leads to an incident, as `call|incident`."""
    calls = links.filter(
        (pl.col("relation") == "call_incident") & ~pl.col("source_id").is_in(sorted(gone))
    ).with_columns(
        (pl.col("carries_identifier") & ~pl.col("source_id").is_in(lost)).alias("direct")
    )
    key = pl.concat_str("source_id", "target_id", separator="|")
    direct = calls.filter("direct").select(key.alias("key"))["key"].to_list()
    parents = calls.filter(
        (pl.col("role") == "parent")
        & pl.concat_str("through_id", "target_id", separator="|").is_in(direct)
    )
    return [*direct, *parents.select(key.alias("key"))["key"].to_list()]
