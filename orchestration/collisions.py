"""Keys that more than one source has delivered: one of them would silently replace the other's.

The warehouse keeps, beside each record, which sources have delivered rows of its key. Sources that
are meant to share keys say so in their source file (`shares_keys_with`); any other case holds the
release back until a person has said which it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_LATEST = {
    "call": "int_calls__latest",
    "alarm": "int_alarms__latest",
    "video_session": "int_video_sessions__latest",
    "lat_request": "int_lat_requests__latest",
    "lat_readiness": "int_lat_readiness__latest",
}


@dataclass(frozen=True)
class Collision:
    """Sources of one record type with keys in common, and the number of those keys."""

    contract: str
    sources: tuple[str, ...]
    keys: int

    @property
    def sentence(self) -> str:
        """What was found and what to do, in both languages."""
        names = ", ".join(self.sources)
        shares = f"shares_keys_with: [{self.sources[0]}]"
        return (
            f"{self.contract}: {self.keys} nøkler (source_system + source_id) er levert av flere "
            f"kilder ({names}). Er id-ene bare entydige i hver kilde, skriv id_scope: source i "
            f"kildefilene og kjør akutt lake remap; er det samme post, skriv {shares} i den andre"
            f" / {self.contract}: {self.keys} keys (source_system + source_id) are delivered by "
            f"several sources ({names}). If ids are unique in each source only, write id_scope: "
            "source in the source files and run akutt lake remap; if they are the same record, "
            f"write {shares} in the other"
        )


def key_collisions(warehouse: Path, shares: Mapping[str, Iterable[str]]) -> list[Collision]:
    """Every group of sources that share keys and have not said so.

    Args:
        warehouse: the DuckDB file; a warehouse that was never built has no collision.
        shares: per source, the sources it says it shares keys with. Saying so on one side is
            enough, and holds for all that are connected by it.
    """
    import duckdb

    if not warehouse.is_file():
        return []
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        there = {
            name
            for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()
        }
        found = [
            Collision(contract, tuple(sources.split(",")), keys)
            for contract, table in _LATEST.items()
            if table in there
            for sources, keys in connection.execute(
                f"select _sources, count(*) from {table} where _sources like '%,%' "
                "group by _sources order by _sources"
            ).fetchall()
        ]
    group = _groups(shares)
    return [
        collision
        for collision in found
        if len({group.get(source, source) for source in collision.sources}) > 1
    ]


def _groups(shares: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Each source's group of sources that share keys, named after one of them."""
    group: dict[str, str] = {}
    for source, others in shares.items():
        for other in others:
            kept, gone = group.get(source, source), group.get(other, other)
            group.update({source: kept, other: kept})
            group.update({name: kept for name, mine in group.items() if mine == gone})
    return group
