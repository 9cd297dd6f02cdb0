"""One small release, made by the real release step."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from orchestration.release import build_release
from reporting.columns import KEY
from reporting.reader import Release, current_release_id, open_current
from tests.orchestration.fabricated import (
    count,
    newest,
    receipts,
    share,
    value,
    values,
    write_warehouse,
)
from tests.reporting.releases import changed

# Of the figures of the release, and the one after it in what is fuller.
VERSION = newest("c113_within_10s")
NEXT = VERSION + 1

ROWS = values(
    share(950, 1000, unit_id="amk_oslo", period_start=date(2026, 8, 1)),
    share(930, 1000, unit_id="amk_oslo", period_start=date(2026, 9, 1)),
    share(3, 9, unit_id="amk_bergen", period_start=date(2026, 9, 1)),
    share(9000, 10000, level="national", unit_id="NO", period_start=date(2026, 9, 1)),
    share(9000, 10000, level="region", unit_id="UNKNOWN", period_start=date(2026, 9, 1)),
    share(
        9000,
        10000,
        level="national",
        unit_id="NO",
        period_start=date(2026, 7, 1),
        period_grain="quarter",
    ),
    count(1234567, unit_id="amk_oslo"),
    value("answer_time_p90", unit_id="amk_bodo", value=None, coverage=None, status="no_data"),
    count(77, level="source_system", unit_id="ICCS", segment="=call"),
)


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    warehouse = write_warehouse(folder / "akutt.duckdb", ROWS)
    build_release(warehouse, folder / "releases", receipts())
    return folder / "releases"


@pytest.fixture
def current(releases: Path) -> Iterator[Release]:
    with open_current(releases) as release:
        yield release


# What later releases have besides: a next version, comparisons, trends, breaks, a hierarchy.
FULLER = f"""
insert into kpi_registry by name
    select * replace ('{NEXT}' as version, '2026-09-01' as valid_from) from kpi_registry
    where kpi_id = 'c113_within_10s' and version = '{VERSION}';
insert into kpi_registry by name
    select * replace ('staffed_hours' as kpi_id, '99' as number, 'no_source' as status,
        'Krever timelister' as status_reason_nb, 'Needs rosters' as status_reason_en)
    from kpi_registry where kpi_id = 'calls_offered' and version = '1';
alter table kpi_values add column if not exists grade varchar;
update kpi_values set grade = 'B';
alter table kpi_values add column if not exists days_covered integer;
alter table kpi_values add column if not exists days_in_period integer;
alter table kpi_values add column if not exists is_partial boolean;
alter table kpi_values add column if not exists maturity varchar;
update kpi_values
    set days_in_period = 31, days_covered = 31, is_partial = false, maturity = 'final';
update kpi_values set days_covered = 17, is_partial = true
    where period_grain = 'month' and period_start = date '2026-08-01';
update kpi_values set maturity = 'provisional' where period_grain = 'quarter';
insert into kpi_values by name
    select * replace ({NEXT} as kpi_version, value + 1 as value) from kpi_values
    where kpi_id = 'c113_within_10s' and level = 'central';
create or replace table kpi_comparisons as
    select {", ".join(KEY)}, 'amk' as peer_group, cast(16 as bigint) as peer_count,
        91.5::double as peer_q1, 93.0::double as peer_median, 94.5::double as peer_q3,
        92.0::double as region_value, 90.0::double as national_value,
        value - 90 as target_difference, 'funnel' as comparator,
        'better' as verdict, 'bedre enn ventet' as verdict_nb, 'better than expected' as verdict_en
    from kpi_values where period_grain = 'month';
create or replace table kpi_trends as
    select {", ".join(KEY)}, 92.0::double as xmr_center, 90.0::double as xmr_lower,
        94.0::double as xmr_upper,
        true as is_trial, date '2026-08-01' as phase_start, cast(null as varchar) as signal,
        cast(null as varchar) as signal_direction, 'pass' as assurance,
        'ingen endring' as trend_nb, 'no change' as trend_en
    from kpi_values where period_grain = 'month';
create or replace table kpi_series_breaks as
    select distinct kpi_id, kpi_version, segment, level, unit_id, date '2026-08-15' as break_date,
        'platform_cutover' as kind, 'Ny plattform' as text_nb, 'New platform' as text_en
    from kpi_values where unit_id = 'amk_oslo';
create or replace table unit_hierarchy as
    select 'central' as level, 'amk_oslo' as unit_id, 'region' as parent_level,
        'nord' as parent_id, date '2010-01-01' as valid_from, date '2026-09-01' as valid_to
    union all
    select 'central', 'amk_oslo', 'region', 'sorost', date '2026-09-01', null;
create or replace table hour_profiles as
    select '113' as segment, 'year' as period_grain, date '2026-01-01' as period_start,
        'central' as level, 'amk_oslo' as unit_id, cast(d.range as integer) as weekday,
        cast(h.range as integer) as hour, 52 as hours,
        -- Saturday at noon is busiest; of the others one is hidden and one never delivered.
        case when d.range = 6 and h.range = 12 then 520 else 100 + h.range end::bigint as calls
    from range(1, 8) as d, range(24) as h;
alter table hour_profiles add column calls_per_hour double;
alter table hour_profiles add column status varchar;
update hour_profiles set calls_per_hour = calls / hours, status = 'ok';
update hour_profiles set calls = null, calls_per_hour = null, status = 'suppressed'
    where weekday = 1 and hour = 3;
update hour_profiles set hours = 0, calls = null, calls_per_hour = null, status = 'no_data'
    where weekday = 2 and hour = 3;
create or replace table hour_profiles as
    select segment, period_grain, period_start, level, unit_id, weekday, hour, hours, calls,
        calls - 10 as answered, cast(calls * 0 + 10 as bigint) as unanswered,
        calls - 10 as answered_valid, calls - 20 as in_time, calls - 10 as in_time_of,
        calls_per_hour, 100.0 * (calls - 20) / (calls - 10) as in_time_share,
        1000.0 / calls as unanswered_share, calls * 0 + 4.2::double as answer_median,
        calls * 0 + 9.1::double as answer_p90, calls * 0 + 130.0::double as talk_median,
        case when calls is not null then 1.0::double end as coverage, status,
        273 as days_covered, 365 as days_in_period, true as is_partial
    from hour_profiles;
insert into hour_profiles by name
    select * replace ('quarter' as period_grain, date '2026-07-01' as period_start,
        null as calls, null as answered, null as unanswered, null as answered_valid,
        null as in_time, null as in_time_of, null as calls_per_hour, null as in_time_share,
        null as unanswered_share, null as answer_median, null as answer_p90, null as talk_median,
        null as coverage, 'suppressed' as status, 92 as days_covered, 92 as days_in_period,
        false as is_partial)
    from hour_profiles;
create or replace table time_classes as
    select 'answer_time' as measure, '113' as segment, 'year' as period_grain,
        date '2026-01-01' as period_start, 'central' as level, 'amk_oslo' as unit_id,
        v.class_no, v.over_s, v.to_s, v.n, 400::bigint as total, v.n / 4.0::double as share,
        0.98::double as coverage, if(v.n is null, 'suppressed', 'ok') as status,
        273 as days_covered, 365 as days_in_period, true as is_partial
    from (values (1, null, 5, 300::bigint), (2, 5, 10, 80), (3, 10, null, null))
        as v(class_no, over_s, to_s, n);
create or replace table kpi_sql as
    select 'c113_within_10s' as kpi_id, {VERSION} as kpi_version, 'select 1 as it_is' as sql;
"""


@pytest.fixture(scope="session")
def fuller(releases: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same release with everything that a release may have."""
    return changed(releases, tmp_path_factory.mktemp("fuller") / "releases", FULLER)


# The release before `fuller`, as `later` has it: of it one figure was revised since, one was not
# there, one is hidden now.
EARLIER = f"""
update kpi_values set numerator = 920, value = 92 where unit_id = 'amk_oslo'
    and kpi_id = 'c113_within_10s' and period_start = date '2026-08-01'
    and kpi_version = {VERSION};
delete from kpi_values where period_grain = 'quarter';
update kpi_values set status = 'ok', value = 33.3, numerator = 3, denominator = 9, n = 9
    where unit_id = 'amk_bergen';
"""
EARLIER_ID = "20260101T000000Z-earlier"


@pytest.fixture(scope="session")
def later(fuller: Path, releases: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fuller release with one before it."""
    folder = tmp_path_factory.mktemp("later") / "releases"
    shutil.copytree(fuller, folder)
    before = changed(releases, tmp_path_factory.mktemp("before") / "releases", FULLER + EARLIER)
    shutil.copytree(before / current_release_id(before), folder / EARLIER_ID)
    return changed(folder, tmp_path_factory.mktemp("shown") / "releases", SHOWN)


# Times of a central's chain in one month, one of them hidden, and a share of counties with funnel.
SHOWN = """
insert into kpi_values by name
select v.* replace (c.kpi_id as kpi_id, c.version as kpi_version, c.segment as segment,
    c.value as value, null as numerator, null as denominator, null as lower, null as upper,
    case when c.value is null then 'suppressed' else 'ok' end as status)
from kpi_values as v
cross join (values
    ('answer_time_median', 2, '113', 4.5), ('answer_time_p90', 2, '113', 9.5),
    ('chain_handover_delay', 1, 'all', null), ('dispatch_interval', 2, 'all', 120.0),
    ('turnout_p90', 1, 'all', 180.0), ('travel_median', 1, 'all', 7.25),
    ('resp_median', 2, 'all', 10.5), ('resp_p90', 2, 'all', 20.25),
    ('chain_link_rate', 1, 'all', 87.5), ('resp_urban_12', 2, 'all', 71.5)
) as c(kpi_id, version, segment, value)
where v.unit_id = 'amk_oslo' and v.kpi_id = 'c113_within_10s'
    and v.period_start = date '2026-09-01' and v.period_grain = 'month'
    and v.kpi_version = (select max(kpi_version) from kpi_values where kpi_id = 'c113_within_10s');
create temporary table counties as
select * from (values ('03', 0.80, 900), ('11', 0.71, 400), ('15', 0.55, 60), ('56', null, null))
    as c(unit_id, share, cases);
insert into kpi_values by name
select v.* replace ('resp_urban_12' as kpi_id, 2 as kpi_version, 'all' as segment,
    'county' as level, c.unit_id as unit_id, 100.0 * c.share as value, c.cases as n,
    c.cases as denominator, round(c.share * c.cases) as numerator, null as lower, null as upper,
    case when c.share is null then 'suppressed' else 'ok' end as status)
from kpi_values as v
cross join counties as c
where v.unit_id = 'NO' and v.kpi_id = 'c113_within_10s' and v.period_grain = 'month';
alter table kpi_comparisons add column if not exists funnel_center double;
alter table kpi_comparisons add column if not exists funnel_lower_95 double;
alter table kpi_comparisons add column if not exists funnel_upper_95 double;
alter table kpi_comparisons add column if not exists funnel_lower_998 double;
alter table kpi_comparisons add column if not exists funnel_upper_998 double;
insert into kpi_comparisons by name
select v.kpi_id, v.kpi_version, v.segment, v.period_grain, v.period_start, v.level, v.unit_id,
    'county' as peer_group, 'funnel' as comparator,
    case when v.unit_id = '15' then 'worse' else 'as_expected' end as verdict,
    'x' as verdict_nb, 'x' as verdict_en, 72.0 as funnel_center,
    72 - 200 / sqrt(v.n) as funnel_lower_95, 72 + 200 / sqrt(v.n) as funnel_upper_95,
    72 - 300 / sqrt(v.n) as funnel_lower_998, 72 + 300 / sqrt(v.n) as funnel_upper_998
from kpi_values as v
where v.kpi_id = 'resp_urban_12' and v.level = 'county' and v.status = 'ok';
"""
