"""Pictures of every page for the documentation: `make pictures`, of the release in AKUTT_HOME.

They are made anew when what decides their look has changed; `test_pictures.py` says when.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb

from reporting.reader import (
    DATABASE,
    METADATA,
    POINTER,
    current_release_id,
    default_releases_dir,
)
from tests.reporting.releases import served

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "docs" / "pictures"
INDEX = FOLDER / "README.md"
# What decides how pages look, besides the figures and the words.
LOOK = ("templates/*.html", "static/*.css", "charts.py", "heatmap.py", "tiles.py")
WIDTH, HEIGHT = 1100, 760


@dataclass(frozen=True)
class Picture:
    """One page: its address, what it is of, and the heading that it begins at, if not the top."""

    name: str
    path: str
    nb: str
    en: str
    heading: str | None = None
    height: int = HEIGHT


PICTURES = (
    Picture("start", "/", "Startsiden", "The first page"),
    Picture("units", "/units", "Alle enheter", "All units"),
    Picture("unit", "/unit/central/amk_oslo", "En enhet", "A unit"),
    Picture("kpi", "/kpi/c113_within_10s/113/central", "Alle enheter av ett slag",
            "All units of a kind", "Alle enheter av samme slag"),
    Picture("map", "/kpi/red_share/all/municipality", "Kart med én rute per kommune",
            "A map with one tile per municipality", "Kart: én rute per enhet", 900),
    Picture("funnel", "/kpi/resp_urban_12/all/health_trust", "Traktplott", "A funnel plot",
            "Traktplott: verdi mot størrelse"),
    Picture("series", "/series/c113_within_10s/113/central/amk_oslo/month", "Et tall over tid",
            "A figure over time"),
    Picture("chain", "/chain", "Hvor tiden går", "Where the time goes", "Del for del"),
    Picture("staffing", "/staffing/central/amk_oslo", "Når det ringer gjennom uken",
            "When it rings in a week"),
    Picture("compare", "/compare?units=amk_oslo,amk_bergen,amk_stavanger"
            "&kpis=c113_within_10s,resp_median", "Sammenligning etter eget valg",
            "A comparison of one's choice", "Tallene"),
    Picture("air", "/air", "Luftambulansen", "The air ambulance"),
    Picture("changes", "/changes", "Hva er endret siden utgivelsen før",
            "What changed since the release before"),
    Picture("quality", "/quality", "Datakvalitet", "Data quality"),
    Picture("source", "/quality/hdo_iccs_calls", "En kilde", "A source"),
    Picture("definitions", "/definitions", "Definisjonene", "The definitions"),
    Picture("definition", "/definition/c113_within_10s", "En definisjon", "A definition"),
    Picture("search", "/search?q=oslo", "Søk", "Search"),
    Picture("about", "/about", "Slik leses tallene", "How to read the figures"),
)  # fmt: skip


def look() -> str:
    """A hash of what decides how pages look."""
    found = hashlib.sha256()
    for pattern in LOOK:
        for path in sorted((ROOT / "reporting" / "web").glob(pattern)):
            found.update(path.name.encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:16]


def make(releases: Path, folder: Path) -> None:
    """Take the pictures of the current release, and write the page that shows them."""
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with served(releases) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        for picture in PICTURES:
            page.set_viewport_size({"width": WIDTH, "height": picture.height})
            page.goto(f"{address}{picture.path}")
            if picture.heading is not None:
                heading = page.get_by_role("heading", name=picture.heading, exact=True)
                heading.evaluate("element => element.scrollIntoView()")
            page.screenshot(path=folder / f"{picture.name}.png")
        browser.close()
    INDEX.write_text(index(), "utf-8")


def index() -> str:
    """The page that shows the pictures, with what they were made of."""
    shown = "\n".join(
        f"## {picture.nb} / {picture.en}\n\n![{picture.nb}]({picture.name}.png)\n"
        for picture in PICTURES
    )
    return (
        "# Sidene / the pages\n\n"
        "Syntetiske data. Laget med `make pictures` av en utgivelse som den `make demo` gir. / "
        "Synthetic data, made by `make pictures` of a release as `make demo` gives it.\n\n"
        f"{shown}\n<!-- look {look()} -->\n"
    )


def with_one_before(releases: Path, folder: Path) -> Path:
    """The current release with one before it, a month shorter and a few figures different."""
    current = current_release_id(releases)
    earlier = f"{date.fromisoformat(current[:8]) - timedelta(days=1):%Y%m%d}{current[8:]}"
    for name in (current, earlier):
        shutil.copytree(releases / current, folder / name)
    (folder / POINTER).write_text(current, "utf-8")
    metadata = json.loads((folder / earlier / METADATA).read_text("utf-8"))
    end = date.fromisoformat(str(metadata["period_end"])).replace(day=1)
    metadata["period_end"] = str(end - timedelta(days=1))
    (folder / earlier / METADATA).write_text(json.dumps(metadata), "utf-8")
    with duckdb.connect(str(folder / earlier / DATABASE)) as connection:
        connection.execute(f"""
            update kpi_values set value = value * 0.97, n = n - 3
            where status = 'ok' and n > 100 and hash(unit_id || kpi_id || period_start) % 50 = 0;
            delete from kpi_values
            where period_start >= date '{end}' and period_grain not in ('quarter', 'year')
        """)
    return folder


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        make(with_one_before(default_releases_dir(), Path(temporary)), FOLDER)
