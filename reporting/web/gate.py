"""Before everything that is served: who asks, and what of the release is there for them."""

from __future__ import annotations

import logging
from pathlib import Path

from fastapi.responses import HTMLResponse, Response
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reporting.access import AccessError, NotPermittedError, read_access
from reporting.api import problems
from reporting.web import pages
from reporting.web.words import Speech


class Gate:
    """Lets in whom the file of access knows, with the units that they may see."""

    def __init__(self, app: ASGIApp, access: Path, api: str) -> None:
        self.app, self.access, self.api = app, access, api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope.get("path", "").startswith("/static/"):
            await self.app(scope, receive, send)
            return
        try:
            access = read_access(self.access)
            client = (scope.get("client") or (None,))[0]
            units = access.units_of(client, scope["headers"])
        except (AccessError, NotPermittedError) as error:
            if isinstance(error, AccessError):
                logging.getLogger(__name__).error("%s", error)
            await self._refusal(scope)(scope, receive, send)
            return

        async def for_one(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.add_vary_header(access.header)
                headers["Cache-Control"] = "private, no-cache"
            await send(message)

        state = {**scope.get("state", {}), "units": units}
        await self.app({**scope, "state": state}, receive, for_one)

    def _refusal(self, scope: Scope) -> Response:
        if scope["path"].startswith(f"{self.api}/"):
            meaning = problems.KINDS["not-permitted"].meaning
            return problems.response(self.api, "not-permitted", meaning, scope["path"])
        nb, en = Speech("nb"), Speech("en")
        heading = f"{nb('not_permitted')}. / {en('not_permitted')}."
        detail = f"{nb('who_permits')} / {en('who_permits')}"
        headers = {"Cache-Control": "no-store"}
        return HTMLResponse(pages.error("nb", heading, detail), status_code=403, headers=headers)
