"""Which format an answer has: by `format`, else by what the client accepts."""

from __future__ import annotations

from collections.abc import Sequence
from email.message import Message

from reporting.api.problems import ProblemError

PROFILE = "https://json-stat.org/format/"
# The first type of a format is the one it is sent as when it was asked for by `format`.
MEDIA_TYPES: dict[str, tuple[str, ...]] = {
    "json": ("application/json",),
    "csv": ("text/csv",),
    "parquet": ("application/vnd.apache.parquet",),
    "jsonstat": ("application/vnd.json-stat+json", f'application/json; profile="{PROFILE}"'),
    "jsonld": ("application/ld+json", "application/json"),
    "turtle": ("text/turtle",),
}
CATALOGUE = ("jsonld", "turtle")
LISTS = ("json", "csv", "parquet")
FIGURES = (*LISTS, "jsonstat")
# Those that say within themselves whether there are more rows.
SAYS_WHAT_IS_LEFT_OUT = ("json",)


def chosen_format(accept: str | None, asked: str | None, offered: Sequence[str]) -> tuple[str, str]:
    """The format and the media type it is sent as.

    Raises:
        ProblemError: the client accepts none of those that are offered.
    """
    if asked is not None:
        if asked not in offered:
            raise ProblemError("bad-parameter", f"format {asked!r}: {', '.join(offered)}")
        return asked, MEDIA_TYPES[asked][0]
    for wanted in _by_preference(accept or "*/*"):
        for name in offered:
            for media_type in MEDIA_TYPES[name]:
                if _fits(wanted, media_type):
                    return name, media_type
    types = [media_type for name in offered for media_type in MEDIA_TYPES[name]]
    raise ProblemError("not-acceptable", f"{accept}: {', '.join(types)}")


def _by_preference(accept: str) -> list[Message]:
    """The types of an Accept header that are not refused, the most wanted first."""
    found = []
    for part in accept.split(","):
        wanted = _parsed(part)
        try:
            weight = float(str(wanted.get_param("q", "1")))
        except ValueError:
            weight = 0.0
        if weight > 0:
            found.append((weight, wanted))
    found.sort(key=lambda pair: -pair[0])
    return [wanted for _, wanted in found]


def _fits(wanted: Message, media_type: str) -> bool:
    """`application/json` alone is plain JSON; with the profile of JSON-stat it is JSON-stat."""
    sent = _parsed(media_type)
    profile = "json-stat" in str(wanted.get_param("profile", ""))
    if profile != (sent.get_param("profile") is not None):
        return False
    kind = wanted.get_content_maintype()
    return (wanted.get_content_type() in (sent.get_content_type(), "*/*")) or (
        wanted.get_content_subtype() == "*" and kind == sent.get_content_maintype()
    )


def _parsed(media_type: str) -> Message:
    message = Message()
    try:
        message["Content-Type"] = media_type.strip()
    except ValueError:
        message["Content-Type"] = "not/given"
    return message
