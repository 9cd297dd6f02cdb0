"""The pictures in the documentation are of the pages that there are, as they look now."""

from __future__ import annotations

import re
from pathlib import Path

from fastapi.testclient import TestClient

from reporting.web.app import make_app
from tests.reporting.web.pictures import FOLDER, INDEX, PICTURES, ROOT, index
from tests.reporting.web.test_browser import PATHS

_NO_PICTURE = {"nowhere", "api"}


def test_every_page_has_its_picture_which_is_small() -> None:
    names = {picture.name for picture in PICTURES}
    assert {path.stem for path in FOLDER.glob("*.png")} == names
    assert all(path.stat().st_size < 150_000 for path in FOLDER.glob("*.png"))
    parts = {re.split(r"[/?]", path)[1] for path in PATHS} - _NO_PICTURE
    assert {re.split(r"[/?]", picture.path)[1] for picture in PICTURES} == parts


def test_pictures_are_made_anew_when_pages_look_otherwise() -> None:
    assert INDEX.read_text("utf-8") == index(), "run: make pictures"


def test_the_addresses_are_pages_and_the_readme_shows_three(later: Path) -> None:
    client = TestClient(make_app(later))
    for picture in PICTURES:
        # The fabricated release has no sources, and not all units of a comparison.
        path = picture.path.partition("?")[0]
        if not path.startswith("/quality/"):
            assert client.get(path).status_code == 200, path
    shown = re.findall(r"docs/pictures/(\w+)\.png", (ROOT / "README.md").read_text("utf-8"))
    assert len(shown) == 3
