"""The release as a data catalogue describes it: DCAT-AP-NO 3, with its quality in DQV.

https://data.norge.no/specification/dcat-ap-no
Only what the release, its data package and `publisher.yaml` say; nothing is filled in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from reporting.api.formats import FIGURES, LISTS, MEDIA_TYPES
from reporting.api.publisher import FILE, Publisher
from reporting.api.rdf import Node, literal, said, to
from reporting.audience import OPEN
from reporting.datapackage import TITLES, described
from reporting.reader import Release

_EU = "http://publications.europa.eu/resource/authority"
_MEDIA = "https://www.iana.org/assignments/media-types"
# Formats by their names in the EU's list; JSON-stat is JSON there.
_FILE_TYPES = {"json": "JSON", "csv": "CSV", "parquet": "PARQUET", "jsonstat": "JSON"}
# Where each table is had: its address, the parameters, the formats.
ADDRESSES: Sequence[tuple[str, str, dict[str, str], Sequence[str]]] = (
    ("kpi_values", "/values", {}, FIGURES),
    ("kpi_comparisons", "/comparisons", {}, FIGURES),
    ("kpi_trends", "/trends", {}, FIGURES),
    ("hour_profiles", "/profiles", {}, LISTS),
    ("time_classes", "/distributions", {}, LISTS),
    ("kpi_registry", "/kpis", {}, LISTS),
    ("units", "/units", {}, LISTS),
    ("readiness_grades", "/readiness", {"table": "grades"}, LISTS),
    ("data_readiness", "/readiness", {"table": "measures"}, LISTS),
    ("readiness_findings", "/readiness", {"table": "findings"}, LISTS),
)
_LACKING = (
    f"Utgiver og kontaktpunkt er ikke oppgitt ({FILE}); DCAT-AP-NO krever dem.",
    f"Publisher and contact point are not given ({FILE}); DCAT-AP-NO requires them.",
)
_WHOLE = (
    "Store uttrekk hentes i sider med limit og offset.",
    "Large extracts are had in pages with limit and offset.",
)


def catalogue(
    release: Release, api: str, here: str, publisher: Publisher | None, others: Sequence[str]
) -> list[Node]:
    """The nodes: catalogue, data set, distributions, service, quality.

    Args:
        api: the absolute address of the API; `here`: that of this catalogue.
        others: ids of the other releases that are kept.
    """
    dataset = f"{here}#dataset"
    title, description = described(release.metadata)
    answerable = _answerable(publisher)
    versions = [to(f"{api}/catalog?{urlencode({'release': id})}#dataset") for id in others]
    licence = {"dct:license": to(publisher.licence)} if publisher and publisher.licence else {}
    offered = [{**node, **licence} for node in _distributions(release, api, here)]
    quality = _quality(release, here)
    made = {"dct:modified": literal(release.metadata["created_at"], "dateTime")}
    nodes: list[Node] = [
        {
            "@id": here, "@type": "dcat:Catalog", "dct:title": said("Akuttkjede", "Akuttkjede"),
            "dct:description": said(*title), "dct:identifier": literal(here),
            **answerable, **licence, **made,
            **({} if _is_whole(publisher) else {"rdfs:comment": said(*_LACKING)}),
            "dct:language": [to(f"{_EU}/language/{code}") for code in ("NOB", "ENG")],
            "dcat:themeTaxonomy": to(f"{_EU}/data-theme"),
            "dcat:dataset": to(dataset), "dcat:service": to(f"{here}#service"),
        },
        {
            "@id": dataset, "@type": "dcat:Dataset", "dct:title": said(*title),
            "dct:description": said(*description), "dct:identifier": literal(dataset),
            **answerable, **made, "dcat:theme": to(f"{_EU}/data-theme/HEAL"),
            "dct:accessRights": to(f"{_EU}/access-right/{_access(release)}"),
            "dct:spatial": to(f"{_EU}/country/NOR"), **_temporal(release),
            "dcat:version": literal(release.release_id),
            **({"dcat:hasVersion": versions} if versions else {}),
            "dct:language": [to(f"{_EU}/language/{code}") for code in ("NOB", "ENG")],
            "dcat:distribution": [to(node["@id"]) for node in offered],
            **({"dqv:hasQualityMeasurement": [to(node["@id"]) for node in quality
                if node["@type"] == "dqv:QualityMeasurement"]} if quality else {}),
        },
        {
            "@id": f"{here}#service", "@type": "dcat:DataService",
            "dct:title": said("Akuttkjede: API", "Akuttkjede: API"), **answerable, **licence,
            "dcat:endpointURL": to(api), "dcat:endpointDescription": to(f"{api}/openapi.json"),
            "dcat:servesDataset": to(dataset),
        },
        *offered,
        *quality,
    ]  # fmt: skip
    return [*nodes, *_agent(publisher)]


def _is_whole(publisher: Publisher | None) -> bool:
    return publisher is not None and publisher.contact is not None


def _answerable(publisher: Publisher | None) -> dict[str, Any]:
    if publisher is None:
        return {}
    found: dict[str, Any] = {"dct:publisher": to(publisher.uri)}
    if (contact := publisher.contact) is not None:
        ways = {
            "vcard:hasEmail": f"mailto:{contact.email}" if contact.email else None,
            "vcard:hasURL": contact.page,
        }
        found["dcat:contactPoint"] = {
            "@type": "vcard:Organization",
            "vcard:fn": said(contact.name),
            **{name: to(way) for name, way in ways.items() if way},
        }
    return found


def _agent(publisher: Publisher | None) -> list[Node]:
    if publisher is None:
        return []
    name = said(publisher.name_nb, publisher.name_en)
    return [{"@id": publisher.uri, "@type": "foaf:Agent", "foaf:name": name}]


def _access(release: Release) -> str:
    return "PUBLIC" if release.audience == OPEN else "NON_PUBLIC"


def _temporal(release: Release) -> dict[str, Any]:
    ends = {
        name: release.metadata.get(key)
        for name, key in (("dcat:startDate", "period_start"), ("dcat:endDate", "period_end"))
    }
    told = {name: literal(day, "date") for name, day in ends.items() if day}
    return {"dct:temporal": {"@type": "dct:PeriodOfTime", **told}} if told else {}


def _distributions(release: Release, api: str, here: str) -> list[Node]:
    found: list[Node] = []
    for table, path, parameters, formats in ADDRESSES:
        if not release.has(table):
            continue
        titles = TITLES[table].split(" / ")
        for name in formats:
            asked = urlencode({**parameters, "release": release.release_id, "format": name})
            media = MEDIA_TYPES[name][0]
            found.append(
                {
                    "@id": f"{here}#{table}-{name}", "@type": "dcat:Distribution",
                    "dct:title": said(*(f"{title} ({name})" for title in titles)),
                    "dct:description": said(*_WHOLE), "dcat:accessURL": to(f"{api}{path}?{asked}"),
                    "dct:format": to(f"{_EU}/file-type/{_FILE_TYPES[name]}"),
                    "dcat:mediaType": to(f"{_MEDIA}/{media}"),
                    "dcat:accessService": to(f"{here}#service"),
                }
            )  # fmt: skip
    return found


def _quality(release: Release, here: str) -> list[Node]:
    """The country's grade of each kind of record in the latest period that has one."""
    if not release.has("readiness_grades"):
        return []
    rows = release.rows(
        "select contract, grade, period_start, reason_nb, reason_en from readiness_grades"
        " where level = 'national' and grade is not null"
        " qualify row_number() over (partition by contract order by"
        " period_grain = 'year' desc, period_start desc, period_grain) = 1 order by contract"
    )
    found: list[Node] = []
    for row in rows:
        metric = f"{here}#grade-{row['contract']}"
        found += [
            {
                "@id": metric, "@type": "dqv:Metric",
                "skos:prefLabel": said(
                    f"Karakter for datakvalitet, {row['contract']}",
                    f"Grade of data quality, {row['contract']}",
                ),
                "dqv:expectedDataType": to("xsd:string"),
            },
            {
                "@id": f"{metric}-measured", "@type": "dqv:QualityMeasurement",
                "dqv:isMeasurementOf": to(metric), "dqv:value": literal(row["grade"]),
                "dct:date": literal(row["period_start"], "date"),
                **({"rdfs:comment": said(row["reason_nb"], row["reason_en"])}
                   if row["reason_nb"] else {}),
            },
        ]  # fmt: skip
    return found
