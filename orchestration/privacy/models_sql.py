"""The SQL of the dbt models as a first load runs it, rendered without dbt and without a database.

Compiling with dbt takes a warehouse and half a minute. What is read here is which columns a query
names, so dbt's own macros are replaced by plain ones that name the same columns.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2

from orchestration.paths import DBT_PROJECT

_MACRO = re.compile(r"\{%-?\s*macro\s+(\w+)\s*\(.*?\{%-?\s*endmacro\s*-?%\}", re.DOTALL)


class _Returned(BaseException):  # no error: it carries what a macro returns
    def __init__(self, value: Any) -> None:
        self.value = value


def lake_relation(contract: str) -> str:
    """The name that the accepted rows of a contract have in the rendered SQL."""
    return f"lake_{contract}"


class Models:
    """Models of a dbt project by name, each rendered when it is asked for."""

    def __init__(self, project: Path = DBT_PROJECT) -> None:
        self._files = {path.stem: path for path in (project / "models").rglob("*.sql")}
        self._environment = _environment(project / "macros")

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def sql(self, name: str) -> str:
        """The query of a model, with the names of other models in place of `ref`."""
        text = self._files[name].read_text(encoding="utf-8")
        return self._environment.from_string(text).render()


def _environment(folder: Path) -> jinja2.Environment:
    environment = jinja2.Environment(  # noqa: S701 - the output is SQL of our own, never HTML
        extensions=["jinja2.ext.do"]
    )
    known: dict[str, Callable[..., Any]] = {}
    for path in sorted(folder.glob("*.sql")):
        for match in _MACRO.finditer(path.read_text(encoding="utf-8")):
            known[match[1]] = functools.partial(_call, environment, match[0], match[1])
    environment.globals.update(known)
    environment.globals.update(_plain(known))
    return environment


def _call(environment: jinja2.Environment, text: str, name: str, *args: Any, **kwargs: Any) -> Any:
    """Call a macro; as in dbt it gives what it returns, else its text."""
    try:
        return getattr(_compiled(environment, text).module, name)(*args, **kwargs)
    except _Returned as returned:
        return returned.value


@functools.lru_cache(maxsize=512)
def _compiled(environment: jinja2.Environment, text: str) -> jinja2.Template:
    return environment.from_string(text)


def _return(value: Any) -> None:
    raise _Returned(value)


def _lake_rows(contract: str, columns: dict[str, str]) -> str:
    return f"select {', '.join(columns)} from {lake_relation(contract)}"


def _rows_of_family(family: str, rows: str, contracts: Any, times: Any = None, **_: Any) -> str:
    """The rows that a family's measures are counted in; periods and levels are added by it."""
    del family, contracts, times
    return f"select * from {rows}"


def _plain(known: dict[str, Callable[..., Any]]) -> dict[str, Any]:
    """What dbt has in scope, as plain as reading columns allows."""
    return {
        "return": _return,
        "ref": lambda *names: names[-1],
        "source": lambda schema, table: f"{schema}_{table}",
        "config": lambda **_: "",
        "var": lambda _name, default="": default,
        "env_var": lambda _name, default="": default,
        "is_incremental": lambda: False,
        "execute": False,
        "run_query": lambda _: None,
        "load_relation": lambda _: None,
        "this": "this_relation",
        "target": _Names(type="duckdb", schema="main", name="dev", identifier=""),
        "adapter": _Names(dispatch=lambda name, *_: known[f"default__{name}"]),
        "dbt": _Names(
            dateadd=lambda part, interval, date: f"({date} + {interval})",
            datediff=lambda first, second, part: f"({second} - {first})",
            position=lambda part, text: f"strpos({text}, {part})",
            split_part=lambda text, delimiter, part: f"split_part({text}, {delimiter}, {part})",
            type_string=lambda: "varchar",
        ),
        "lake_rows": _lake_rows,
        "aggregate_family": _rows_of_family,
    }


class _Names:
    def __init__(self, **names: Any) -> None:
        self.__dict__.update(names)
