"""Tertials, years to date and twelve months running in every channel that reads a release."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import openpyxl
import polars as pl
import pytest
from typer.testing import CliRunner

from orchestration.cli.main import app
from orchestration.release import build_release
from reporting import metrics
from reporting.board import board
from reporting.changes import _end_of_period
from reporting.metrics import kpi_query
from reporting.periods import first_date, label, last_date, parse_period
from reporting.query import query
from reporting.reader import Release, open_current
from reporting.web import figures, pages
from reporting.web.figures import Place, When
from reporting.web.pages import View
from reporting.web.words import Speech
from tests.orchestration.fabricated import newest, receipts, share, values, write_warehouse

KPI = "c113_within_10s"
NEXT = newest(KPI) + 1
MONTHS = [date(2025, 1 + n, 1) for n in range(12)] + [date(2026, 1 + n, 1) for n in range(9)]


def met(month: date) -> int:
    """Calls within ten seconds in a month, of a thousand."""
    return 980 - 7 * month.month - 10 * (month.year - 2025)


def held(grain: str, start: date) -> list[date]:
    """The months of a period, from the words that define it."""
    match grain:
        case "ytd":
            return [m for m in MONTHS if m.year == start.year and m <= start]
        case "rolling12":
            return [m for m in MONTHS if m <= start][-12:]
        case _:
            return MONTHS[MONTHS.index(start) :][: {"month": 1, "tertial": 4, "year": 12}[grain]]


def periods() -> list[tuple[str, date]]:
    found = [("tertial", m) for m in MONTHS if m.month in (1, 5, 9) and m < date(2026, 9, 1)]
    found += [(grain, month) for month in MONTHS for grain in ("month", "ytd")]
    found += [("rolling12", month) for month in MONTHS[11:]]
    return [*found, ("year", date(2025, 1, 1))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of 21 months, the next definition from July 2026, a break in August 2026."""
    home = tmp_path_factory.mktemp("running")
    rows = values(
        *(
            share(
                sum(map(met, held(*period))),
                1000 * len(held(*period)),
                level=level,
                unit_id=unit,
                period_grain=period[0],
                period_start=period[1],
            )
            for level, unit in (("central", "amk_oslo"), ("national", "NO"))
            for period in periods()
        )
    )
    build_release(write_warehouse(home / "akutt.duckdb", rows), home / "releases", receipts())
    (path,) = (home / "releases").glob("*/akutt.duckdb")
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"""
            insert into kpi_registry by name
                select * replace ('{NEXT}' as version, '2026-07-01' as valid_from) from kpi_registry
                where kpi_id = '{KPI}' and version = '{NEXT - 1}';
            insert into kpi_values by name
                select * replace ({NEXT} as kpi_version) from kpi_values where kpi_id = '{KPI}';
            create or replace table kpi_series_breaks as
                select distinct kpi_id, kpi_version, segment, level, unit_id,
                    date '2026-03-15' as break_date, 'platform_cutover' as kind,
                    'Ny plattform' as text_nb, 'New platform' as text_en
                from kpi_values;
            alter table kpi_values add column if not exists is_partial boolean;
            alter table kpi_values add column if not exists maturity varchar;
            alter table kpi_values add column if not exists days_covered integer;
            alter table kpi_values add column if not exists days_in_period integer;
            update kpi_values set is_partial = period_grain = 'ytd',
                maturity = case when period_grain = 'rolling12' then 'provisional' else 'final' end
                where period_start = date '2026-09-01';
        """)
    return home / "releases"


@pytest.fixture
def release(folder: Path) -> Iterator[Release]:
    with open_current(folder) as found:
        yield found


@pytest.mark.parametrize(
    ("text", "grain", "named", "first", "last"),
    [
        ("2026-T1", "tertial", (2026, 1, 1), (2026, 1, 1), (2026, 4, 30)),
        ("2026t3", "tertial", (2026, 9, 1), (2026, 9, 1), (2026, 12, 31)),
        ("2024-02-YTD", "ytd", (2024, 2, 1), (2024, 1, 1), (2024, 2, 29)),
        ("2026-9-hia", "ytd", (2026, 9, 1), (2026, 1, 1), (2026, 9, 30)),
        ("2026-02-R12", "rolling12", (2026, 2, 1), (2025, 3, 1), (2026, 2, 28)),
        ("2025-12-r12", "rolling12", (2025, 12, 1), (2025, 1, 1), (2025, 12, 31)),
    ],
)
def test_names(
    text: str,
    grain: str,
    named: tuple[int, int, int],
    first: tuple[int, int, int],
    last: tuple[int, int, int],
) -> None:
    start = date(*named)
    assert parse_period(text) == (grain, start)
    assert parse_period(label(grain, start)) == (grain, start)
    assert (first_date(grain, start), last_date(grain, start)) == (date(*first), date(*last))
    assert duckdb.execute(
        f"select cast({_end_of_period()} as date)"
        " from (select ? as period_grain, ? as period_start) as c",
        [grain, start],
    ).fetchone() == (date(*last),)


@pytest.mark.parametrize(
    ("period", "grain", "message"),
    [
        ("2026-T4", None, "no period. 2026, 2026-T1, "),
        ("2026-13-YTD", None, "2026-09-YTD"),
        ("2026-R12", None, "2026-09-R12"),
        ("2026-02", "tertial", "choose 2026-T1 "),
        ("2026-02-03", "ytd", "choose 2026-02-YTD "),
        ("2026-02-03", "rolling12", "choose 2026-02-R12 "),
        ("2026-01..2026-02-YTD", None, "set the grain"),
        ("2026-01", "ytdd", "ytd"),
    ],
)
def test_what_is_no_such_period_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, period: str, grain: str | None, message: str
) -> None:
    monkeypatch.setenv("AKUTT_HOME", str(folder.parent))
    words = ["kpi", "query", KPI, "--period", period, *(["--grain", grain] if grain else [])]
    outcome = CliRunner().invoke(app, words)
    assert outcome.exit_code == 1 and message in outcome.output
    assert "Traceback" not in outcome.output


@pytest.mark.parametrize(
    ("words", "starts"),
    [
        (["--grain", "tertial"], [m for m in MONTHS if m.month in (1, 5, 9)][:5]),
        (["--grain", "ytd", "--period", "2025"], MONTHS[:12]),
        (["--grain", "rolling12", "--period", "2026-02..2026-04"], MONTHS[13:16]),
        (["--period", "2026-T2"], [date(2026, 5, 1)]),
        (["--period", "2026-09-YTD"], [date(2026, 9, 1)]),
        (["--period", "2025-12-R12..2026-02-R12"], MONTHS[11:14]),
    ],
)
def test_the_command_gives_the_sums_of_their_months(
    folder: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], starts: list[date]
) -> None:
    monkeypatch.setenv("AKUTT_HOME", str(folder.parent))
    command = ["kpi", "query", KPI, "--level", "central", *words, "--format", "csv"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    rows = pl.read_csv(io.StringIO(done.stdout), try_parse_dates=True).to_dicts()
    assert [row["period_start"] for row in rows] == starts
    for row in rows:
        inside = held(row["period_grain"], row["period_start"])
        assert row["numerator"] == sum(map(met, inside))
        assert row["denominator"] == 1000 * len(inside)


def test_the_definition_in_force_and_a_break_follow_the_first_day(release: Release) -> None:
    wanted = kpi_query(kpis=KPI, level="central", grain="all")
    rows = {
        (row["period_grain"], row["period_start"]): row
        for row in query(release, wanted).iter_rows(named=True)
    }
    for (grain, start), row in rows.items():
        first = held(grain, start)[0]
        assert row["kpi_version"] == (NEXT if first >= date(2026, 7, 1) else NEXT - 1), (
            grain,
            start,
        )
        inside = first <= date(2026, 3, 15) <= last_date(grain, start)
        assert row["is_break"] == inside, (grain, start)
    assert rows["month", date(2026, 9, 1)]["kpi_version"] == NEXT
    assert rows["ytd", date(2026, 9, 1)]["is_break"]


def test_pages_offer_the_latest_running_periods_in_both_languages(release: Release) -> None:
    offered = figures.periods(release, "central")
    assert [when.start for when in offered if when.grain == "ytd"] == [date(2026, 9, 1)]
    assert [when.start for when in offered if when.grain == "rolling12"] == [date(2026, 9, 1)]
    assert len([when for when in offered if when.grain == "tertial"]) == 5
    paths = set(pages.paths(release))
    for kind in ("/unit/central/amk_oslo/{}", f"/kpi/{KPI}/113/central/{{}}"):
        for name in ("2026-T2", "2026-09-YTD", "2026-09-R12", "2025"):
            assert kind.format(name) in paths
        assert kind.format("2026-08-YTD") not in paths
    nb = pages.page(View(release, "nb", "/unit/central/amk_oslo/2026-T2", lambda to: to)).html
    en = pages.page(View(release, "en", "/unit/central/amk_oslo/2026-T2", lambda to: to)).html
    for html, texts in (
        (nb, ("2. tertial 2026", "hittil i 2026, til og med september",
              "tolv måneder til og med september 2026")),
        (en, ("tertial 2, 2026", "2026 to date, to September", "twelve months to September 2026")),
    ):  # fmt: skip
        for text in texts:
            assert text in html


@pytest.mark.parametrize(
    ("when", "mark", "other"),
    [
        ("2026-09-YTD", "ufullstendig periode", "foreløpig"),
        ("2026-09-R12", "foreløpig", "ufullstendig periode"),
    ],
)
def test_a_page_shows_the_figure_of_the_period_with_its_marks(
    release: Release, when: str, mark: str, other: str
) -> None:
    grain, start = parse_period(when)
    inside = held(grain, start)
    told = Speech("nb").number(sum(map(met, inside)) / len(inside) / 10, "%")
    for path in (f"/unit/central/amk_oslo/{when}", f"/kpi/{KPI}/113/central/{when}"):
        html = pages.page(View(release, "nb", path, lambda to: to)).html
        assert f'<span class="number">{told}</span>' in html
        assert f'<span class="note-of">{mark}</span>' in html
        assert f'<span class="note-of">{other}</span>' not in html
    place = Place("central", "amk_oslo", "AMK Oslo")
    wanted = figures.series_query(KPI, "113", place, When(grain, start))
    earlier = figures.rows_of(release, wanted)
    assert [row["period_start"] for row in earlier] == (MONTHS if grain == "ytd" else MONTHS[11:])


def test_a_board_has_the_year_to_date_of_its_last_month(release: Release) -> None:
    wanted = kpi_query(kpis=KPI, level="central", period="2025-06..2026-08")
    book = openpyxl.load_workbook(io.BytesIO(board(release, wanted)))
    page = book[f"{KPI} 113"]
    titles = next(row for row in page.iter_rows(values_only=True) if row[0] == "Enhet")
    oslo = next(row for row in page.iter_rows(values_only=True) if row[0] == "AMK Oslo")
    inside = held("ytd", date(2026, 8, 1))
    assert oslo[titles.index("Hittil i 2026")] == pytest.approx(
        sum(map(met, inside)) / len(inside) / 10
    )


def test_a_frame_has_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AKUTT_HOME", str(folder.parent))
    frame = metrics.query(KPI, level="central", by="ytd", period="2026")
    assert frame["period_start"].to_list() == MONTHS[12:]
    assert frame["period_grain"].unique().to_list() == ["ytd"]
