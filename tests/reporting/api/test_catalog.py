"""The catalogue: the same in both notations, what DCAT-AP-NO 3 requires, and nothing made up."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from reporting.api import rdf
from reporting.api.publisher import PublisherError
from reporting.reader import Release
from reporting.web.app import make_app

rdflib = pytest.importorskip("rdflib", reason="install the dev extra")
compare = pytest.importorskip("rdflib.compare")
DCAT, DCT = rdflib.Namespace(rdf.PREFIXES["dcat"]), rdflib.Namespace(rdf.PREFIXES["dct"])
DQV, FOAF = rdflib.Namespace(rdf.PREFIXES["dqv"]), rdflib.Namespace(rdf.PREFIXES["foaf"])
VCARD = rdflib.Namespace(rdf.PREFIXES["vcard"])
ABOUT = """
uri: https://example.org/organizations/1
name_nb: Eksempelforetaket
name_en: The example trust
contact: {name: Dataforvaltningen, email: data@example.org}
address: https://figures.example.org
licence: http://publications.europa.eu/resource/authority/licence/NLOD_2_0
"""
# Of the profile: what each class must have; what of it is text of a language, at most one of each.
REQUIRED = {
    DCAT.Catalog: {DCT.title, DCT.description, DCT.publisher, DCAT.contactPoint},
    DCAT.Dataset: {DCT.title, DCT.description, DCT.publisher, DCAT.contactPoint, DCAT.theme},
    DCAT.DataService: {DCT.title, DCT.publisher, DCAT.contactPoint, DCAT.endpointURL},
    DCAT.Distribution: {DCAT.accessURL},
    FOAF.Agent: {FOAF.name},
    VCARD.Organization: {VCARD.fn, VCARD.hasEmail},
}
ONCE = {
    *(DCT.publisher, DCT.modified, DCT.identifier, DCT.accessRights, DCT.license, DCT["format"]),
    *(DCAT.version, DCAT.endpointURL, DCAT.mediaType, DCAT.startDate, DCAT.endDate),
}
REFERENCES = {
    *(DCT.publisher, DCT.license, DCT["format"], DCT.spatial, DCT.language, DCT.accessRights),
    *(DCAT.theme, DCAT.dataset, DCAT.service, DCAT.accessURL, DCAT.mediaType, DCAT.endpointURL),
    *(DCAT.themeTaxonomy, DCAT.distribution, DCAT.accessService, DCAT.servesDataset),
}


@pytest.fixture(scope="module")
def published(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Releases of an installation that says who publishes."""
    home = tmp_path_factory.mktemp("catalogue")
    shutil.copytree(whole, home / "releases")
    (home / "publisher.yaml").write_text(ABOUT)
    return home / "releases"


def graph(client: TestClient, media: str, address: str = "/api/v1/catalog") -> Any:
    answer = client.get(address, headers={"Accept": media})
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == media
    return rdflib.Graph().parse(data=answer.text, format=media)


def test_it_has_what_the_profile_requires(published: Path) -> None:
    found = graph(TestClient(make_app(published)), "text/turtle")
    for kind, required in REQUIRED.items():
        nodes = list(found.subjects(rdflib.RDF.type, kind))
        assert nodes, kind
        for node in nodes:
            assert required <= set(found.predicates(node)), (node, required)
    for node in set(found.subjects()):
        for name in ONCE:
            assert len(list(found.objects(node, name))) <= 1, (node, name)
        for name in (DCT.title, DCT.description):
            texts = list(found.objects(node, name))
            assert all(text.language in ("nb", "en") for text in texts)
            assert len({text.language for text in texts}) == len(texts)
    for name in REFERENCES:
        assert all(isinstance(value, rdflib.URIRef) for value in found.objects(None, name)), name


def test_both_notations_say_the_same(published: Path) -> None:
    client = TestClient(make_app(published))
    turtle = graph(client, "text/turtle")
    assert len(turtle) > 100
    assert compare.isomorphic(turtle, graph(client, "application/ld+json"))


def test_it_says_what_the_release_is_and_where_it_is_had(published: Path, release: Release) -> None:
    client = TestClient(make_app(published))
    found = graph(client, "text/turtle")
    (dataset,) = found.subjects(rdflib.RDF.type, DCAT.Dataset)
    assert str(found.value(dataset, DCAT.version)) == release.release_id
    rows = release.rows("select grade from readiness_grades where level = 'national'")
    grades = {row["grade"] for row in rows}
    assert {str(value) for value in found.objects(None, DQV.value)} == grades != set()
    addresses = [str(value) for value in found.objects(None, DCAT.accessURL)]
    assert len(addresses) == len(set(addresses)) > 20
    for address in addresses:
        path = address.removeprefix("https://figures.example.org")
        answer = client.get(path)
        assert answer.status_code == 200, (address, answer.text)
    for node in found.subjects(rdflib.RDF.type, DCAT.Distribution):
        media = str(found.value(node, DCAT.mediaType)).split("/media-types/")[1]
        path = str(found.value(node, DCAT.accessURL)).removeprefix("https://figures.example.org")
        assert client.head(path).headers["content-type"].partition(";")[0] == media


def test_the_other_releases_are_versions_of_it(later: Path) -> None:
    client = TestClient(make_app(later))
    found = graph(client, "text/turtle")
    (dataset,) = found.subjects(rdflib.RDF.type, DCAT.Dataset)
    (other,) = found.objects(dataset, DCAT.hasVersion)
    path = str(other).removeprefix("http://testserver").partition("#")[0]
    there = graph(client, "text/turtle", path)
    assert list(there.subjects(rdflib.RDF.type, DCAT.Dataset)) == [other]


def test_what_nobody_has_said_is_left_out_and_told(whole: Path) -> None:
    found = graph(TestClient(make_app(whole)), "text/turtle")
    assert not list(found.objects(None, DCT.publisher))
    assert not list(found.objects(None, DCAT.contactPoint))
    assert any("publisher.yaml" in str(text) for text in found.objects(None, rdflib.RDFS.comment))


@pytest.mark.parametrize(
    "about",
    [
        "uri: nowhere",
        "[]",
        "uri: [",
        ABOUT + "more: 1",
        ABOUT.replace(", email: data@example.org", ""),
    ],
)
def test_a_file_that_cannot_be_used_stops_the_server(tmp_path: Path, about: str) -> None:
    (tmp_path / "publisher.yaml").write_text(about)
    with pytest.raises(PublisherError, match=r"publisher\.yaml"):
        make_app(tmp_path / "releases")


def test_what_is_written_is_what_was_said() -> None:
    hostile = 'a"> . <b\\\n\t\x07æ'
    node = {
        "@id": f"http://{hostile}/", "@type": "dcat:Dataset", "dct:title": rdf.said(hostile),
    }  # fmt: skip
    found = rdflib.Graph().parse(data=rdf.turtle([node]), format="turtle")
    assert len(found) == 2
    assert [str(text) for text in found.objects(None, DCT.title)] == [hostile]
