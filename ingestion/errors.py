"""Errors of the intake, each with a bokmål and an English sentence."""

from __future__ import annotations

from pathlib import Path


class FileRefusedError(Exception):
    """A delivery that is refused whole: a file-level rule failed.

    Attributes:
        code: the file-level rule.
        detail_nb, detail_en: what was found, naming column or row, without any value from the file.
    """

    def __init__(self, code: str, detail_nb: str = "", detail_en: str = "") -> None:
        super().__init__(f"{code}: {detail_en or detail_nb}")
        self.code = code
        self.detail_nb = detail_nb
        self.detail_en = detail_en


class SourceFileError(Exception):
    """A source YAML that cannot be used; lists every problem found."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"{path.name}: kildefilen kan ikke brukes / cannot be used:\n{lines}")
        self.path = path
        self.problems = problems


class KeyMissingError(Exception):
    """The pseudonym key is not in the environment."""

    def __init__(self) -> None:
        super().__init__(
            "AKUTT_PSEUDONYM_KEY mangler: sett en hemmelig nøkkel på minst 32 tegn før inntak. / "
            "AKUTT_PSEUDONYM_KEY is missing: set a secret of at least 32 characters before intake."
        )
