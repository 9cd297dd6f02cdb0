"""The metric dictionary is what the registry says; the site opens without a network."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestration.documents import metrics, site
from orchestration.paths import REPOSITORY
from orchestration.registry import load_registry

REGISTRY = load_registry()
IDS = list(dict.fromkeys(kpi.id for kpi in REGISTRY.kpis))


def test_the_committed_dictionary_is_that_of_the_registry() -> None:
    assert metrics.drift(REGISTRY, REPOSITORY / metrics.FOLDER) == []


def test_drift_tells_what_is_absent_changed_or_left_over(tmp_path: Path) -> None:
    metrics.write(REGISTRY, tmp_path)
    (tmp_path / "resp_median.md").unlink()
    (tmp_path / "resp_p90.md").write_text("x", encoding="utf-8")
    (tmp_path / "old_kpi.md").write_text("x", encoding="utf-8")
    assert sorted(line.split(":")[0] for line in metrics.drift(REGISTRY, tmp_path)) == [
        "old_kpi.md",
        "resp_median.md",
        "resp_p90.md",
    ]
    metrics.write(REGISTRY, tmp_path)
    assert metrics.drift(REGISTRY, tmp_path) == []


@pytest.mark.parametrize("kpi_id", IDS)
def test_a_page_has_every_part_in_both_languages(kpi_id: str) -> None:
    kpi, text = REGISTRY.kpi(kpi_id), metrics.page(REGISTRY, kpi_id)
    for part in (
        kpi.name_nb, kpi.name_en, kpi.definition_nb, kpi.definition_en, kpi.formula, kpi.why_nb,
        kpi.why_en, kpi.owner, "Fallgruver", "Pitfalls", "## Versjoner / versions",
    ):  # fmt: skip
        assert part in text
    if kpi.status == "no_source":
        assert kpi.status_reason_nb in text
        assert "akutt kpi query" not in text
    else:
        assert "**Dekning**" in text
        assert f"akutt kpi query {kpi_id}" in text
    if kpi.target is not None:
        assert kpi.target_source in text


def test_the_index_leads_to_every_page() -> None:
    pages = metrics.render(REGISTRY)
    assert set(re.findall(r"\]\((\w+)\.md\)", pages[metrics.INDEX])) == set(IDS)


def test_links_of_the_site_stay_inside_it(tmp_path: Path) -> None:
    written = site.build(tmp_path, with_dbt=False)
    assert {tmp_path / f"metrics/{kpi_id}.html" for kpi_id in IDS} <= set(written)
    for page in written:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r'href="(?![a-z]+:|#)([^"#]+)', text):
            assert (page.parent / target).exists(), (page.name, target)


@pytest.mark.slow
def test_dbt_pages_are_one_file_with_every_mart(tmp_path: Path) -> None:
    site.build(tmp_path)
    page = (tmp_path / site.DBT_PAGE).read_text(encoding="utf-8")
    for model in ("kpi_values", "data_readiness", "readiness_grades", "fct_incidents"):
        assert f"model.akuttkjede.{model}" in page
