"""What the warehouse alone remembers: the numbers that releases hide.

Everything else in it is built from the lake. Without these, every hidden number would count as too
small ever after, and the next release would hide more than it has to.
"""

from __future__ import annotations

from pathlib import Path

from orchestration.audiences import SCHEMA_OF_AUDIENCES
from orchestration.backup.manifest import BackupError

DISCLOSURE = "disclosure"
# Of orchestration/disclosure/step.py: what was decided, and the numbers that it and the last
# release hide.
TABLES = ("info", "hidden_numbers", "published_numbers")


def extract(warehouse: Path, target: Path) -> bool:
    """Write a warehouse with these tables alone; false when there are none, and nothing is written.

    Raises:
        BackupError: the warehouse cannot be read.
    """
    import duckdb

    connection = duckdb.connect(":memory:")
    try:
        connection.execute(f"attach '{_quoted(warehouse)}' as warehouse (read_only)")
        found = connection.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = 'warehouse' "
            "and (schema_name = $1 or starts_with(schema_name, $2)) and list_contains($3, "
            "table_name) order by all",
            [DISCLOSURE, SCHEMA_OF_AUDIENCES, list(TABLES)],
        ).fetchall()
        if not found:
            return False
        connection.execute(f"attach '{_quoted(target)}' as kept")
        for schema, table in found:
            connection.execute(f'create schema if not exists kept."{schema}"')
            connection.execute(
                f'create table kept."{schema}"."{table}" as from warehouse."{schema}"."{table}"'
            )
        connection.execute("detach kept")
    except duckdb.Error as error:
        first = str(error).splitlines()[0]
        raise BackupError(
            f"datavarehuset kan ikke leses / the warehouse cannot be read: {first}"
        ) from error
    finally:
        connection.close()
    return True


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
