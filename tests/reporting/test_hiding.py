"""What hides a figure is said in words, whatever the policy of the release."""

from __future__ import annotations

from orchestration.suppression import load_policy
from reporting.hiding import rules


def test_every_rule_of_the_policy_is_said_in_both_languages() -> None:
    found = list(rules(load_policy().describe()))
    assert ("Antall fra 1 til 4", "Counts of 1 to 4") in found
    assert ("Kortere perioder enn kommune per måned",
            "Periods shorter than municipality per month") in found  # fmt: skip
    assert ("video: Kortere perioder enn sentral per måned",
            "video: Periods shorter than central per month") in found  # fmt: skip
    # A rule without words would stand there as its name in the code.
    names = {"min_", "finest_", "{"}
    assert not [text for pair in found for text in pair if any(name in text for name in names)]


def test_a_rule_of_a_later_release_is_said_as_it_stands() -> None:
    assert list(rules({"new_rule": 3})) == [("new_rule: 3", "new_rule: 3")]
