"""The metric dictionary: one page per KPI in bokmål and English, from the registry. Pure text.

The pages are committed below `docs/metrics`; a test holds them against the registry.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from orchestration.documents.pitfalls import pitfalls
from orchestration.registry import Family, Kpi, Linear, Registry
from reporting.dimensions import LEVEL_NAMES

FOLDER = "docs/metrics"
INDEX = "README.md"

_SUBJECTS = {
    "calls": ("Anrop", "Calls"),
    "alarms": ("Ambulanse", "Ambulance"),
    "video": ("Video", "Video"),
    "chain": ("Kjede", "Chain"),
    "lat": ("Luftambulanse", "Air ambulance"),
    "data_quality": ("Datakvalitet", "Data quality"),
}
_PEERS = {
    "amk_volume": ("AMK-sentraler, med trakt etter volum", "AMK centrals, in a funnel by volume"),
    "lvs_population": (
        "legevaktsentraler med lignende folketall og sentralitet",
        "out-of-hours centrals of similar population and centrality",
    ),
    "urban_centrality": (
        "kommuner med samme sentralitet og omtrent like mange innbyggere, "
        "andre områder med områder av samme slag",
        "municipalities of the same centrality and about as many people, "
        "other areas with areas of the same kind",
    ),
    "aircraft_type": ("baser med samme fartøy", "bases with the same aircraft"),
    "source_system": ("samme kildesystem", "the same source system"),
}
_DIRECTIONS = {
    "up": ("høyere er bedre", "higher is better"),
    "down": ("lavere er bedre", "lower is better"),
    "neutral": ("verken høyt eller lavt er bedre", "neither is better"),
}


_LABELS = (
    (
        "På bokmål", "Teller", "Nevner", "Grunnlag", "Utelatt", "Hvorfor", "Dekning", "Fallgruver",
    ),
    (
        "In English", "Numerator", "Denominator", "Basis", "Left out", "Why", "Coverage",
        "Pitfalls",
    ),
)  # fmt: skip


def render(registry: Registry) -> dict[str, str]:
    """Every page by its file name, the index first."""
    ids = list(dict.fromkeys(kpi.id for kpi in registry.kpis))
    pages = {INDEX: _index(registry, ids)}
    for kpi_id in ids:
        pages[f"{kpi_id}.md"] = page(registry, kpi_id)
    return pages


def write(registry: Registry, folder: Path) -> list[Path]:
    """Write every page, and remove those of KPIs that are gone."""
    pages = render(registry)
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.md"):
        if path.name not in pages:
            path.unlink()
    written = []
    for name, text in pages.items():
        path = folder / name
        path.write_text(text, encoding="utf-8", newline="\n")
        written.append(path)
    return written


def drift(registry: Registry, folder: Path) -> list[str]:
    """One line for each page that is absent, differs from the registry, or is left over."""
    pages = render(registry)
    present = {path.name: path for path in folder.glob("*.md")}
    found = [f"{name}: mangler / missing" for name in pages if name not in present]
    found += [
        f"{name}: avviker fra registeret / differs from the registry"
        for name, path in sorted(present.items())
        if name in pages and path.read_bytes() != pages[name].encode()
    ]
    found += [f"{name}: lages ikke lenger / no longer generated" for name in present.keys() - pages]
    return found


def page(registry: Registry, kpi_id: str) -> str:
    """The page of one KPI, in its newest version."""
    kpi = registry.kpi(kpi_id)
    family = registry.families[kpi.family]
    lines = [
        f"# {kpi.name_nb} / {kpi.name_en}",
        "",
        f"`{kpi.id}`, nr. / no. {kpi.number}, versjon / version {kpi.version}.",
        "",
    ]
    if kpi.status == "no_source":
        lines += [
            f"**Ingen kilde.** {kpi.status_reason_nb}",
            "",
            f"**No source.** {kpi.status_reason_en}",
            "",
        ]
    lines += _definition(registry, kpi, family, 0)
    lines += _definition(registry, kpi, family, 1)
    lines += _facts(kpi, family)
    lines += _history(registry, kpi_id)
    if kpi.status == "active":
        lines += _examples(kpi)
    lines += [f"[Alle nøkkeltall / all KPIs]({INDEX})", ""]
    return "\n".join(lines)


def _definition(registry: Registry, kpi: Kpi, family: Family, language: int) -> list[str]:
    title, numerator, denominator, basis, left_out, why, coverage, traps = _LABELS[language]
    parts = (
        (numerator, kpi.numerator),
        (denominator, kpi.denominator),
        (basis, kpi.observations),
    )
    exclusions = [_of(family.exclusions[name], language) for name in kpi.exclusions]
    lines = [f"## {title}", "", (kpi.definition_nb, kpi.definition_en)[language], ""]
    lines += [
        f"- **{label}**: {_words(registry, kpi, form, language)}" for label, form in parts if form
    ]
    if exclusions:
        lines.append(f"- **{left_out}**: {'; '.join(exclusions)}")
    if kpi.status == "active":
        lines.append(f"- **{coverage}**: {_coverage(registry, kpi, language)}")
    lines += [f"- **{why}**: {(kpi.why_nb, kpi.why_en)[language]}", ""]
    found = pitfalls(kpi)
    if found:
        lines += [f"**{traps}**", "", *(f"- {texts[language]}" for texts in found), ""]
    return lines


def _words(registry: Registry, kpi: Kpi, form: Linear, language: int) -> str:
    return registry.texts(kpi, form, "en" if language else "nb")


def _of(text: object, language: int) -> str:
    return str(getattr(text, ("nb", "en")[language]))


def _coverage(registry: Registry, kpi: Kpi, language: int) -> str:
    if not kpi.base:
        return (
            "alle saker som skal med kan brukes (1)",
            "every case that should count can be used (1)",
        )[language]
    known = _words(registry, kpi, kpi.known_form, language)
    base = _words(registry, kpi, kpi.base, language)
    return (f"{known}, av {base}", f"{known}, of {base}")[language]


def _facts(kpi: Kpi, family: Family) -> list[str]:
    target = ("ikke satt", "not set")
    if kpi.target is not None:
        number = f"{kpi.target:g}"
        target = (
            f"{number.replace('.', ',')} {kpi.unit} ({kpi.target_source})",
            f"{number} {kpi.unit} ({kpi.target_source})",
        )
    rows: list[tuple[str, str, str]] = [
        ("Formel / formula", kpi.formula, kpi.formula),
        ("Enhet / unit", kpi.unit, kpi.unit),
        ("Retning / direction", *_DIRECTIONS[kpi.direction]),
        ("Mål / target", *target),
        ("Nivåer / levels", *_joined(LEVEL_NAMES, kpi.levels)),
        ("Segmenter / segments", ", ".join(kpi.segments), ", ".join(kpi.segments)),
        ("Sammenlignes med / peers", *_joined(_PEERS, kpi.peer_group)),
        ("Færrest for sammenligning / fewest to compare", *(str(kpi.min_denominator),) * 2),
        ("Datatype / record type", kpi.contract, kpi.contract),
        ("Tabell / table", f"`{family.fact}`", f"`{family.fact}`"),
        ("Eier / owner", kpi.owner, kpi.owner),
    ]
    lines = ["## Fakta / facts", "", "| | bokmål | English |", "|---|---|---|"]
    lines += [f"| {label} | {_cell(nb)} | {_cell(en)} |" for label, nb, en in rows]
    return [*lines, ""]


def _history(registry: Registry, kpi_id: str) -> list[str]:
    lines = [
        "## Versjoner / versions",
        "",
        "| versjon / version | gjelder fra / valid from | bokmål | English |",
        "|---|---|---|---|",
    ]
    versions = registry.versions(kpi_id)
    lines += [
        f"| {kpi.version} | {kpi.valid_from} | {_cell(kpi.definition_nb)} "
        f"| {_cell(kpi.definition_en)} |"
        for kpi in versions
    ]
    for kpi in versions:
        if kpi.change_nb and kpi.change_en:
            lines += [
                "",
                f"Versjon {kpi.version}: {kpi.change_nb} {_superseded(kpi, versions, 0)}",
                "",
                f"Version {kpi.version}: {kpi.change_en} {_superseded(kpi, versions, 1)}",
            ]
    return [*lines, ""]


def _superseded(kpi: Kpi, versions: Sequence[Kpi], language: int) -> str:
    """What the date of a version means: a correction has that of the version it corrects."""
    corrects = any(k.version < kpi.version and k.valid_from == kpi.valid_from for k in versions)
    if not corrects:
        return ("Serien har et brudd der.", "The series has a break there.")[language]
    return (
        "En retting, som gjelder for alle perioder; den tidligere versjonen regnes ut for landet.",
        "A correction, for all periods; the earlier version is computed for the country.",
    )[language]


def _examples(kpi: Kpi) -> list[str]:
    level = kpi.levels[-1] if "central" not in kpi.levels else "central"
    return [
        "## Eksempel / example",
        "",
        "```console",
        f"akutt kpi query {kpi.id} --level {level} --grain month",
        "```",
        "",
        "```sql",
        "select period_start, unit_id, segment, value, lower, upper, coverage, grade, status",
        "from kpi_values",
        f"where kpi_id = '{kpi.id}' and level = '{level}' and period_grain = 'month'",
        "order by unit_id, segment, period_start",
        "```",
        "",
    ]


def _index(registry: Registry, ids: Iterable[str]) -> str:
    newest = [registry.kpi(kpi_id) for kpi_id in ids]
    lines = [
        "# Nøkkeltall / metric dictionary",
        "",
        "Laget av `akutt docs export` fra registeret i `dbt_project/kpis/`; endres der. / Made by "
        "`akutt docs export` from the registry in that folder; change it there.",
        "",
    ]
    for subject, (nb, en) in _SUBJECTS.items():
        of_subject = [kpi for kpi in newest if kpi.subject == subject]
        if not of_subject:
            continue
        lines += [
            f"## {nb} / {en}",
            "",
            "| nr. | KPI | bokmål | English | enhet / unit | mål / target |",
            "|---:|---|---|---|---|---|",
        ]
        for kpi in of_subject:
            target = "" if kpi.target is None else f"{kpi.target:g}"
            source = " (ingen kilde / no source)" if kpi.status == "no_source" else ""
            lines.append(
                f"| {kpi.number} | [{kpi.id}]({kpi.id}.md) | {kpi.name_nb}{source} "
                f"| {kpi.name_en} | {kpi.unit} | {target} |"
            )
        lines.append("")
    return "\n".join(lines)


def _joined(texts: Mapping[str, tuple[str, str]], names: Iterable[str]) -> tuple[str, str]:
    known = [texts[name] for name in names]
    return ", ".join(nb for nb, _ in known), ", ".join(en for _, en in known)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
