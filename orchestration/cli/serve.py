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

    from reporting.access import FILE, AccessError, read_access
    from reporting.api.publisher import PublisherError
    from reporting.audience import OPEN, chosen
    from reporting.reader import default_releases_dir
    from reporting.web.app import make_app

    access = default_releases_dir().parent / FILE
    is_open = chosen(audience) == OPEN
    is_guarded = not is_open and access.is_file()
    if not is_open and not is_guarded and host not in _LOCAL:
        raise fail(
            f"{host}: uten {access} kan bare den åpne utgivelsen vises utenfor denne maskinen / "
            "without that file only the open release can be shown outside this machine"
        )
    try:
        if is_guarded:
            read_access(access)
        app = make_app(audience=audience, access=access if is_guarded else None)
    except (AccessError, PublisherError) as error:
        raise fail(str(error)) from error
    typer.echo(f"http://{host}:{port}/ (Ctrl-C avslutter / ends)")
    uvicorn.run(
        app, host=host, port=port, log_level="warning",
        access_log=False, server_header=False, limit_concurrency=64, timeout_keep_alive=5,
        # The address of a connection is that of whoever made it, whatever a header says.
        proxy_headers=False,
    )  # fmt: skip
