"""What is answered when there is no answer: problem details as RFC 9457 has them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"
_RETRY_SECONDS = "30"


@dataclass(frozen=True)
class Kind:
    """A kind of problem: the status it is answered with, its title, when it arises."""

    status: int
    title: str
    meaning: str


KINDS: Mapping[str, Kind] = {
    "unknown-name": Kind(
        404,
        "The release has no such name",
        "A KPI, version, unit, level, segment, grain, table or release that does not exist. "
        "`detail` says what there is.",
    ),
    "no-rows": Kind(
        404,
        "The release has no rows for this choice",
        "Every name exists, but not together, or not in the period. `detail` says which choice has "
        "nothing, and what there is instead.",
    ),
    "not-found": Kind(404, "There is no such address", "The path leads nowhere."),
    "method-not-allowed": Kind(405, "Only GET and HEAD", "The API only reads."),
    "not-acceptable": Kind(
        406,
        "No such format",
        "None of the types in `Accept` is offered here. `detail` says which are.",
    ),
    "bad-parameter": Kind(
        422,
        "A parameter cannot be used",
        "A parameter that is unknown or whose value is out of its range, or two that contradict "
        "each other. `errors` has them one by one where there are several.",
    ),
    "too-many-rows": Kind(
        422,
        "More than one page",
        "CSV, Parquet and JSON-stat cannot show that they are one page of several. Without `limit` "
        "they are given only whole.",
    ),
    "no-release": Kind(503, "No release yet", "Nothing is published. Ask again later."),
    "not-permitted": Kind(
        403,
        "No access",
        "Nobody that the server knows asks, or the address was reached past the proxy. Of units "
        "that may not be seen there is nothing: such a name is unknown.",
    ),
    "damaged-release": Kind(
        503, "The release cannot be read", "What is stored of it is damaged. Ask again later."
    ),
    "unexpected": Kind(500, "An error of ours", "A fault in the program; the log has it."),
}


def log_no_release(error: Exception) -> None:
    """Why nothing can be shown, for whoever runs the server; addresses and files stay there."""
    logging.getLogger(__name__).error("%s", error)


class ProblemError(Exception):
    """What cannot be answered, as the kind of problem it is."""

    def __init__(self, kind: str, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.more = kind, detail, more


def response(
    prefix: str,
    kind: str,
    detail: str,
    instance: str,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> JSONResponse:
    """The problem as it is sent. `type` leads to where the kind is explained."""
    known = KINDS[kind]
    return JSONResponse(
        {
            "type": f"{prefix}/docs#problem-{kind}",
            "title": known.title,
            "status": known.status,
            "detail": detail,
            "instance": instance,
            **more,
        },
        status_code=known.status,
        media_type=MEDIA_TYPE,
        headers={
            "Cache-Control": "no-store",
            **({"Retry-After": _RETRY_SECONDS} if known.status == 503 else {}),
            **(headers or {}),
        },
    )


SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "description": "where the kind of problem is explained"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "what is wrong, and what there is"},
        "instance": {"type": "string", "description": "the address that was asked for"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "parameter": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
