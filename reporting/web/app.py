"""The server: pages and API of the current release, read anew at every request.

One request reads one release from beginning to end; a new one appears without a restart.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reporting.api.app import PREFIX, Source, allowed, has_tag, make_api, not_found
from reporting.api.problems import log_no_release
from reporting.describe import describe
from reporting.export import render
from reporting.periods import PeriodError, parse_period
from reporting.query import QueryError
from reporting.reader import DamagedReleaseError, NoReleaseError, Release
from reporting.web import figures, pages
from reporting.web.figures import When
from reporting.web.gate import Gate
from reporting.web.pages import NoPageError, View
from reporting.web.words import Language, Speech

STATIC = Path(__file__).parent / "static"
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "interest-cohort=()",
}
_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
_ENDING = re.compile(r"(?P<path>.+)\.(?P<format>csv|json|xlsx)")
_REPORT = re.compile(
    r"/report/(?P<level>[a-z_]+)/(?P<unit_id>[\w.+\-]+)/(?P<period>[\w\-]+)\.(?P<format>pdf|docx)"
)
_LONGEST_PATH = 300
_LONGEST_CHOICES = 2000


class Heads:
    """HEAD is answered as GET is, without the content, wherever GET is."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def without_content(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self.app({**scope, "method": "GET"}, receive, without_content)


def make_app(
    releases_dir: Path | None = None, audience: str | None = None, access: Path | None = None
) -> FastAPI:
    """The pages as an ASGI application, with the API below `/api/v1`.

    Args:
        releases_dir: where the releases lie; `releases/` of AKUTT_HOME when not given.
        audience: whose release; AKUTT_AUDIENCE, else the open one, when not given.
        access: the file of who may see which units; when not given, all may see all.
    """
    source = Source(releases_dir, audience)
    app = FastAPI(title="Akuttkjede", docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.mount(PREFIX, make_api(releases_dir, audience), name="api")
    app.add_middleware(Heads)
    if access is not None:
        app.add_middleware(Gate, access=access, api=PREFIX)

    @app.middleware("http")
    async def with_headers(request: Request, call_next: Callable[[Request], object]) -> Response:
        response: Response = await call_next(request)  # type: ignore[misc]
        response.headers.update(_HEADERS)
        return response

    @app.exception_handler(HTTPException)
    def nowhere(request: Request, error: HTTPException) -> Response:
        # Addresses that no route is made for: another method, a path with a line break.
        if request.url.path.startswith(f"{PREFIX}/"):
            return not_found(request)
        response = _missing("nb", "")
        response.status_code = error.status_code
        response.headers.update(allowed(error))
        return response

    @app.get(PREFIX, include_in_schema=False)
    def api_start() -> Response:
        return RedirectResponse(f"{PREFIX}/docs")

    @app.get("/search", include_in_schema=False)
    @app.get("/en/search", include_in_schema=False)
    def search(request: Request, q: Annotated[str, Query(max_length=80)] = "") -> Response:
        language, _ = _language(request.url.path)
        try:
            release = source.release(request)
            view = View(release, language, "/search", lambda path: path)
            return HTMLResponse(pages.search(view, q).html)
        except NoReleaseError as error:
            return _unavailable(error)
        except QueryError as error:
            return _missing(language, str(error))

    @app.get("/{path:path}", include_in_schema=False)
    def any_page(request: Request) -> Response:
        if len(request.url.path) > _LONGEST_PATH or len(request.url.query) > _LONGEST_CHOICES:
            return _missing("nb", "")
        language, path = _language(request.url.path)
        try:
            release = source.release(request)
            tag = f'"{release.edition}"'
            if has_tag(request, tag):
                return Response(status_code=304, headers={"ETag": tag})
            response = _answer(release, language, path, _choices(request))
        except NoReleaseError as error:
            return _unavailable(error)
        except (NoPageError, QueryError) as error:
            return _missing(language, str(error))
        response.headers["ETag"] = tag
        response.headers["Cache-Control"] = "no-cache"
        return response

    return app


def _choices(request: Request) -> dict[str, list[str]]:
    """What the address says after its question mark; a form sends empty choices too."""
    found: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        if value:
            found.setdefault(name, []).append(value)
    return found


def _answer(
    release: Release, language: Language, path: str, choices: Mapping[str, Sequence[str]]
) -> Response:
    if report := _REPORT.fullmatch(path):
        return _report(release, language, **report.groupdict())
    wanted = _ENDING.fullmatch(path)
    if wanted is None:
        view = View(release, language, path, lambda to: to, choices=choices)
        return HTMLResponse(pages.page(view).html)
    view = View(release, language, wanted["path"], lambda to: to, choices=choices)
    query = pages.page(view).data
    if query is None:
        raise NoPageError(path)
    frame = pages.data(view, query)
    question = wanted["path"] + view.asked
    content = render(frame, wanted["format"], describe(release, frame, question))
    name = wanted["path"].strip("/").replace("/", "_")
    return Response(
        content,
        media_type=_TYPES[wanted["format"]],
        headers={"Content-Disposition": f'attachment; filename="{name}.{wanted["format"]}"'},
    )


def _report(
    release: Release, language: Language, level: str, unit_id: str, period: str, format: str
) -> Response:
    """The report of a unit, made when it is asked for."""
    from reporting.report.content import report
    from reporting.report.paper import docx, pdf

    place = figures.place_of(release, level, unit_id)
    if place is None:
        raise NoPageError(f"{level} {unit_id}")
    try:
        when = When(*parse_period(period))
    except PeriodError as error:
        raise NoPageError(str(error)) from error
    content = {"pdf": pdf, "docx": docx}[format](report(release, place, when, language))
    return Response(
        content,
        media_type=_TYPES[format],
        headers={"Content-Disposition": f'attachment; filename="{unit_id}_{period}.{format}"'},
    )


def _language(path: str) -> tuple[Language, str]:
    if path == "/en" or path.startswith("/en/"):
        return "en", path[3:] or "/"
    return "nb", path


def _missing(language: Language, detail: str) -> Response:
    text = pages.error(language, Speech(language)("not_found"), detail)
    return HTMLResponse(text, status_code=404)


def _unavailable(error: NoReleaseError) -> Response:
    log_no_release(error)
    nb, en = Speech("nb"), Speech("en")
    what = "damaged" if isinstance(error, DamagedReleaseError) else "no_release"
    heading = f"{nb(what)}. / {en(what)}."
    text = pages.error("nb", heading, f"{nb('later')} / {en('later')}")
    return HTMLResponse(text, status_code=503, headers={"Retry-After": "30"})
