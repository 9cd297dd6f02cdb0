"""An analyst's own SQL on a release: it reads, it ends, and it sees nothing but the release."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reporting.numbers import spaced
from reporting.reader import Release
from reporting.sql_process import Failure, run_apart

if TYPE_CHECKING:
    import duckdb
    import polars as pl

ROW_CAP = 100_000
TIME_LIMIT_SECONDS = 30.0

_READING = {"SELECT", "EXPLAIN"}


class SqlError(ValueError):
    """The statement was refused, stopped, or is wrong; the message says which."""


@dataclass(frozen=True)
class SqlResult:
    """The rows of a statement, and whether there were more than the cap."""

    frame: pl.DataFrame
    limit: int
    is_cut: bool

    def cut_message(self) -> str:
        """What to tell when rows were left out."""
        return (
            f"Svaret er kuttet ved {spaced(self.limit)} rader. / "
            f"The result is cut at {self.limit:,} rows. --limit / limit="
        )


def run_sql(
    release: Release,
    statement: str,
    *,
    limit: int = ROW_CAP,
    seconds: float = TIME_LIMIT_SECONDS,
) -> SqlResult:
    """Run one reading statement, for so many rows and so many seconds at most."""
    if limit < 1 or seconds <= 0:
        raise SqlError("limit og tid må være over 0 / limit and seconds must be above 0")
    if release.permitted is not None:
        # The process of a statement opens the file as it is.
        raise SqlError("ikke for utvalgte enheter / not for chosen units")
    with release.cursor() as cursor:
        text, is_plain = _check(cursor, statement)
    # Only a plain query can be limited before it runs.
    most = limit + 1 if is_plain else None
    found = run_apart(release.path, text, most, seconds, audience=release.audience)
    if isinstance(found, Failure):
        raise _explained(release, found, seconds)
    return SqlResult(found.head(limit), limit, found.height > limit)


def _check(cursor: duckdb.DuckDBPyConnection, statement: str) -> tuple[str, bool]:
    """Refuse all but one reading statement; returns it alone, and whether it is a plain query."""
    import duckdb

    try:
        statements = cursor.extract_statements(statement)
        kinds = [found.type.name for found in statements]
    except duckdb.Error as error:
        raise SqlError(f"SQL-en kan ikke leses / cannot be parsed: {_first(error)}") from error
    except ValueError:
        kinds = ["OTHER"]  # a kind of statement that the client does not know by name
    if len(kinds) != 1:
        raise SqlError(f"Én setning om gangen, ikke {len(kinds)}. / One statement at a time.")
    (kind,) = kinds
    text = _without_end(statement)
    # PIVOT without a list of values is several steps inside; each of them runs under the lock.
    if kind == "MULTI" and re.match(r"\s*(?:--[^\n]*\n|\s)*pivot\b", statement, re.IGNORECASE):
        return text, False
    if kind not in _READING:
        raise SqlError(
            "Setningen leser ikke, og bare lesing er tillatt (SELECT, WITH, FROM, DESCRIBE, SHOW, "
            "SUMMARIZE, PIVOT, EXPLAIN). / The statement does not read, and only reading is "
            "allowed."
        )
    return text, bool(kind == "SELECT")


def _without_end(statement: str) -> str:
    """Without its semicolon and what follows, so that it can stand inside another query."""
    import duckdb

    source = statement.encode()
    for offset, _ in duckdb.tokenize(statement):
        if source[offset : offset + 1] == b";":
            return source[:offset].decode()
    return statement


def _explained(release: Release, failure: Failure, seconds: float) -> SqlError:
    """What became of a statement, and what it means here."""
    text, first = failure.message, (failure.message.strip().splitlines() or [""])[0]
    if failure.kind == "Stopped":
        return SqlError(
            f"Stoppet etter {seconds:g} s. Avgrens på kpi_id og period_grain, som radene "
            f"er ordnet etter. / Stopped after {seconds:g} s. Filter on kpi_id and "
            "period_grain, by which the rows are ordered."
        )
    if failure.kind == "NoRelease":
        return SqlError(text)
    if failure.kind == "NoRows":
        return SqlError("Setningen gir ingen rader. / The statement gives no rows.")
    if failure.kind == "PolarsError":
        return SqlError(
            "En kolonne har en type som ikke kan leveres; skriv cast(... as varchar). / "
            f"A column has a type that cannot be delivered; cast it to text. ({first})"
        )
    if failure.kind == "PermissionException":
        return SqlError(
            "Spørringen får bare lese utgivelsens tabeller, ingen filer eller nettverk. / "
            f"The query may only read the tables of the release. ({first})"
        )
    if failure.kind == "InvalidInputException" and (
        "has been locked" in text or "read-only" in text
    ):
        return SqlError(
            f"Innstillinger og tabeller er låst. / Settings and tables are locked. ({first})"
        )
    if failure.kind in ("OutOfMemoryException", "Ended") or "bad_alloc" in text:
        return SqlError(
            "Spørringen trenger for mye minne; avgrens den. / The query needs too much memory; "
            f"filter it. ({first})"
        )
    missing = re.match(r"Catalog Error: Table with name (.+?) does not exist!", text)
    if missing:
        # Not the engine's own hint, which points to system tables too.
        tables = sorted(release.columns)
        near = ", ".join(difflib.get_close_matches(missing[1], tables))
        hint = f" Mener du / did you mean: {near}." if near else ""
        return SqlError(
            f"Ingen tabell / no table: {missing[1]!r}.{hint}\n"
            f"Tabeller / tables: {', '.join(tables)}"
        )
    return SqlError(f"Feil i SQL-en / error in the SQL: {text.strip()}")


def _first(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
