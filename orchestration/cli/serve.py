"""`akutt serve`: the pages of the current release in a browser."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.cli.common import fail
from orchestration.cli.reading import AudienceOption, readable

app = typer.Typer(help="Pages of the current release in a browser.")
_LOCAL = ("127.0.0.1", "::1", "localhost")


@app.command()
@readable
def serve(
    host: Annotated[str, typer.Option(help="Address to answer on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to answer on.")] = 8000,
    audience: AudienceOption = None,
) -> None:
    """Pages of the current release; a new release appears without a restart."""
    import uvicorn

    from reporting.api.publisher import PublisherError
    from reporting.audience import OPEN, chosen
    from reporting.web.app import make_app

    if chosen(audience) != OPEN and host not in _LOCAL:
        raise fail(
            f"{host}: bare den åpne utgivelsen kan vises utenfor denne maskinen / "
            "only the open release can be shown outside this machine"
        )
    try:
        app = make_app(audience=audience)
    except PublisherError as error:
        raise fail(str(error)) from error
    typer.echo(f"http://{host}:{port}/ (Ctrl-C avslutter / ends)")
    uvicorn.run(
        app, host=host, port=port, log_level="warning",
        access_log=False, server_header=False, limit_concurrency=64, timeout_keep_alive=5,
    )  # fmt: skip
