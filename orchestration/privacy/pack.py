"""The privacy pack: what a DPIA and a risk analysis under Normen ask of the product.

Fields, rules and privacy classes come from the contracts, KPIs from the registry, their needs from
the models, recipients and thresholds from their files. What only people can say is left open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts import CONTRACTS, Column, Contract
from ingestion.sources import SourceSpec
from orchestration.audiences import Audience
from orchestration.privacy.document import Block, Chapter, Heading, Pack, Table, Text
from orchestration.privacy.needs import Field, Needs
from orchestration.registry import Registry, load_registry
from orchestration.suppression import SuppressionPolicy

RISKS_FILE = Path(__file__).with_name("risks.yaml")
PROCESSING_FILE = Path(__file__).with_name("processing.yaml")
OPEN_FIELD = "fylles ut"
BY_CONTROLLER = "fylles ut av dataansvarlig"
UNSOLVED = "Ikke løst i produktet"
_NONE = "ingen"
_KPIS_SHOWN = 3

CLASSES = {
    "none": "ingen",
    "pseudonym": "pseudonym",
    "identifier": "kildens identifikator",
    "indirect": "indirekte identifiserende",
}
PURPOSES = {
    "key": "skille rader fra hverandre",
    "code": "dele inn",
    "timestamp": "måle tid og dato",
    "flag": "velge rader",
    "unit": "fordele på enheter",
    "number": "telle og ordne utgaver",
    "text": "fordele på sted",
}
SENSITIVITIES = {
    "service": "hvordan tjenesten virker",
    "activity": "hvor mye den gjør",
    "person": "hva som skjedde med personer",
}
ANSWERS = {"ja": "Løst i produktet", "delvis": "Delvis løst i produktet", "nei": UNSOLVED}


@dataclass(frozen=True)
class Facts:
    """What the pack is made of, besides contracts and models.

    Attributes:
        skipped: names of sources whose file cannot be used, so that they are not described.
    """

    sources: Mapping[str, SourceSpec]
    skipped: Sequence[str]
    audiences: Sequence[Audience]
    policy: SuppressionPolicy


def build(facts: Facts, needs: Needs | None = None, registry: Registry | None = None) -> Pack:
    """The document, the same for the same contracts, models, registers and sources."""
    needs, registry = needs or Needs(), registry or load_registry()
    processing = read(PROCESSING_FILE)
    return Pack(
        "Personvernpakke for Akuttkjede",
        "Privacy pack: a draft for a data protection impact assessment (DPIA) and a risk analysis "
        "(ROS) under Normen, made from contracts, KPI registry, models and settings. What stands "
        "as "
        f"«{OPEN_FIELD}» is for the controller.",
        (
            _processing(facts, processing),
            _fields(needs, registry),
            _necessity(needs),
            _recipients(facts),
            _risks(read(RISKS_FILE)),
            _rights(processing["rights"]),
            _signature(),
            _appendix(needs, registry),
        ),
    )


def read(path: Path) -> dict[str, Any]:
    """One of the two files with sentences."""
    import yaml

    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def _processing(facts: Facts, processing: Mapping[str, Any]) -> Chapter:
    skipped: list[Block] = []
    if facts.skipped:
        skipped.append(
            Text(
                "Disse kildefilene kan ikke brukes og er ikke beskrevet: "
                f"{', '.join(facts.skipped)}."
            )
        )
    return Chapter(
        "1. Beskrivelse av behandlingen",
        "what is processed: sources, record types, the flow from delivery to release, and what "
        "is never taken in.",
        (
            Text(
                "Akuttkjede samler daglige uttrekk fra den akuttmedisinske kjeden og regner dem "
                "om til summerte nøkkeltall. Behandlingen skjer på én maskin hos virksomheten."
            ),
            _open_table(
                ("Dataansvarlig", "Databehandler", "Personvernombud", "Kategorier av registrerte",
                 "Omtrentlig antall registrerte", "Behandlingens formål med egne ord")
            ),
            Heading("Kilder"),
            Table(
                ("Kilde", "Navn i kilderegisteret", "Ansvarlig for dataene", "Kontrakt",
                 "Felt som leses fra filen"),
                tuple(
                    (name, spec.title, spec.owner, spec.contract,
                     ", ".join(spec.columns))
                    for name, spec in sorted(facts.sources.items())
                ),
                (2.5, 4, 3, 2.5, 10),
            ),
            *skipped,
            Heading("Posttyper (kontrakter)"),
            Table(
                ("Kontrakt", "Navn", "Hva én rad er", "Felt", "Regler"),
                tuple(
                    (name, one.title_nb, one.description_nb, str(len(one.columns)),
                     str(len(one.rules)))
                    for name, one in CONTRACTS.items()
                ),
                (3, 4, 12, 1.5, 1.5),
            ),
            Heading("Flyt fra levering til utgivelse"),
            Table(
                ("Trinn", "Hva som skjer", "Hvor det oppbevares", "Kode"),
                tuple(
                    (one["step"], one["what"], one["kept"], "\n".join(one["code"]))
                    for one in processing["flow"]
                ),
                (3, 9, 6, 6),
            ),
            Heading("Hva som aldri tas inn"),
            Table(
                ("Opplysning", "Hvordan den holdes ute", "Kjent grense", "Testen som viser det"),
                tuple(
                    (one["what"], one["how"], one["limit"], "\n".join(one["tests"]))
                    for one in processing["never_taken_in"]
                ),
                (4, 7, 6, 8),
            ),
        ),
    )  # fmt: skip


def _fields(needs: Needs, registry: Registry) -> Chapter:
    blocks: list[Block] = [
        Text(
            "Nøkkeltallene er funnet ved å følge hver måling i nøkkeltallregisteret gjennom "
            "SQL-en i datavarehuset tilbake til de godtatte radene. Et felt regnes som nødvendig "
            "når verdien kan endre tallet: den inngår i uttrykket, avgjør hvilke rader som "
            "telles, eller velger hva som kobles til. Reglene som avgjør om en rad eller tidene "
            "på den kan brukes, er ikke regnet med; antall regler som bruker feltet, står under "
            "formål. Hele listen per nøkkeltall står i vedlegg A."
        ),
        Text(
            "Personvernklassen er kontraktens. «Ingen» betyr at feltet ikke peker på noen alene; "
            "sammen med resten av raden kan det gjøre det. Pseudonymer regnes som "
            "personopplysninger."
        ),
        Text(
            "Utgivelsen har bare summerte tall; ingen felt gis ut for enkeltrader. Produktet "
            "foreslår ingen lagringstid."
        ),
    ]
    for name, contract in CONTRACTS.items():
        blocks.append(Heading(f"{contract.title_nb} ({name})"))
        blocks.append(
            Table(
                ("Felt", "Beskrivelse", "Klasse", "Formål i produktet",
                 "Nøkkeltall som trenger det", "Oppbevares", "I utgivelse", "Lagringstid",
                 "Behandlingsgrunnlag"),
                tuple(
                    _field(contract, column, needs, registry)
                    for column in contract.columns.values()
                ),
                (3.3, 3.8, 2.9, 3.8, 4, 2.5, 2.1, 2.5, 4.2),
            )
        )  # fmt: skip
    return Chapter(
        "2. Opplysningene: hvert felt",
        "every field with description, privacy class, purpose, the KPIs that need it (derived "
        "from the SQL), where it is kept, and open columns for retention and legal basis.",
        tuple(blocks),
    )


def _field(contract: Contract, column: Column, needs: Needs, registry: Registry) -> tuple[str, ...]:
    one = Field(contract.name, column.name)
    return (
        column.name,
        column.description_nb or column.description_en,
        CLASSES[column.privacy],
        _purpose(contract, column, needs),
        _kpis(one, needs, registry),
        _kept(one, needs),
        "nei, bare summert",
        OPEN_FIELD,
        BY_CONTROLLER,
    )


def _purpose(contract: Contract, column: Column, needs: Needs) -> str:
    one = Field(contract.name, column.name)
    rules = sum(column.name in rule.columns for rule in contract.rules)
    uses = [PURPOSES[column.kind]]
    uses += ["regne ut nøkkeltall"] if needs.by_field[one] else []
    uses += ["koble poster i samme hendelse"] if one in needs.links else []
    uses += [f"kontrollere leveringen ({_counted(rules, 'regel', 'regler')})"] if rules else []
    return "; ".join(uses)


def _kept(one: Field, needs: Needs) -> str:
    as_is = needs.in_warehouse.get(one)
    if as_is is None:
        return "datasjø"
    return "datasjø og datavarehus" if as_is else "datasjø; omregnet i datavarehus"


def _kpis(one: Field, needs: Needs, registry: Registry) -> str:
    """How many KPIs need a field, and the first of them by name."""
    found = needs.by_field[one]
    if not found:
        return _NONE
    of_contract = {
        kpi
        for field, kpis in needs.by_field.items()
        if field.contract == one.contract
        for kpi in kpis
    }
    if of_contract == set(found):
        return f"{len(found)}: alle som bruker posttypen"
    kpis = [registry.kpi(kpi).name_nb for kpi in found]
    shown = "; ".join(kpis[:_KPIS_SHOWN])
    more = len(kpis) - _KPIS_SHOWN
    return f"{len(kpis)}: {shown}" + (f" og {more} til" if more > 0 else "")


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _necessity(needs: Needs) -> Chapter:
    unneeded = [one for one, kpis in needs.by_field.items() if not kpis]
    linking = [one for one in unneeded if one in needs.links]
    idle = [one for one in unneeded if one not in needs.links]
    return Chapter(
        "3. Formål, nødvendighet og forholdsmessighet",
        "fields that no KPI needs are candidates for removal (data minimisation), listed with "
        "what else uses them.",
        (
            Text(
                f"{len(needs.by_field) - len(unneeded)} av {len(needs.by_field)} felt trengs "
                "av minst ett "
                f"nøkkeltall. {len(unneeded)} trengs ikke av noe nøkkeltall."
            ),
            Heading("Kandidater for fjerning: ingen nøkkeltall og ingen kobling"),
            Text(
                "Et felt som kontrakten ikke krever, kan tas ut ved at kildefilen ikke mapper "
                "det. Da leses det ikke inn. Regler som bruker feltet, blir da uten virkning for "
                "det."
            ),
            _candidates(idle),
            Heading("Brukes bare til å koble poster i samme hendelse"),
            Text(
                "Uten disse faller koblingen mellom anrop, oppdrag, video og luftambulanse bort "
                "helt eller delvis; nøkkeltall endres ikke av at de fjernes."
            ),
            _candidates(linking),
            Heading("Vurdering"),
            _open_table(
                ("Er formålene uttrykkelig angitt og berettiget?",
                 "Er hvert felt nødvendig for formålet?",
                 "Kan formålet nås med mindre inngripende midler?",
                 "Står inngrepet i forhold til nytten?", "Behandlingsgrunnlag (art. 6)",
                 "Unntak for særlige kategorier (art. 9)", "Supplerende rettsgrunnlag",
                 "Lagringstid per oppbevaringssted")
            ),
        ),
    )  # fmt: skip


def _candidates(fields: Iterable[Field]) -> Table:
    rows = []
    for one in fields:
        contract = CONTRACTS[one.contract]
        column = contract.columns[one.column]
        codes = [rule.code for rule in contract.rules if one.column in rule.columns]
        shown = ", ".join(codes[:_KPIS_SHOWN])
        more = len(codes) - _KPIS_SHOWN
        rows.append(
            (
                contract.title_nb,
                one.column,
                column.description_nb or column.description_en,
                CLASSES[column.privacy],
                "ja" if column.required else "nei",
                shown + (f" og {more} til" if more > 0 else "") or _NONE,
                OPEN_FIELD,
            )
        )
    return Table(
        ("Posttype", "Felt", "Beskrivelse", "Klasse", "Påkrevd", "Regler som bruker det",
         "Beholdes? Hvorfor?"),
        tuple(rows),
        (4.6, 3.5, 5, 2.8, 2, 6, 3.2),
    )  # fmt: skip


def _recipients(facts: Facts) -> Chapter:
    policy = facts.policy
    rows = [
        ("Alle (open)", "Utgivelsen der små tall, og tall som ville røpet dem, er skjult.",
         "ja", OPEN_FIELD, "ikke nødvendig for anonyme tall; " + OPEN_FIELD)
    ]  # fmt: skip
    rows += [
        (f"{one.name_nb} ({one.name})", _sight(one), "merket med is_small" if one.sees_everything
         else "ja, utenfor det mottakeren ser", OPEN_FIELD, BY_CONTROLLER)
        for one in facts.audiences
    ]  # fmt: skip
    return Chapter(
        "4. Mottakere",
        "who receives which release, and the thresholds below which figures are hidden.",
        (
            Text(
                "Ingen mottaker får rader. Driftspersonell med tilgang til maskinen kan lese "
                "datasjø og datavarehus; de skal føres opp her av virksomheten."
            ),
            Table(
                ("Mottaker", "Hva mottakeren får", "Små tall skjult", "Hvem det er", "Grunnlag"),
                tuple(rows),
                (4, 9, 4, 4, 5),
            ),
            Heading("Terskler for små tall"),
            Table(
                ("Nøkkeltall om", "Antall skjules under", "Grunnlag skjules under",
                 "Teller eller rest skjules under", "Persentil: minste antall bortenfor",
                 "Annen regel på nivå"),
                tuple(
                    (
                        SENSITIVITIES[name],
                        *(str(number) if number else "–" for number in (
                            one.min_count, one.min_denominator, one.min_part,
                            one.min_beyond_percentile)),
                        "; ".join(f"{level}: som {SENSITIVITIES[other]}"
                                  for level, other in one.at.items()) or "–",
                    )
                    for name, one in policy.too_small.items()
                ),
                (5, 3, 3, 4, 4, 6),
            ),
            Text("Null vises. For mindre områder gis bare lengre perioder ut."),
            Table(
                ("Nøkkeltallfamilie", "Nivå og korteste periode, med navnene i suppression.yaml"),
                tuple(
                    (family, "; ".join(f"{level}: {grain}" for level, grain in levels.items()))
                    for family, levels in {
                        "alle": policy.finest_grain, **policy.finest_grain_of
                    }.items()
                ),
                (6, 18),
            ),
        ),
    )  # fmt: skip


def _sight(audience: Audience) -> str:
    if isinstance(audience.sees, str):
        return "Alle tall, også små, merket med det som ikke kan gis videre."
    parts = []
    for sight in audience.sees:
        regions = f"regionene {', '.join(sight.regions)}" if sight.regions else "hele landet"
        families = f" for {', '.join(sight.families)}" if sight.families else ""
        parts.append(f"{regions}{families} i sin helhet")
    return f"{'; '.join(parts).capitalize()}; ellers som alle."


def _risks(risks: Mapping[str, Sequence[Mapping[str, Any]]]) -> Chapter:
    blocks: list[Block] = [
        Text(
            "Konsekvens, sannsynlighet og om risikoen aksepteres, fylles ut av virksomheten. Der "
            "produktet "
            f"ikke gjør noe, står det «{UNSOLVED.lower()}»."
        )
    ]
    number = 0
    for area, listed in risks.items():
        rows = []
        for one in listed:
            number += 1
            rows.append((f"R{number}", one["risk"], _answer(one), _proof(one), "", "", ""))
        blocks.append(Heading(area.capitalize()))
        blocks.append(
            Table(
                ("Nr.", "Risiko", "Hva produktet gjør", "Testen som viser det, og koden",
                 "Konsekvens", "Sannsynlighet", "Akseptert?"),
                tuple(rows),
                (1.1, 4.4, 7.6, 6.6, 2.4, 2.9, 2.3),
            )
        )  # fmt: skip
    return Chapter(
        "5. Risikoer og tiltak",
        "risks to confidentiality, integrity, availability and resilience: what the product "
        "does, the test that shows it, and what it does not do.",
        tuple(blocks),
    )


def _answer(one: Mapping[str, Any]) -> str:
    rest = f"\nVirksomheten: {one['rest']}" if one.get("rest") else ""
    return f"{ANSWERS[one['answer']]}. {one['measure']}{rest}"


def _proof(one: Mapping[str, Any]) -> str:
    lines = [*one.get("tests", ()), *one.get("code", ()), *one.get("commands", ())]
    return "\n".join(lines) or "–"


def _rights(rights: Sequence[Mapping[str, str]]) -> Chapter:
    return Chapter(
        "6. De registrertes rettigheter",
        "how the rights of persons can be met with the product, and what the controller must do "
        "elsewhere.",
        (
            Table(
                ("Rettighet", "Hva produktet gjør", "Hvordan virksomheten ivaretar den"),
                tuple((one["right"], one["product"], OPEN_FIELD) for one in rights),
                (5, 12, 7),
            ),
        ),
    )


def _signature() -> Chapter:
    return Chapter(
        "7. Vurdering og underskrift",
        "conclusion and signatures, to be filled in.",
        (
            _open_table(
                ("Samlet vurdering av gjenstående risiko", "Råd fra personvernombudet",
                 "De registrertes syn, om innhentet", "Forhåndsdrøfting med Datatilsynet (art. "
                 "36)?",
                 "Beslutning", "Neste gjennomgang")
            ),
            Table(
                ("Rolle", "Navn", "Dato", "Underskrift"),
                tuple((role, "", "", "") for role in
                      ("Dataansvarlig", "Personvernombud", "Informasjonssikkerhetsansvarlig",
                       "Fagansvarlig")),
                (6, 7, 4, 7),
            ),
        ),
    )  # fmt: skip


def _appendix(needs: Needs, registry: Registry) -> Chapter:
    rows = []
    for kpi in registry.active:
        by_contract: dict[str, list[str]] = {}
        found = needs.of_kpi(kpi)
        for name, contract in CONTRACTS.items():
            for column in contract.columns:
                if Field(name, column) in found:
                    by_contract.setdefault(name, []).append(column)
        fields = "\n".join(f"{name}: {', '.join(columns)}" for name, columns in by_contract.items())
        version = f" (versjon {kpi.version})" if len(registry.versions(kpi.id)) > 1 else ""
        rows.append(
            (str(kpi.number), kpi.id + version, kpi.name_nb, SENSITIVITIES[kpi.sensitivity], fields)
        )
    return Chapter(
        "Vedlegg A: Felt per nøkkeltall",
        "for each computed KPI every field that can change its figure.",
        (
            Table(
                ("Nr.", "Nøkkeltall", "Navn", "Forteller om", "Felt"),
                tuple(rows),
                (1.2, 4.5, 5, 3.5, 12),
            ),
        ),
    )


def _open_table(questions: Sequence[str]) -> Table:
    return Table(
        ("Spørsmål", "Svar"),
        tuple((question, OPEN_FIELD) for question in questions),
        (8, 16),
    )
