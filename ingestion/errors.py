"""Errors of the intake, each with a bokmål and an English sentence."""

from __future__ import annotations

from collections.abc import Sequence
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


def refusal_of(error: BaseException) -> FileRefusedError:
    """What any exception of any library comes to for the one file that caused it.

    Only the class of a foreign exception is told: its text may hold values of the file. Native code
    panics with what is no `Exception`, so everything comes here but what ends the program.
    """
    if isinstance(error, FileRefusedError):
        return error
    name = failure(error)
    return FileRefusedError(
        "FILE_READER_FAILED",
        f"leseren stanset med {name}; send filen på nytt, eller meld fra med filens id",
        f"the reader stopped with {name}; deliver the file again, or report it with the file's id",
    )


def failure(error: BaseException) -> str:
    """The class name of an error that says something of a file; others are raised again."""
    if isinstance(error, FileRefusedError | KeyboardInterrupt | SystemExit | GeneratorExit):
        raise error
    return type(error).__name__


class FileChangedError(Exception):
    """A file that was changed or taken away while it was read."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name}: filen ble endret mens den ble lest; prøv igjen / "
            "the file was changed while it was read; try again"
        )


class SourceProblem(ValueError):
    """Something in a source file that cannot be meant.

    Attributes:
        place: the words of the file that lead to it.
    """

    def __init__(self, nb: str, en: str, *place: str | int) -> None:
        super().__init__(f"{nb} / {en}")
        self.place = place


class SourceProblems(ValueError):
    """All that is wrong between the words of a source file."""

    def __init__(self, problems: Sequence[SourceProblem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class SourceFileError(Exception):
    """A source YAML that cannot be used; lists every problem found."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"{path.name}: kildefilen kan ikke brukes / cannot be used:\n{lines}")
        self.path = path
        self.problems = problems


class KeyMissingError(Exception):
    """The pseudonym key is not in the environment, or too short.

    Args:
        characters: how long the one that is there is.
    """

    def __init__(self, characters: int = 0) -> None:
        nb = f"har bare {characters} tegn" if characters else "mangler"
        en = f"has only {characters} characters" if characters else "is missing"
        super().__init__(
            f"AKUTT_PSEUDONYM_KEY {nb}: sett en hemmelig nøkkel på minst 32 tegn før inntak. / "
            f"AKUTT_PSEUDONYM_KEY {en}: set a secret of at least 32 characters before intake."
        )


class KeyChangedError(Exception):
    """The lake was filled with another pseudonym key than the one in the environment.

    Attributes:
        path: the file in the lake that remembers the fingerprint of its key.
    """

    def __init__(self, path: Path, *, damaged: bool = False) -> None:
        if damaged:
            nb = "nøkkelens fingeravtrykk kan ikke leses. Hent filen fra sikkerhetskopi, eller "
            nb += "slett den hvis nøkkelen med sikkerhet er den samme som før."
            en = "the fingerprint of the key cannot be read. Restore the file from a backup, or "
            en += "delete it if the key is certain to be the one used before."
        else:
            nb = "datasjøen er fylt med en annen AKUTT_PSEUDONYM_KEY. Samme innringer ville fått "
            nb += "to pseudonymer. Bruk nøkkelen som ble brukt før, eller start et nytt lager."
            en = "the lake was filled with another AKUTT_PSEUDONYM_KEY, and one caller would get "
            en += "two pseudonyms. Use the key that was used before, or start a new lake."
        super().__init__(f"{path.name}: {nb} / {en}")
        self.path = path
