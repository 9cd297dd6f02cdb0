"""Findings of `akutt doctor`: a code that stays, and the same said in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Severity = Literal["ok", "warn", "fail"]

# Every code, and what it says. Codes are only added: others act on them.
CODES: Mapping[str, str] = {
    "PYTHON_OK": "the version of Python is one that is supported",
    "PYTHON_UNSUPPORTED": "the version of Python is not supported",
    "PACKAGES_OK": "the packages that decide are those that are locked",
    "PACKAGES_DIFFER": "a package has another version",
    "PACKAGES_MISSING": "a package is not installed",
    "HOME_OK": "AKUTT_HOME can be written to",
    "HOME_MISSING": "AKUTT_HOME is not there yet",
    "HOME_UNMAKABLE": "AKUTT_HOME is not there, and cannot be made",
    "HOME_READONLY": "AKUTT_HOME cannot be written to",
    "DISK_OK": "there is room",
    "DISK_LOW": "less than 5 GB is free",
    "DISK_FULL": "less than 500 MB is free",
    "KEY_OK": "the key of the pseudonyms is set",
    "KEY_MISSING": "the key of the pseudonyms is not set",
    "SOURCES_OK": "the sources that can be used",
    "SOURCE_SKIPPED": "the source file cannot be used",
    "INBOX_STRANGERS": "files or folders of the inbox belong to no source",
    "REGISTERS_OK": "units, areas and coverage of the installation can be used",
    "REGISTER_WRONG": "a row of a register is wrong",
    "EVENTS_OK": "the file of events can be used",
    "EVENTS_WRONG": "an event is wrong",
    "LAKE_OK": "every batch is as it was written",
    "LAKE_EMPTY": "nothing was taken in yet",
    "LAKE_CHANGED": "a batch was changed after it was written",
    "DELIVERY_SET_ASIDE": "a delivery is dated far from the day it was taken in",
    "FILES_PENDING": "files wait in the inbox",
    "DAYS_MISSING": "a daily source has days without a delivery",
    "EXPECTATION_NOT_MET": "deliveries are not as expected",
    "DBT_OK": "the dbt project and its manifest are there",
    "DBT_PROJECT_MISSING": "the dbt project is not there",
    "DBT_MANIFEST_MISSING": "the dbt project was not parsed yet",
    "WAREHOUSE_OK": "the warehouse holds every batch",
    "WAREHOUSE_MISSING": "there is no warehouse yet",
    "WAREHOUSE_FAILED": "the last build failed, or a test of it",
    "WAREHOUSE_BEHIND": "the warehouse is behind the lake",
    "KEYS_OK": "each key has one source",
    "KEYS_COLLIDE": "several sources deliver the same keys",
    "RELEASE_OK": "the current release is of the present data",
    "RELEASE_NONE": "there is no release yet",
    "RELEASE_UNREADABLE": "the current release cannot be opened",
    "RELEASE_ROLLED_BACK": "the current release is not the newest",
    "RELEASE_BEHIND": "the current release is behind the data",
    "RELEASE_FILES_OK": "with `--full`: files, rows and suppression of a release are as stated",
    "RELEASE_FILES_WRONG": "with `--full`: files, rows or suppression are not as stated",
    "CHECK_BROKE": "a check could not be carried out",
}


class Said(NamedTuple):
    """The same in bokmål and English."""

    nb: str
    en: str

    def __str__(self) -> str:
        return self.nb if self.nb == self.en else f"{self.nb} / {self.en}"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: what was looked at, for people.
        subject: the one that the finding is about (a source, a release, a path), for machines;
            empty when there is only one.
        message, remedy: what was found and what to do. A plain text, such as that of an error, is
            the same in both languages, or says it in both.
    """

    status: Severity
    code: str
    what: str
    message: Said | str
    remedy: Said | str = ""
    subject: str = ""

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise ValueError(f"{self.code}: no such code")

    @property
    def found(self) -> str:
        """The message as it is printed."""
        return str(self.message)

    @property
    def advice(self) -> str:
        """The advice as it is printed."""
        return str(self.remedy)

    def describe(self) -> dict[str, Any]:
        """The form of `akutt doctor --format json`."""
        message, advice = _both(self.message), _both(self.remedy)
        return {
            "code": self.code,
            "severity": self.status,
            "subject": self.subject,
            "message_nb": message.nb,
            "message_en": message.en,
            "advice_nb": advice.nb,
            "advice_en": advice.en,
        }


def _both(text: Said | str) -> Said:
    return text if isinstance(text, Said) else Said(text, text)
