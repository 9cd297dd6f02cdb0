"""What hides a figure is said in words, whatever the policy of the release."""

from __future__ import annotations

from orchestration.suppression import load_policy
from reporting.hiding import rules


def test_every_rule_of_the_policy_is_said_in_both_languages() -> None:
    found = list(rules(load_policy().describe()))
    assert (
        "Tall om aktiviteten: antall fra 1 til 9; tall av færre enn 10 tilfeller; "
        "per kommune som tall om pasientene",
        "Figures on activity: counts of 1 to 9; figures of fewer than 10 cases; "
        "per municipality as figures on patients",
    ) in found
    assert ("Alt som er kortere enn kommune per måned",
            "Everything shorter than municipality per month") in found  # fmt: skip
    video = [en for nb, en in found if nb.startswith("video: Alt som er kortere enn kommune")]
    assert video == ["video: Everything shorter than municipality per month, central per month"]
    # A rule without words would stand there as its name in the code.
    names = {"min_", "finest_", "is_", "{"}
    assert not [text for pair in found for text in pair if any(name in text for name in names)]


def test_only_the_rules_of_the_kpis_in_question_are_said() -> None:
    shortest = [nb for nb, _ in rules(load_policy().describe(), {"video"}) if "kortere enn" in nb]
    assert shortest == ["Alt som er kortere enn kommune per måned, sentral per måned"]
    calls = [nb for nb, _ in rules(load_policy().describe(), {"calls"}) if "kortere enn" in nb]
    assert calls == ["Alt som er kortere enn kommune per måned"]


def test_the_rules_of_earlier_releases_are_said_as_well() -> None:
    found = list(rules({"min_count": 5, "min_denominator": 10}))
    assert found[0] == ("Antall fra 1 til 4", "Counts of 1 to 4")


def test_a_rule_of_a_later_release_is_said_as_it_stands() -> None:
    assert list(rules({"new_rule": 3})) == [("new_rule: 3", "new_rule: 3")]
