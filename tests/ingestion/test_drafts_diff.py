"""How two deliveries differ: renames, codes, formats; and the entry that goes into the source."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from ingestion.drafts import Sample, look_at, read_sample
from ingestion.drafts.compare import Comparison, compare
from ingestion.drafts.paste import add_headers, entry_text, with_headers
from ingestion.errors import SourceFileError
from ingestion.readers import read_bytes
from ingestion.sources import SOURCES_DIR, load_sources
from ingestion.sources.spec import SourceSpec
from ingestion.synthetic import generate

START = dt.date(2026, 3, 31)


@pytest.fixture(scope="module")
def renamed_days(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The days before and after the sender of Helse Sør-Øst renamed its columns."""
    home = tmp_path_factory.mktemp("renamed")
    generate(home, START, 2, 0.05, 1, faults=1.0, truth=False)
    folder = home / "inbox" / "helse_sorost_alarms"
    return [folder / f"helse_sorost_alarms_2026-{day}.csv.gz" for day in ("03-31", "04-01")]


def known() -> SourceSpec:
    return load_sources()["helse_sorost_alarms"]


def test_a_rename_of_nearly_every_column_is_found_completely(renamed_days: list[Path]) -> None:
    old, new = map(read_sample, renamed_days)
    spec = known()
    expected = dict(spec.headers[0].rename)
    found = compare(old, new, spec.model_copy(update={"headers": []}))
    assert found.entries == ({"valid_to": dt.date(2026, 4, 1), "rename": expected},)
    assert not found.doubtful
    assert not [c for c in found.changes if c.kind.startswith(("borte", "ny /"))]


def test_without_the_source_the_old_names_are_kept(renamed_days: list[Path]) -> None:
    old, new = map(read_sample, renamed_days)
    (entry,) = compare(old, new).entries
    expected = {after: before for before, after in known().headers[0].rename.items()}
    assert entry == {"valid_from": dt.date(2026, 4, 1), "rename": expected}


def test_a_rename_that_the_source_knows_is_no_change(renamed_days: list[Path]) -> None:
    old, new = map(read_sample, renamed_days)
    found = compare(old, new, known())
    assert (found.renamed, found.entries) == ((), ())


def test_the_written_entry_reads_both_layouts(renamed_days: list[Path], tmp_path: Path) -> None:
    text = (SOURCES_DIR / "helse_sorost_alarms.yaml").read_text("utf-8")
    start, end = text.index("headers:"), text.index("\ncolumns:")
    path = tmp_path / "helse_sorost_alarms.yaml"
    path.write_text(text[:start] + text[end + 1 :], "utf-8")
    bare = SourceSpec.model_validate(yaml.safe_load(path.read_text("utf-8")))
    old, new = map(read_sample, renamed_days)
    add_headers(path, compare(old, new, bare).entries)
    written = path.read_text("utf-8")
    spec = SourceSpec.model_validate(yaml.safe_load(written))
    assert spec.headers == known().headers
    assert "# yaml-language-server" in written and "&local" in written
    for file, day in zip(renamed_days, (START, START + dt.timedelta(days=1)), strict=True):
        assert read_bytes(file.read_bytes(), spec, day).rows_read > 10


# --- small changes ----------------------------------------------------------------------------


def sample(name: str = "a_2026-01-15.csv", **columns: Any) -> Sample:
    base = {
        "anrops_id": [f"A{n:04d}" for n in range(40)],
        "start": [f"2026-01-15 10:{n:02d}:00" for n in range(40)],
        "utfall": ["B", "F"] * 20,
        "merknad": ["x"] * 40,
    }
    chosen = {key: values for key, values in (base | columns).items() if values is not None}
    return Sample(name, {"type": "csv", "delimiter": ";"}, pl.DataFrame(chosen))


def kinds(found: Comparison) -> dict[str, str]:
    return {change.kind.split(" / ")[-1]: change.column for change in found.changes}


def test_equal_layouts_have_no_changes() -> None:
    assert compare(sample(), sample("a_2026-01-16.csv")).changes == ()


def test_added_and_removed_columns() -> None:
    found = compare(sample(), sample(merknad=None, ventetid=[f"{n},5" for n in range(40)]))
    assert kinds(found) == {"removed": "merknad", "added": "ventetid"}


def test_a_column_with_a_new_name_is_known_by_its_values() -> None:
    ids = [f"A{n:04d}" for n in range(40)]
    found = compare(sample(), sample("a_2026-01-16.csv", anrops_id=None, anrop_ident=ids))
    (pair,) = found.renamed
    assert (pair.old, pair.new, pair.is_sure) == ("anrops_id", "anrop_ident", True)
    assert found.entries == (
        {"valid_from": dt.date(2026, 1, 16), "rename": {"anrop_ident": "anrops_id"}},
    )


def test_a_likeness_in_doubt_is_not_written() -> None:
    """Another stamp at the same place may be another stamp."""
    stamps = [f"2026-01-16 10:{n:02d}:00" for n in range(40)]
    found = compare(sample(), sample("a_2026-01-16.csv", start=None, registrering=stamps))
    assert found.entries == ()
    assert [pair.new for pair in found.doubtful] in ([], ["registrering"])


def test_new_codes_are_shown_when_harmless_and_counted_when_not() -> None:
    found = compare(sample(), sample(utfall=["B", "F", "T", "T"] * 10))
    (change,) = found.changes
    assert (change.kind.split(" / ")[-1], change.after) == ("new codes", "T")
    names = ["B", "F", "15815099987", "98765432"] * 10
    (change,) = compare(sample(), sample(utfall=names)).changes
    assert "15815099987" not in str(change) and "98765432" not in str(change)
    assert change.after.startswith("2 ulike")


def test_new_codes_are_measured_against_the_map() -> None:
    spec = known()
    frame = {"incident_id": ["HS1"] * 40, "result": ["LEFT", "CONVEYED"] * 20}
    later = frame | {"result": ["LEFT", "CANCELLED", "XX", "XX"] * 10}
    old, new = (
        Sample(f"helse_sorost_alarms_2026-05-0{n}.csv.gz", {"type": "csv"}, pl.DataFrame(columns))
        for n, columns in ((1, frame), (2, later))
    )
    (change,) = compare(old, new, spec).changes
    assert change.after == "XX"


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"start": [f"15.01.2026 10:{n:02d}" for n in range(40)]}, "stamp format"),
        ({"merknad": ["x"] * 5 + [None] * 35}, "share filled"),
        ({"merknad": ["12,5"] * 40}, "type"),
    ],
)
def test_other_changes_of_a_column(change: dict[str, Any], kind: str) -> None:
    assert set(kinds(compare(sample(), sample(**change)))) == {kind}


def test_changes_of_the_file_as_a_whole() -> None:
    text = "id;sek;sted\n" + "".join(f"a{n};{n},5;Ås\n" for n in range(5))
    old = look_at("a_2026-01-15.csv", text.encode())
    dots = text.replace(",", ".").replace(";", "|")
    new = look_at("a_2026-01-16.csv", dots.encode("cp1252"))
    changed = {c.column: (c.before, c.after) for c in compare(old, new).changes}
    assert changed["format.encoding"] == ("utf-8", "cp1252")
    assert changed["format.delimiter"] == (";", "|") or changed["format.delimiter"][1] == '"|"'
    assert changed["format.decimal"] == (",", ".")


# --- into the source file ---------------------------------------------------------------------

ENTRY: dict[str, Any] = {"valid_from": dt.date(2026, 4, 1), "rename": {"ny: 1": "gammel", "b": "c"}}
HEAD = "# topp\nname: x  # navnet\n"
TAIL = "# om kolonnene\ncolumns:\n  a: b  # sist\n"


@pytest.mark.parametrize(
    "middle",
    [
        "",
        "headers: []\n",
        "headers:\n  - valid_to: 2026-01-01  # den gang\n    rename: {q: r}\n\n",
        "headers:\n- rename:\n    q: r  # sist\n# etter\n",
        "headers:\n  - rename:\n      q: r\nclock: {zone: UTC}\n",
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_an_entry_is_added_as_text(middle: str, line_end: str) -> None:
    text = (HEAD + middle + TAIL).replace("\n", line_end)
    written = with_headers(text, [ENTRY])
    before, after = yaml.safe_load(text), yaml.safe_load(written)
    assert after == before | {"headers": [*(before.get("headers") or []), ENTRY]}
    for line in text.split(line_end):
        if line != "headers: []":
            assert line in written.split(line_end)
    assert written.count("\r\n") == (written.count("\n") if line_end == "\r\n" else 0)


def test_what_cannot_be_added_is_said_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    text = f"{HEAD}headers: [{{rename: {{q: r}}}}]\n{TAIL}"
    path.write_text(text, "utf-8")
    with pytest.raises(SourceFileError, match="on one line"):
        add_headers(path, [ENTRY])
    assert path.read_text("utf-8") == text
    assert list(tmp_path.iterdir()) == [path]


def test_an_entry_leaves_out_what_is_not_known() -> None:
    assert "valid" not in entry_text([{"valid_from": None, "rename": {"a": "b"}}])


def test_comparison_is_symmetric_in_what_it_calls_equal(
    renamed_days: list[Path],
) -> None:
    day = read_sample(renamed_days[0])
    assert compare(day, day).changes == ()
