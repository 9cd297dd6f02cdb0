"""Source files, of the project and of the installation, with errors that name file and place.

A file that cannot be used is left out and reported; it never stops the other sources.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import ValidationError

from ingestion.errors import SourceFileError, SourceProblem, SourceProblems
from ingestion.home import Home, default_home
from ingestion.sources.spec import SourceSpec

SOURCES_DIR = Path(__file__).parent

# What pydantic calls an error, in the words of someone who writes a source file.
_PLAIN = {
    "missing": "mangler / is missing",
    "extra_forbidden": "ukjent ord; se etter skrivefeil / unknown word; look for a typing error",
    "literal_error": "må være en av {expected} / must be one of {expected}",
    "string_type": "må være tekst; sett den i anførselstegn / must be text; put it in quotes",
    "string_pattern_mismatch": "må passe / must fit {pattern}",
    "bool_type": "må være true eller false / must be true or false",
    "bool_parsing": "må være true eller false / must be true or false",
    "int_type": "må være et helt tall / must be a whole number",
    "int_parsing": "må være et helt tall / must be a whole number",
    "float_type": "må være et tall / must be a number",
    "float_parsing": "må være et tall / must be a number",
    "list_type": "må være en liste / must be a list",
    "dict_type": "må være ord med verdier / must be words with values",
    "model_type": "må være ord med verdier / must be words with values",
    "date_parsing": "må være en dato, 2026-01-31 / must be a date",
    "date_from_datetime_parsing": "må være en dato, 2026-01-31 / must be a date",
    "greater_than_equal": "må være minst {ge} / must be at least {ge}",
    "less_than_equal": "må være høyst {le} / must be at most {le}",
}


@dataclass(frozen=True)
class Sources:
    """The sources that can be used, by name, and the files that cannot, with the reasons."""

    specs: dict[str, SourceSpec]
    skipped: tuple[SourceFileError, ...] = ()

    @property
    def skipped_names(self) -> list[str]:
        """Names of the sources that were left out."""
        return sorted({error.path.stem for error in self.skipped})


def load_source(path: Path) -> SourceSpec:
    """One source file.

    Raises:
        SourceFileError: the file cannot be read, is not YAML, or does not fit the model.
    """
    try:
        return _load_cached(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise SourceFileError(
            path, [f"kan ikke leses / cannot be read: {error.strerror or type(error).__name__}"]
        ) from error


@functools.lru_cache(maxsize=256)
def _load_cached(path: Path, _mtime_ns: int) -> SourceSpec:
    root: yaml.Node | None = None
    try:
        text = path.read_text("utf-8-sig")
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
        if doubled := list(_doubled(root, "")):
            raise SourceFileError(path, doubled)
        spec = SourceSpec.model_validate(yaml.load(text, Loader=yaml.CSafeLoader))
    except (OSError, SourceFileError):
        raise
    except UnicodeDecodeError as error:
        raise SourceFileError(path, ["er ikke UTF-8 / is not UTF-8"]) from error
    except yaml.YAMLError as error:
        raise SourceFileError(path, [_yaml_problem(error)]) from error
    except ValidationError as error:
        raise SourceFileError(path, list(_all(error, root))) from error
    except Exception as error:
        # A file that somebody is working on may hold anything, a broken pattern or an endless
        # alias; whatever it causes is this file's problem and no other source's.
        raise SourceFileError(path, [f"{type(error).__name__}: {error}"]) from error
    if unfinished := list(_todos(root, "")):
        raise SourceFileError(
            path,
            [f"{place}: står TODO; fyll inn / says TODO; fill it in" for place in unfinished],
        )
    if spec.name != path.stem:
        raise SourceFileError(
            path,
            [
                f"name: '{spec.name}' er ikke filnavnet '{path.stem}'; gi dem samme navn / "
                "differs from the file name; give them one name"
            ],
        )
    return spec


def _doubled(node: yaml.Node | None, place: str) -> Iterator[str]:
    """Words that stand twice in one place: of two, YAML takes the last without a word."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            word = str(key.value)
            if word in seen and word != "<<":
                yield (
                    f"linje / line {key.start_mark.line + 1}, {place}{word}: står to ganger; ta "
                    "bort den ene / stands twice; remove one"
                )
            seen.add(word)
            yield from _doubled(value, f"{place}{word}.")
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _doubled(item, place)


def _todos(node: yaml.Node | None, place: str) -> Iterator[str]:
    """Lines and places of a draft that have not been filled in: rows would bear that name."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _todos(value, f"{place}.{key.value}" if place else str(key.value))
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _todos(item, place)
    elif node is not None and str(node.value).strip() == "TODO":
        yield f"linje / line {node.start_mark.line + 1}, {place}"


def _yaml_problem(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    where = "" if mark is None else f"linje / line {mark.line + 1}: "
    problem = getattr(error, "problem", None) or "unreadable"
    return f"{where}ikke gyldig YAML / not valid YAML: {problem}"


def _all(error: ValidationError, root: yaml.Node | None) -> Iterator[str]:
    """Every error of the model: line, place and what to do."""
    for item in error.errors():
        place, cause = item["loc"], item.get("ctx", {}).get("error")
        if isinstance(cause, SourceProblems):
            for problem in cause.problems:
                yield _line((*place, *problem.place), str(problem), root)
        elif isinstance(cause, SourceProblem):
            yield _line((*place, *cause.place), str(cause), root)
        else:
            message = _PLAIN.get(item["type"], "").format(**item.get("ctx", {})) or item["msg"]
            yield _line(place, message, root)


def _line(place: Sequence[int | str], message: str, root: yaml.Node | None) -> str:
    # pydantic adds the kinds of a union to the place; only words of the file are of use.
    words = ".".join(str(part) for part in _words(place, root)) or "file"
    line = _line_of(place, root)
    return f"{f'linje / line {line}, ' if line else ''}{words}: {message}"


def _words(place: Sequence[int | str], node: yaml.Node | None) -> list[int | str]:
    known: list[int | str] = []
    for index, part in enumerate(place):
        below = _below(node, part)
        # The last word may be one that is not there.
        if below is not None or index == len(place) - 1:
            known.append(part)
            node = below
    return known


def _line_of(place: Sequence[int | str], node: yaml.Node | None) -> int | None:
    line = None
    for part in place:
        below = _below(node, part)
        if below is not None:
            node, line = below, below.start_mark.line + 1
    return line


def _below(node: yaml.Node | None, part: int | str) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        found: yaml.Node = node.value[part]
        return found
    return None


def read_sources(folder: Path | None = None, *, home: Home | None = None) -> Sources:
    """Every source of the project and of the installation, in name order.

    Args:
        folder: instead of the project's own sources. Given without a home, it stands alone.
        home: the installation whose `sources/` is read beside them; `AKUTT_HOME` when neither is
            given.

    Returns:
        The usable sources. A file that cannot be used is among the skipped, and so are both files
        of a name that is in two places: which of them is meant nobody can know.
    """
    if folder is None and home is None:
        home = default_home()
    folders = [folder or SOURCES_DIR, *([home.sources] if home is not None else [])]
    found: dict[str, list[Path]] = {}
    for path in (path for place in folders for path in sorted(place.glob("*.yaml"))):
        if not path.name.startswith("."):
            found.setdefault(path.stem, []).append(path)
    specs: dict[str, SourceSpec] = {}
    skipped = [
        SourceFileError(
            path, ["filen må hete noe med .yaml / the name of the file must end in .yaml"]
        )
        for place in folders
        for path in sorted(place.glob("*.yml"))
    ]
    for name, paths in sorted(found.items()):
        if len(paths) > 1:
            skipped.append(
                SourceFileError(
                    paths[-1],
                    [
                        f"kilden {name} finnes to steder; ta bort eller gi nytt navn til den ene / "
                        f"source {name} is in two places; remove or rename one of them: "
                        + ", ".join(str(path) for path in paths)
                    ],
                )
            )
            continue
        try:
            specs[name] = load_source(paths[0])
        except SourceFileError as error:
            skipped.append(error)
    return Sources(specs, tuple(skipped))


def load_sources(folder: Path | None = None, *, home: Home | None = None) -> dict[str, SourceSpec]:
    """The usable sources by name; see `read_sources`."""
    return read_sources(folder, home=home).specs
