"""Who publishes, and whom to ask: what no release knows, from a file of the installation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

FILE = "publisher.yaml"
Address = Annotated[str, StringConstraints(pattern=r"^https?://[^\s<>\"{}|\\^`]+$")]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class PublisherError(ValueError):
    """The file is there and cannot be used; the message says where."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Contact(_Strict):
    """Whom to ask: a name and an e-mail address, a page, or both."""

    name: Text
    email: Annotated[str, StringConstraints(pattern=r"^[^@\s<>\"]+@[^@\s<>\"]+$")] | None = None
    page: Address | None = None


class Publisher(_Strict):
    """Who is answerable. `address` is where others find the server, when not where it was asked."""

    uri: Address
    name_nb: Text
    name_en: Text | None = None
    contact: Contact | None = None
    address: Address | None = None
    licence: Address | None = Field(None, description="URI in the EU's list of licences.")


def read_publisher(home: Path) -> Publisher | None:
    """What `publisher.yaml` of the installation says; None where there is none.

    Raises:
        PublisherError: it cannot be used.
    """
    path = home / FILE
    if not path.is_file():
        return None
    try:
        found = Publisher.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except (ValidationError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise PublisherError(f"{path}: {error}") from error
    if found.contact and not (found.contact.email or found.contact.page):
        raise PublisherError(f"{path}: contact: email / page")
    return found
