"""How the API describes itself: the OpenAPI document, and a page made of it without any script."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from reporting.api import problems
from reporting.api.formats import MEDIA_TYPES
from reporting.columns import COLUMNS

_TEMPLATES = Path(__file__).parent / "templates"
_NAME = re.compile(r"`([^`]+)`")
_DESCRIPTION = """Figures of the Norwegian emergency medical chain, from the current release: a
frozen set that never changes after it is published. Quote its `release_id`. Only GET and HEAD; no
key.

Small numbers are hidden before a release is made: such a cell has no number in any format, and its
`status` is `suppressed`. `no_data` is nothing to compute from, which is not zero."""
_ROWS_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["rows", "row_count", "row_count_in_all", "is_complete", "offset", "limit", "next"],
    "properties": {
        "release_id": {"type": "string", "description": "the release that every row is from"},
        "audience": {"type": "string", "description": COLUMNS["audience"].meaning_en},
        "row_count": {"type": "integer", "description": "rows here"},
        "row_count_in_all": {"type": "integer", "description": "rows of the whole choice"},
        "is_complete": {"type": "boolean", "description": "whether these rows are all of them"},
        "offset": {"type": "integer"},
        "limit": {"type": "integer"},
        "next": {"type": ["string", "null"], "description": "address of the next page"},
        "note": {"type": "string"},
        "rows": {"type": "array", "items": {"type": "object"}},
    },
}
_CUBE_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["version", "class", "id", "size", "dimension", "value", "status"],
    "description": "JSON-stat 2.0, class dataset; `status` has the reason of every empty cell",
}


def application(prefix: str) -> FastAPI:
    """The application without its addresses."""
    return FastAPI(
        title="Akuttkjede",
        version="1",
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        servers=[{"url": prefix}],
        root_path_in_servers=False,
        generate_unique_id_function=lambda route: route.name,
    )


def rows(summary: str, formats: Sequence[str]) -> dict[str, Any]:
    """What is said of an address that gives rows."""
    schemas: Mapping[str, Mapping[str, Any]] = {
        "json": _ROWS_SCHEMA,
        "csv": {"type": "string"},
        "parquet": {"type": "string", "format": "binary"},
        "jsonstat": _CUBE_SCHEMA,
    }
    # The profile is a parameter of the type of JSON, so JSON has both schemas.
    content: dict[str, Any] = {MEDIA_TYPES[name][0]: {"schema": schemas[name]} for name in formats}
    if "jsonstat" in formats:
        content["application/json"] = {"schema": {"anyOf": [_ROWS_SCHEMA, _CUBE_SCHEMA]}}
    headers = {
        name: {"description": meaning, "schema": {"type": "string"}}
        for name, meaning in (
            ("X-Total-Count", "rows of the whole choice"),
            ("X-Release-Id", "the release that every row is from"),
            ("Link", "the address of the next page, where there is one"),
        )
    }
    return _address(summary, content, headers)


def document(summary: str, formats: Sequence[str] = ("json",)) -> dict[str, Any]:
    """What is said of an address that gives one thing."""
    schemas = {name: {"type": "string" if name == "turtle" else "object"} for name in formats}
    content = {media: {"schema": schemas[name]} for name in formats for media in MEDIA_TYPES[name]}
    return _address(summary, content)


def _address(
    summary: str, content: Mapping[str, Any], headers: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    tag = {"ETag": {"description": "of release and format", "schema": {"type": "string"}}}
    wrong: dict[int, list[str]] = {}
    for kind, known in problems.KINDS.items():
        if known.status != 500:
            wrong.setdefault(known.status, []).append(f"`{kind}`: {known.meaning}")
    return {
        "summary": summary,
        "response_class": Response,
        "responses": {
            200: {
                "description": "What was asked for.",
                "headers": {**tag, **(headers or {})},
                "content": content,
            },
            304: {"description": "`If-None-Match` has the tag of this release.", "headers": tag},
            **{
                status: {
                    "description": "\n".join(meanings),
                    "content": {problems.MEDIA_TYPE: {"schema": problems.SCHEMA}},
                }
                for status, meanings in wrong.items()
            },
        },
    }


def parameter_errors(
    api: FastAPI, request: Request, error: RequestValidationError
) -> list[dict[str, str]]:
    """Each parameter that is wrong, and why; for one that is not known, those that are."""
    route = request.scope["route"]
    known = [
        parameter["name"]
        for parameter in api.openapi()["paths"][route.path]["get"].get("parameters", ())
        if parameter["in"] == "query"
    ]
    found = []
    for row in error.errors():
        message = str(row["msg"])
        if row["type"] == "extra_forbidden":
            message = f"no such parameter; there are: {', '.join(known)}"
        found.append({"parameter": str(row["loc"][1]), "message": message})
    return found


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["coded"] = _coded
    return environment


def _coded(text: str) -> Markup:
    """Text in which names stand between backticks, as the OpenAPI document has them."""
    return Markup(_NAME.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped


def page(described: Mapping[str, Any], prefix: str) -> str:
    """The OpenAPI document for people."""
    addresses = [
        {
            "path": prefix + path,
            "summary": operation["summary"],
            "description": operation.get("description", ""),
            "parameters": [_parameter(row) for row in operation.get("parameters", ())],
            "types": list(operation["responses"]["200"]["content"]),
        }
        for path, operations in described["paths"].items()
        for operation in operations.values()
    ]
    return _environment().get_template("docs.html").render(
        title=described["info"]["title"],
        description=described["info"]["description"],
        addresses=addresses,
        problems=problems.KINDS,
        document=f"{prefix}/openapi.json",
    )  # fmt: skip


def _parameter(row: Mapping[str, Any]) -> dict[str, str]:
    schema = row["schema"]
    options = [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]
    (kind,) = options
    items = kind.get("items", {})
    values = kind.get("enum") or items.get("enum") or ()
    parts = ["one or several" if items else str(kind.get("format", kind["type"]))]
    parts += [", ".join(str(value) for value in values)] if values else []
    parts += [f"{kind['minimum']} to {kind['maximum']}"] if "maximum" in kind else []
    return {
        "name": str(row["name"]),
        "takes": ": ".join(parts),
        "description": str(row.get("description", "")),
    }
