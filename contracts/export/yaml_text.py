"""YAML in one house style: declared order, Norwegian letters as they are, a generated mark."""

from __future__ import annotations

from typing import Any

import yaml

MARK = (
    "# Generated from the record models in contracts/. Do not edit: run `akutt contract export`.\n"
)


def yaml_text(document: dict[str, Any]) -> str:
    """The document as YAML text."""
    body = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    return MARK + str(body)
