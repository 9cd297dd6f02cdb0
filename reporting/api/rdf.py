"""Statements about things, as JSON-LD and as Turtle: the same nodes written twice.

A node is a dictionary with `@id`, `@type` and properties by prefixed name. A value is text of a
language, a literal of a type, a reference, a node without a name, or a list of these.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

Node = Mapping[str, Any]
PREFIXES: Mapping[str, str] = {
    "adms": "http://www.w3.org/ns/adms#",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "dqv": "http://www.w3.org/ns/dqv#",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
# What ends or breaks an address; the name of the server is whatever it was asked by.
_NO_IRI = re.compile(r"[\x00-\x20<>\"{}|\\^`]")


def said(nb: str, en: str | None = None) -> list[Node]:
    """A text in the languages there are."""
    texts = (("nb", nb), ("en", en))
    return [{"@value": text, "@language": language} for language, text in texts if text]


def literal(value: object, kind: str = "string") -> Node:
    """A literal of an XML Schema type."""
    return {"@value": str(value), "@type": f"xsd:{kind}"}


def to(address: str) -> Node:
    """A reference."""
    return {"@id": address}


def json_ld(nodes: Sequence[Node]) -> bytes:
    """The nodes as JSON-LD 1.1."""
    document = {"@context": PREFIXES, "@graph": nodes}
    return json.dumps(document, ensure_ascii=False, indent=1).encode()


def turtle(nodes: Sequence[Node]) -> bytes:
    """The nodes as Turtle 1.1."""
    heads = [f"@prefix {name}: <{address}> ." for name, address in PREFIXES.items()]
    bodies = [f"{_name(node['@id'])} {_statements(node)} ." for node in nodes]
    return ("\n".join(heads) + "\n\n" + "\n\n".join(bodies) + "\n").encode()


def _statements(node: Node) -> str:
    types = node["@type"] if isinstance(node["@type"], list) else [node["@type"]]
    parts = [f"a {', '.join(types)}"]
    for name, value in node.items():
        if not name.startswith("@"):
            values = value if isinstance(value, list) else [value]
            parts.append(f"{name} {', '.join(_value(one) for one in values)}")
    return " ;\n    ".join(parts)


def _value(value: Node) -> str:
    if "@value" in value:
        # What JSON escapes in a string, and how, Turtle reads alike.
        text = json.dumps(value["@value"], ensure_ascii=False)
        return (
            f"{text}@{value['@language']}" if "@language" in value else f"{text}^^{value['@type']}"
        )
    return _name(value["@id"]) if "@id" in value else f"[ {_statements(value)} ]"


def _name(address: str) -> str:
    if address.partition(":")[0] in PREFIXES:
        return address
    return f"<{_NO_IRI.sub(lambda found: quote(found[0]), address)}>"
