"""Who may see which units: a file of the installation, and an identity that a proxy vouches for.

Nobody logs in here. A reverse proxy that has found out who asks says so in a header, and is
believed at the addresses that the file lists, nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from reporting.dimensions import LEVELS
from reporting.restricted import Unit

FILE = "access.yaml"
SOURCE = "source"


class AccessError(ValueError):
    """The file is not there or cannot be used; the message says where."""


class NotPermittedError(Exception):
    """Whoever asks is nobody that the file knows, or comes past the proxy."""


def _some_of_them(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    if network.prefixlen == 0:
        raise ValueError("every address there is")
    return network


def _unit(text: str) -> str:
    level, _, unit_id = text.partition(":")
    if level not in (*LEVELS, SOURCE) or not unit_id:
        raise ValueError(f"level:unit, level: {', '.join((*LEVELS, SOURCE))}")
    return text


Network = Annotated[IPv4Network | IPv6Network, AfterValidator(_some_of_them)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Access(BaseModel):
    """The header that names who asks, the addresses it is believed from, and what each may see."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    header: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9\-]*$", to_lower=True)]
    proxies: Annotated[list[Network], Field(min_length=1)]
    people: Mapping[Name, Literal["all"] | list[Annotated[str, AfterValidator(_unit)]]]

    def units_of(
        self, client: str | None, headers: Sequence[tuple[bytes, bytes]]
    ) -> frozenset[Unit] | None:
        """The units that whoever asks may see; None is all of them.

        Args:
            client: the address that the connection came from.
            headers: names in lower case and values, as the server was sent them.

        Raises:
            NotPermittedError: none at all.
        """
        if client is None or not self._is_proxy(client):
            raise NotPermittedError
        named = [value for name, value in headers if name == self.header.encode()]
        # Two of them: one may be what the client itself sent.
        if len(named) != 1:
            raise NotPermittedError
        may = self.people.get(named[0].decode("utf-8", "replace").strip())
        if may is None:
            raise NotPermittedError
        return None if may == "all" else frozenset(_pair(text) for text in may)

    def _is_proxy(self, client: str) -> bool:
        try:
            address = ip_address(client)
        except ValueError:
            return False
        return any(address in network for network in self.proxies)


def _pair(text: str) -> Unit:
    level, _, unit_id = text.partition(":")
    return level, unit_id


def read_access(path: Path) -> Access:
    """What the file says now; a change holds from the next request.

    Raises:
        AccessError: it is not there, or cannot be used.
    """
    try:
        stat = path.stat()
        return _read(path, stat.st_mtime_ns, stat.st_size, stat.st_ino)
    except (OSError, ValidationError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise AccessError(f"{path}: {error}") from error


@lru_cache(maxsize=4)
def _read(path: Path, *_: int) -> Access:
    return Access.model_validate(yaml.safe_load(path.read_text("utf-8")))
