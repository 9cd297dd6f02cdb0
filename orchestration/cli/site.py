"""`akutt site`: the pages of the current release as a folder of files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.common import fail
from orchestration.cli.reading import AudienceOption, readable

app = typer.Typer(help="The pages as a folder of files.")


@app.command()
@readable
def site(
    folder: Annotated[Path, typer.Argument(help="Folder to write to.")],
    audience: AudienceOption = None,
) -> None:
    """The pages as files with relative links, for a file share."""
    from reporting.reader import open_current
    from reporting.web.site import NotEmptyError, write

    def tell(done: int, of: int) -> None:
        if done % 1000 < 2:
            typer.echo(f"{done} av / of {of}", err=True)

    with open_current(audience=audience) as release:
        try:
            written = write(release, folder, tell)
        except NotEmptyError as error:
            raise fail(str(error)) from error
        typer.echo(f"{written} sider / pages: {folder / 'index.html'}")
