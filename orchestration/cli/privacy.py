"""`akutt privacy`: what the product does with personal data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.common import fail, say_skipped

app = typer.Typer(help="What is done with personal data.", no_args_is_help=True)
FORMATS = {"md": ("md",), "docx": ("docx",), "both": ("md", "docx")}
NAME = "personvernpakke"


@app.callback()
def privacy() -> None:
    """Keeps `pack` a command of a group while it is the only one."""


@app.command()
def pack(
    out: Annotated[Path, typer.Argument(help="Folder to write to.")],
    fmt: Annotated[str, typer.Option("--format", help="md, docx or both.")] = "both",
) -> None:
    """A draft for the DPIA and the risk analysis (bokmål), from contracts, KPIs and settings."""
    from ingestion.sources import read_sources
    from orchestration.audiences import AudienceError, load_audiences
    from orchestration.paths import akutt_home
    from orchestration.privacy.markdown import markdown
    from orchestration.privacy.pack import Facts, build
    from orchestration.privacy.paper import docx
    from orchestration.suppression import load_policy

    if fmt not in FORMATS:
        raise fail(f"--format {fmt}: {', '.join(FORMATS)}")
    home = akutt_home()
    sources = read_sources(home=home)
    say_skipped(sources.skipped)
    try:
        audiences = load_audiences(home.audiences_file)
    except AudienceError as error:
        raise fail(str(error)) from error
    made = build(Facts(sources.specs, sources.skipped_names, audiences, load_policy()))
    try:
        out.mkdir(parents=True, exist_ok=True)
        for kind in FORMATS[fmt]:
            path = out / f"{NAME}.{kind}"
            path.write_bytes(docx(made) if kind == "docx" else markdown(made).encode())
            typer.echo(path)
    except OSError as error:
        raise fail(
            f"{out}: kan ikke skrives / cannot be written: {error.strerror or error}"
        ) from error
