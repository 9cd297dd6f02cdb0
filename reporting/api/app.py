"""The addresses below `/api/v1`. One request reads one release from beginning to end."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi import Path as PathParameter
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from reporting import metrics
from reporting.api import jsonstat, openapi, problems, rdf, tables
from reporting.api.catalog import catalogue
from reporting.api.formats import (
    CATALOGUE,
    FIGURES,
    LISTS,
    SAYS_WHAT_IS_LEFT_OUT,
    chosen_format,
)
from reporting.api.parameters import (
    MOST_ROWS,
    Catalogued,
    Classes,
    Definition,
    Figures,
    Hours,
    Kpis,
    Listed,
    Readiness,
    Units,
)
from reporting.api.problems import ProblemError
from reporting.api.publisher import read_publisher
from reporting.audience import chosen
from reporting.columns import LAST_YEAR, PEERS, TRENDS
from reporting.describe import brief, describe
from reporting.dimensions import UnknownNameError
from reporting.empty import why_empty
from reporting.export import render
from reporting.periods import GRAINS, LONGER, PeriodError
from reporting.query import QueryError, page
from reporting.reader import (
    DamagedReleaseError,
    NoReleaseError,
    Release,
    default_releases_dir,
    published,
    shared,
)
from reporting.restricted import only

if TYPE_CHECKING:
    import polars as pl

PREFIX = "/api/v1"
COMPARED_GRAINS = LONGER
TREND_GRAINS = ("week", "month")


@dataclass(frozen=True)
class Rows:
    """A page of rows, how many there are in all, and what is said beside them."""

    frame: pl.DataFrame
    in_all: int
    about: Mapping[str, Any]
    # Columns of numbers that a cube has besides those of every figure.
    measures: Sequence[str] = ()
    # Parameters of the next page besides those of this one.
    pinned: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """Where the releases are, and for whom."""

    folder: Path | None
    audience: str | None

    def releases_dir(self) -> Path:
        return self.folder or default_releases_dir(chosen(self.audience))

    def release(self, request: Request, name: str | None = None) -> Release:
        """The release of that id, or the current one, with what whoever asks may see of it."""
        units = getattr(request.state, "units", None)
        whole = self._whole(name)
        return whole if units is None else only(whole, units)

    def _whole(self, name: str | None) -> Release:
        # An address names no folder.
        if name is None:
            return shared(releases_dir=self.folder, audience=self.audience)
        there = [str(row["release_id"]) for row in published(self.releases_dir(), self.audience)]
        if name not in there:
            raise ProblemError(
                "unknown-name", f"No release {name!r}; there are: {', '.join(there) or 'none'}."
            )
        return shared(self.releases_dir() / name, self.releases_dir(), self.audience)


def make_api(releases_dir: Path | None = None, audience: str | None = None) -> FastAPI:
    """The API as an ASGI application, to be mounted at `PREFIX`.

    Args:
        releases_dir: where the releases lie; `releases/` of AKUTT_HOME when not given.
        audience: whose release; AKUTT_AUDIENCE, else the open one, when not given.
    """
    source = Source(releases_dir, audience)
    publisher = read_publisher((releases_dir or default_releases_dir()).parent)
    api = openapi.application(PREFIX)
    _answer_problems(api)

    @api.get("/values", **openapi.rows("Figures", FIGURES))
    def values(request: Request, asked: Annotated[Figures, Query()]) -> Response:
        """The released figures of a choice, ordered by KPI, segment, period, level and unit.

        Nothing is added up: every row is a row of the release. A hidden or missing cell has no
        number, and `status` says why.
        """
        return _answer(source, request, asked, FIGURES, lambda release: _figures(release, asked))

    @api.get("/comparisons", **openapi.rows("Figures beside similar units", FIGURES))
    def comparisons(request: Request, asked: Annotated[Figures, Query()]) -> Response:
        """The same with the median of similar units, the region, the country, funnel and verdict.

        Periods of a month and longer are compared. JSON-stat has the numbers only.
        """
        return _answer(
            source, request, asked, FIGURES, lambda release: _figures(release, asked, peers=True)
        )

    @api.get("/trends", **openapi.rows("Figures with their development", FIGURES))
    def trends(request: Request, asked: Annotated[Figures, Query()]) -> Response:
        """The same with the limits and signals of the XmR chart.

        Weeks and months have them. JSON-stat has the numbers only.
        """
        return _answer(
            source, request, asked, FIGURES, lambda release: _figures(release, asked, trends=True)
        )

    @api.get("/kpis", **openapi.rows("KPIs", LISTS))
    def kpis(request: Request, asked: Annotated[Kpis, Query()]) -> Response:
        """The KPIs of the release: names, unit, target, levels, segments, status."""
        return _answer(
            source, request, asked, LISTS,
            lambda release: _list(release, asked, metrics.kpis(asked.search, release=release)),
        )  # fmt: skip

    @api.get("/kpis/{kpi_id}", **openapi.document("One KPI"))
    def kpi(
        request: Request,
        kpi_id: Annotated[str, PathParameter(max_length=120, description="Id that `/kpis` lists.")],
        asked: Annotated[Definition, Query()],
    ) -> Response:
        """Everything the registry says about one KPI, with the SQL that computes it."""
        name, media_type = chosen_format(request.headers.get("accept"), asked.format, ("json",))
        release = source.release(request, asked.release)
        tag = _tag(release.edition, release.audience, name)
        if has_tag(request, tag):
            return _unchanged(tag)
        found = metrics.definition(kpi_id, asked.version, release=release)
        document = {
            **brief(release),
            **{key: str(cell) if isinstance(cell, date) else cell for key, cell in found.items()},
        }
        return JSONResponse(document, headers=_headers(tag), media_type=media_type)

    @api.get("/units", **openapi.rows("Units", LISTS))
    def units(request: Request, asked: Annotated[Units, Query()]) -> Response:
        """The units of the release, with name and where they belong."""

        def make(release: Release) -> Rows:
            frame = metrics.units(asked.level, release=release)
            return _list(release, asked, frame.sort(frame.columns, nulls_last=True))

        return _answer(source, request, asked, LISTS, make)

    @api.get("/profiles", **openapi.rows("Calls by hour of the week", LISTS))
    def profiles(request: Request, asked: Annotated[Hours, Query()]) -> Response:
        """Calls by hour of the week, pooled over the weeks of a period, and how they were answered.

        A hidden hour has no numbers, and `status` says so.
        """
        return _answer(
            source, request, asked, LISTS,
            lambda release: _list(release, asked, metrics.profile(
                asked.unit, asked.level, asked.segment, asked.period, release=release)),
        )  # fmt: skip

    @api.get("/distributions", **openapi.rows("Times by class", LISTS))
    def distributions(request: Request, asked: Annotated[Classes, Query()]) -> Response:
        """Answer and response times by class: how many, and what share of all."""
        return _answer(
            source, request, asked, LISTS,
            lambda release: _list(release, asked, metrics.distribution(
                asked.measure, asked.level, asked.unit, asked.segment, asked.period,
                release=release)),
        )  # fmt: skip

    @api.get("/readiness", **openapi.rows("Data readiness", LISTS))
    def readiness(request: Request, asked: Annotated[Readiness, Query()]) -> Response:
        """How good the data behind the figures are: grades, measures, findings."""
        return _answer(
            source, request, asked, LISTS,
            lambda release: _list(release, asked, tables.readiness(release, asked)),
        )  # fmt: skip

    @api.get("/releases", **openapi.rows("Releases", LISTS))
    def releases(request: Request, asked: Annotated[Listed, Query()]) -> Response:
        """The releases that are kept, the newest first. `modified_after` selects among them."""
        name, media_type = chosen_format(request.headers.get("accept"), asked.format, LISTS)
        current = source.release(request, asked.release)
        frame = tables.releases(source.releases_dir(), audience)
        tag = _tag(hashlib.sha256(frame.write_json().encode()).hexdigest(), name)
        if has_tag(request, tag):
            return _unchanged(tag)
        if asked.release is not None:
            frame = frame.filter(release_id=asked.release)
        if asked.modified_after is not None:
            made = [_moment(text) > asked.modified_after for text in frame["created_at"]]
            frame = frame.filter(made)
        rows = _paged(frame, asked, brief(current))
        return _sent(request, asked, rows, name, media_type, tag)

    @api.get("/catalog", **openapi.document("The release as a data catalogue has it", CATALOGUE))
    def catalog(request: Request, asked: Annotated[Catalogued, Query()]) -> Response:
        """The data set and where its tables are had, as DCAT-AP-NO 3, with grades as DQV."""
        name, media_type = chosen_format(request.headers.get("accept"), asked.format, CATALOGUE)
        release = source.release(request, asked.release)
        others = [
            str(row["release_id"])
            for row in published(source.releases_dir(), audience)
            if row["release_id"] != release.release_id
        ]
        server = publisher.address if publisher and publisher.address else str(request.base_url)
        root = server.rstrip("/").removesuffix(PREFIX) + PREFIX
        own = f"?release={release.release_id}" if asked.release else ""
        nodes = catalogue(release, root, f"{root}/catalog{own}", publisher, others)
        content = {"jsonld": rdf.json_ld, "turtle": rdf.turtle}[name](nodes)
        # It names the other releases and the server besides.
        tag = _tag(release.edition, hashlib.sha256(content).hexdigest()[:16], name)
        if has_tag(request, tag):
            return _unchanged(tag)
        return Response(content, media_type=media_type, headers=_headers(tag))

    @api.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(openapi.page(api.openapi(), PREFIX))

    @api.get("/", include_in_schema=False)
    def start() -> RedirectResponse:
        return RedirectResponse(f"{PREFIX}/docs")

    return api


def _answer(
    source: Source,
    request: Request,
    asked: Listed,
    offered: Sequence[str],
    make: Callable[[Release], Rows],
) -> Response:
    name, media_type = chosen_format(request.headers.get("accept"), asked.format, offered)
    release = source.release(request, asked.release)
    tag = _tag(release.edition, release.audience, name)
    if has_tag(request, tag):
        return _unchanged(tag)
    rows = make(release)
    if asked.modified_after is not None and _created(release) <= asked.modified_after:
        note = f"Nothing is newer: the release was made {release.metadata['created_at']}."
        about = {**_about(release), "note": note}
        rows = replace(rows, frame=rows.frame.head(0), in_all=0, about=about)
    return _sent(request, asked, rows, name, media_type, tag)


def _sent(
    request: Request, asked: Listed, rows: Rows, name: str, media_type: str, tag: str
) -> Response:
    """The page in its format, with where the next one is."""
    is_cut = rows.in_all > asked.size
    if is_cut and asked.limit is None and name not in SAYS_WHAT_IS_LEFT_OUT:
        raise ProblemError(
            "too-many-rows",
            f"{rows.in_all:,} rows, a page has {MOST_ROWS:,} at most. Select less, or take pages "
            "with limit and offset.",
        )
    shown = {
        "row_count": rows.frame.height,
        "row_count_in_all": rows.in_all,
        "is_complete": rows.frame.height == rows.in_all,
        "offset": asked.offset,
        "limit": asked.size,
        "next": _next(request, asked, rows),
    }
    about = {**rows.about, **shown}
    headers = _headers(tag) | {
        "X-Total-Count": str(rows.in_all),
        "X-Release-Id": str(about["release_id"]),
    }
    if shown["next"]:
        headers["Link"] = f'<{shown["next"]}>; rel="next"'
    if name in ("csv", "parquet"):
        file = request.url.path.rsplit("/", 1)[-1]
        headers["Content-Disposition"] = f'attachment; filename="{file}.{name}"'
    if name == "jsonstat":
        content = jsonstat.cube(rows.frame, about, rows.measures)
    else:
        content = render(rows.frame, name, about)
    return Response(content, media_type=media_type, headers=headers)


def _figures(
    release: Release, asked: Figures, *, peers: bool = False, trends: bool = False
) -> Rows:
    wanted = asked.wanted(peers=peers, trends=trends)
    if peers:
        _check_grain("comparisons", wanted.grain, COMPARED_GRAINS)
    if trends:
        _check_grain("trends", wanted.grain, TREND_GRAINS)
    frame, in_all = page(release, wanted, offset=asked.offset, limit=asked.size)
    if not in_all:
        raise ProblemError("no-rows", why_empty(release, wanted))
    about = describe(release, frame, "", rows_in_all=in_all)
    about.pop("query")
    more = [
        *(PEERS if peers else ()),
        *(TRENDS if trends else ()),
        *(LAST_YEAR if asked.last_year else ()),
    ]
    numbers = [name for name in more if frame.schema[name].is_numeric()]
    return Rows(frame, in_all, about, numbers, {"release": release.release_id})


def _check_grain(what: str, grain: str | None, there: Sequence[str]) -> None:
    """Of all grains at once, those without a comparison or trend have none."""
    if grain is not None and grain in GRAINS and grain not in there:
        raise ProblemError("bad-parameter", f"{what} are by {', '.join(there)}, not by {grain}.")


def _list(release: Release, asked: Listed, frame: pl.DataFrame) -> Rows:
    return _paged(frame, asked, _about(release), {"release": release.release_id})


def _about(release: Release) -> dict[str, Any]:
    return {**brief(release), "created_at": release.metadata.get("created_at")}


def _paged(
    frame: pl.DataFrame,
    asked: Listed,
    about: Mapping[str, Any],
    pinned: Mapping[str, str] | None = None,
) -> Rows:
    here = frame.slice(asked.offset, asked.size)
    return Rows(here, frame.height, about, pinned=pinned or {})


def _next(request: Request, asked: Listed, rows: Rows) -> str | None:
    """The address of the next page: of the same release, though a newer one is published."""
    following = asked.offset + asked.size
    if following >= rows.in_all:
        return None
    url = request.url.include_query_params(
        **{"offset": following, "limit": asked.size, **rows.pinned}
    )
    return f"{url.path}?{url.query}"


def _created(release: Release) -> datetime:
    return _moment(str(release.metadata["created_at"]))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _tag(*parts: str) -> str:
    """The ETag of a release in a format: both are in it, because both change the bytes."""
    return '"' + "-".join(parts) + '"'


def has_tag(request: Request, tag: str) -> bool:
    """Whether the client has what the tag is of."""
    given = request.headers.get("if-none-match", "")
    known = [part.strip().removeprefix("W/") for part in given.split(",")]
    return tag in known or "*" in known


def _headers(tag: str) -> dict[str, str]:
    return {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept"}


def _unchanged(tag: str) -> Response:
    return Response(status_code=304, headers=_headers(tag))


def not_found(request: Request) -> JSONResponse:
    """The answer to an address that there is not."""
    there = f"The addresses are described at {PREFIX}/docs."
    return problems.response(PREFIX, "not-found", there, request.url.path)


def allowed(error: HTTPException) -> Mapping[str, str]:
    """The headers of an error; HEAD is allowed wherever GET is."""
    headers = dict(error.headers or {})
    return headers | ({"Allow": "GET, HEAD"} if headers.get("Allow") == "GET" else {})


def _answer_problems(api: FastAPI) -> None:
    """Everything that goes wrong is answered as a problem."""

    def answer(request: Request, kind: str, detail: str, **more: Any) -> JSONResponse:
        return problems.response(PREFIX, kind, detail, request.url.path, **more)

    @api.exception_handler(ProblemError)
    def problem(request: Request, error: ProblemError) -> JSONResponse:
        return answer(request, error.kind, error.detail, **error.more)

    @api.exception_handler(UnknownNameError)
    def unknown_name(request: Request, error: UnknownNameError) -> JSONResponse:
        return answer(request, "unknown-name", str(error))

    @api.exception_handler(QueryError)
    @api.exception_handler(PeriodError)
    def contradiction(request: Request, error: Exception) -> JSONResponse:
        return answer(request, "bad-parameter", str(error))

    @api.exception_handler(RequestValidationError)
    def bad_parameter(request: Request, error: RequestValidationError) -> JSONResponse:
        errors = openapi.parameter_errors(api, request, error)
        detail = "; ".join(f"{row['parameter']}: {row['message']}" for row in errors)
        return answer(request, "bad-parameter", detail, errors=errors)

    @api.exception_handler(NoReleaseError)
    def no_release(request: Request, error: NoReleaseError) -> JSONResponse:
        problems.log_no_release(error)
        kind = "damaged-release" if isinstance(error, DamagedReleaseError) else "no-release"
        return answer(request, kind, problems.KINDS[kind].meaning)

    @api.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == 405:
            kind = problems.KINDS["method-not-allowed"]
            return answer(request, "method-not-allowed", kind.meaning, headers=allowed(error))
        return not_found(request)

    @api.exception_handler(Exception)
    def unexpected(request: Request, _: Exception) -> JSONResponse:
        return answer(request, "unexpected", problems.KINDS["unexpected"].meaning)
