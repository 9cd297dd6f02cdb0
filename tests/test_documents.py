"""What the documents say exists, and their examples run as a newcomer would run them.

A fenced block opened with the word `runnable` after its language is run, in order, in the folder of
a small generated installation. Commands in other `console` blocks are only looked up.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from contracts import CONTRACTS, FILE_RULES
from orchestration.cli.main import app
from orchestration.registry import load_registry

ROOT = Path(__file__).parents[1]
KEY = "only-for-tests-0123456789abcdefghij"
SKIPPED = {".venv", "data", "reports", "node_modules", "build"}
# Folders below AKUTT_HOME and others that only running the project makes.
MADE = {"audiences",
    "inbox", "lake", "warehouse", "releases", "gx", "dagster", "logs", "truth", "state", "dbt",
    "data", "reports", "example_calls", "sources", "registers", "AKUTT_HOME", "abroad_alarms",
}  # fmt: skip
DOCUMENTS = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not SKIPPED & set(path.relative_to(ROOT).parts) and "exports" not in path.parts
)
GUIDES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"\b(?:CALL|ALARM|VIDEO|LATREQ|LATRDY|FILE|ROW)_[A-Z_]*[A-Z]\b")
FILE_SUFFIX = re.compile(r"^[\w./-]+/[\w.-]+\.(?:py|md|ya?ml|csv|json|sql|toml|txt)$")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@dataclass(frozen=True)
class Block:
    """One fenced block of a document."""

    document: Path
    line: int
    language: str
    is_runnable: bool
    text: str

    def commands(self) -> list[str]:
        """The `akutt` command lines of a console block, without prompt and comment."""
        lines = (line.removeprefix("$ ") for line in self.text.splitlines())
        return [line for line in lines if line.startswith("akutt ")]

    def __str__(self) -> str:
        return f"{name(self.document)}:{self.line}"


def blocks(documents: list[Path]) -> Iterator[Block]:
    for path in documents:
        text = path.read_text("utf-8")
        for found in FENCE.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            words = found.group(2).split()
            yield Block(path, line, found.group(1), "runnable" in words, found.group(3))


def prose(path: Path) -> str:
    """A document without its fenced blocks."""
    return FENCE.sub("", path.read_text("utf-8"))


def words(command: str) -> list[str]:
    return shlex.split(command, comments=True)[1:]


def problem(arguments: list[str]) -> str | None:
    """What the command line does not know of these arguments; None when it knows all."""
    command: Any = typer.main.get_command(app)
    rest = list(arguments)
    while rest and not rest[0].startswith("-") and hasattr(command, "get_command"):
        lower = command.get_command(None, rest[0])
        if lower is None:
            if any(parameter.param_type_name == "argument" for parameter in command.params):
                break
            return f"no command {rest[0]!r}"
        command, rest = lower, rest[1:]
    options = {
        option: parameter
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
        if option.startswith("-")
    }
    positional, index = 0, 0
    while index < len(rest):
        word = rest[index].partition("=")[0]
        index += 1
        if not word.startswith("-"):
            positional += 1
            continue
        if word == "--help":
            continue
        if word not in options:
            return f"no option {word}"
        if not options[word].is_flag and "=" not in rest[index - 1]:
            index += 1
            if index > len(rest):
                return f"{word} has no value"
    takes = [p for p in command.params if p.param_type_name == "argument"]
    if positional > len(takes) and not any(p.nargs == -1 for p in takes):
        return f"{positional} arguments, {len(takes)} taken"
    if positional < sum(p.required for p in takes):
        return "an argument is missing"
    return None


COMMANDS = [
    pytest.param(command, id=f"{block}-{command}")
    for block in blocks(DOCUMENTS)
    if block.language == "console"
    for command in block.commands()
]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_and_their_options_exist(command: str) -> None:
    assert problem(words(command)) is None


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("akutt nothing", "no command 'nothing'"),
        ("akutt kpi nothing", "no command 'nothing'"),
        ("akutt kpi query --nothing x", "no option --nothing"),
        ("akutt kpi query a b --level county", None),
        ("akutt release show a b", "2 arguments, 1 taken"),
        ("akutt quarantine replay", "an argument is missing"),
    ],
)
def test_the_lookup_itself_finds_what_is_wrong(command: str, expected: str | None) -> None:
    assert problem(words(command)) == expected


@pytest.mark.parametrize("command", sorted({"run", "kpi query", "quarantine show", "generate"}))
def test_help_parses(command: str) -> None:
    result = CliRunner().invoke(app, [*command.split(), "--help"])
    assert result.exit_code == 0, result.output


def test_commands_named_in_the_text_exist() -> None:
    wrong = []
    for path in DOCUMENTS:
        for code in re.findall(r"`(akutt [^`]+)`", prose(path)):
            found = [word for word in words(code) if not word.startswith("{")]
            lookup = problem(found)
            if lookup and lookup != "an argument is missing":
                wrong.append(f"{name(path)}: {code}: {lookup}")
    assert not wrong


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for path in DOCUMENTS:
        named = set(re.findall(r"(?:`|^)make ([a-z]+)(?=`| |$)", path.read_text("utf-8"), re.M))
        assert named <= targets, (name(path), named - targets)


def anchors(path: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links_resolve(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(document)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        linked = (document.parent / file).resolve() if file else document
        assert linked.exists(), f"{name(document)}: {target}"
        if anchor:
            assert anchor in anchors(linked), f"{name(document)}: {target}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_folders_and_files_named_exist(document: Path) -> None:
    """Backticked words that are paths, seen from the repository or from the document's folder."""
    missing = []
    for word in re.findall(r"`([^`\s]+)`", prose(document)):
        is_folder = re.fullmatch(r"[\w.-]+(?:/[\w.-]+)*/", word) is not None
        if not is_folder and not FILE_SUFFIX.match(word):
            continue
        first = word.split("/")[0]
        if first in MADE and not (ROOT / first).is_dir():
            continue
        # The folders of a running installation share no name with those of the repository, except
        # the ones that exist in both on a machine where it has been run.
        if first in MADE or (ROOT / word).exists() or (document.parent / word).exists():
            continue
        missing.append(word)
    assert not missing, f"{name(document)}: {missing}"


def test_rule_codes_exist() -> None:
    known = {rule.code for contract in CONTRACTS.values() for rule in contract.rules}
    known |= {rule.code for rule in FILE_RULES} | {"ROW_UNREADABLE"}
    for path in DOCUMENTS:
        named = set(CODE.findall(path.read_text("utf-8")))
        assert named <= known, (name(path), sorted(named - known))


def test_the_variables_are_those_the_code_reads() -> None:
    documented = set(
        re.findall(r"^\| `(AKUTT_\w+)`", (ROOT / "README.md").read_text("utf-8"), re.M)
    )
    read: set[str] = set()
    folders = (
        "audit",
        "contracts",
        "ingestion",
        "orchestration",
        "reporting",
        "tests",
        "dbt_project",
    )
    for folder in folders:
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".yml", ".sql") and path != Path(__file__):
                text = path.read_text("utf-8")
                read |= set(re.findall(r"""environ[^\n]{0,12}["'](AKUTT_[A-Z_]+)["']""", text))
                read |= set(re.findall(r"env_var\('(AKUTT_[A-Z_]+)'", text))
                read |= set(re.findall(r"_VARIABLE = [\"'](AKUTT_[A-Z_]+)[\"']", text))
    assert documented == read


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with eight days of extracts in ./data, taken all the way by `akutt run`."""
    from ingestion.synthetic import generate

    folder = tmp_path_factory.mktemp("newcomer")
    generate(folder / "data", dt.date(2025, 10, 1), 8, 0.005, 5, truth=False)
    result = subprocess.run(
        [sys.executable, "-m", "orchestration.cli.main", "run"],
        env=environment(),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def environment() -> dict[str, str]:
    """That of a newcomer: AKUTT_HOME is not set, so everything is in ./data."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AKUTT_")}
    return {
        **kept,
        "AKUTT_PSEUDONYM_KEY": KEY,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *kept.get("PYTHONPATH", "").split(os.pathsep)]),
        "DO_NOT_TRACK": "1",
    }


# A dry run ends with 1 when rows are rejected, which the small set may or may not have.
MAY_END_WITH_ONE = "akutt source check"


@pytest.mark.slow
@pytest.mark.parametrize("document", GUIDES, ids=name)
def test_examples_run(document: Path, installation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import duckdb

    monkeypatch.chdir(installation)
    for variable in [key for key in os.environ if key.startswith("AKUTT_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("AKUTT_PSEUDONYM_KEY", KEY)
    release = (installation / "data/releases/current").read_text("utf-8").strip()
    database = installation / "data/releases" / release / "akutt.duckdb"
    for block in blocks([document]):
        if not block.is_runnable:
            continue
        if block.language == "console":
            assert block.commands(), f"{block}: nothing to run"
            for command in block.commands():
                result = CliRunner().invoke(app, words(command))
                detail = f"{block}: {command}\n{result.output}\n{result.exception!r}"
                allowed = (0, 1) if command.startswith(MAY_END_WITH_ONE) else (0,)
                assert result.exit_code in allowed, detail
                assert result.exception is None or isinstance(result.exception, SystemExit), detail
        elif block.language == "python":
            exec(compile(block.text, str(block), "exec"), {})
        elif block.language == "sql":
            with duckdb.connect(str(database), read_only=True) as connection:
                connection.execute(block.text).fetchall()
        else:
            pytest.fail(f"{block}: {block.language} cannot be run")


def test_the_worked_example_reads_its_row(tmp_path: Path) -> None:
    """The source file in the data engineer's guide, on the row shown above it."""
    from ingestion.check import check_file
    from ingestion.sources import load_source

    found: dict[str, str] = {}
    for block in blocks([ROOT / "docs" / "data-engineer.md"]):
        found.setdefault(block.language, block.text)
    source = tmp_path / "example_calls.yaml"
    source.write_text(found["yaml"], "utf-8")
    sample = tmp_path / "example_calls_2025-10-01.csv"
    sample.write_bytes(found["csv"].encode("cp1252"))
    receipt = check_file(sample, load_source(source)).receipt
    assert (receipt.rows_read, receipt.accepted) == (1, 1), receipt
    assert not receipt.warnings


def test_the_readme_counts_the_registry() -> None:
    registry = load_registry()
    catalogue = {kpi.id for kpi in registry.kpis}
    computed = {kpi.id for kpi in registry.active}
    text = (ROOT / "README.md").read_text("utf-8")
    assert f"{len(computed)} av katalogens {len(catalogue)} nøkkeltall" in text
    assert f"{len(computed)} of the {len(catalogue)} KPIs" in text
