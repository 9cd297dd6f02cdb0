{#- XmR charts of what is released. Counts are judged per day of their period, and every series beside
    what its level has in common in the period: volumes beside the others', all else beside the season.
    A point that cannot be judged (a break within it, a period that is not wholly delivered, no season
    known) is shown, and neither sets limits nor signals. -#}
{{ config(contract={'enforced': true}) }}
{%- set series_key = ['kpi_id', 'kpi_version', 'segment', 'period_grain', 'level', 'unit_id'] -%}
{%- set level_key = ['kpi_id', 'kpi_version', 'segment', 'period_grain', 'level'] -%}
{%- set in_phase = 'partition by series_no, phase_no order by period_no' -%}
{#- So many units of a level must have a figure for what they have in common. -#}
{%- set minimum_units = 4 -%}
{#- With fewer events per period, counts are too skewed for these limits. -#}
{%- set minimum_events = 5 -%}
with shown as (
    select v.*, k.direction, k.target, k.unit, k.measure
    from {{ ref('kpi_releasable') }} as v
    inner join {{ ref('kpi_registry') }} as k on k.kpi_id = v.kpi_id and k.version = v.kpi_version
    where v.period_grain in ('week', 'month')
        and v.status = 'ok' and v.value is not null
        and v.geography_version <> 'event'
        and v.unit_id <> 'UNKNOWN'
),
series as (
    -- A number per series, and per level of a KPI, keeps the windows below cheap.
    select
        *,
        row_number() over (order by {{ series_key | join(', ') }}) as series_no,
        dense_rank() over (order by {{ level_key | join(', ') }}) as level_no
    from (select distinct {{ series_key | join(', ') }} from shown) as s
),
points as (
    select
        s.series_no, s.level_no,
        v.level, v.period_start,
        case v.period_grain
            when 'month' then extract(year from v.period_start) * 12 + extract(month from v.period_start)
            -- Mondays since a Monday.
            else {{ dbt.datediff("cast('2000-01-03' as date)", 'v.period_start', 'day') }} / 7
        end as period_no,
        -- The same time of another year.
        case v.period_grain
            when 'month' then extract(month from v.period_start)
            else extract(week from v.period_start)
        end as season_no,
        case v.period_grain
            when 'month' then cast({{ dbt.dateadd('month', 1, 'v.period_start') }} as date)
            else {{ add_days('v.period_start', 7) }}
        end as next_period_start,
        v.value, v.direction, v.target, v.unit, v.measure, v.is_partial,
        case when v.measure in ('count', 'hours_count') then v.days_in_period else 1 end as days,
        v.measure in ('count', 'hours_count', 'rate') as is_volume
    from shown as v
    inner join series as s
        on {% for column in series_key %}s.{{ column }} = v.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
),
series_breaks as (
    -- An event of the installation may begin the chart anew as a break does, or freeze its limits.
    select s.series_no, b.break_date, 'rebase' as effect
    from series as s
    inner join {{ ref('kpi_series_breaks') }} as b
        on b.kpi_id = s.kpi_id and b.kpi_version = s.kpi_version and b.segment = s.segment
        and b.level = s.level and b.unit_id = s.unit_id
    union
    select s.series_no, e.event_date, e.effect
    from series as s
    inner join {{ ref('kpi_events') }} as e
        on (e.kpi_id is null or e.kpi_id = s.kpi_id)
        and (e.level is null or e.level = s.level)
        and (e.unit_id is null or e.unit_id = s.unit_id)
    where e.effect <> 'none'
),
broken as (
    select
        p.series_no,
        p.period_no,
        count(case when b.effect = 'rebase' and b.break_date <= p.period_start then 1 end) as phase_no,
        max(case when b.effect = 'rebase' and b.break_date > p.period_start and b.break_date < p.next_period_start
            then 1 else 0 end) as is_mixed,
        max(case when b.effect = 'rebase' and b.break_date <= p.period_start then b.break_date end) as phase_from,
        max(case when b.effect = 'freeze' and b.break_date < p.next_period_start then b.break_date end) as frozen_from
    from points as p
    inner join series_breaks as b on b.series_no = p.series_no
    group by p.series_no, p.period_no
),
phased as (
    select
        p.*,
        1e0 * p.value / p.days as daily,
        coalesce(b.phase_no, 0) as phase_no,
        coalesce(b.is_mixed, 0) = 1 as is_mixed,
        -- Points from a day on that freezes limits are judged by them, and do not move them.
        b.frozen_from is null or coalesce(b.frozen_from < b.phase_from, false) as is_baseline
    from points as p
    left join broken as b on b.series_no = p.series_no and b.period_no = p.period_no
),
leveled as (
    -- How far each point lies from its series' own level: in per cent of it, percentages in points.
    select
        *,
        case
            when unit = '%' then daily - own_level
            else daily / nullif(own_level, 0) - 1e0
        end as deviation
    from (
        select *, avg(case when is_baseline then daily end) over (partition by series_no, phase_no) as own_level
        from phased
        where not is_mixed and not is_partial
    ) as p
),
movements as (
    -- What the units of a level have in common in a period: the median, so that no one of them
    -- moves it for the others.
    select
        level_no, period_no, season_no, is_volume, level = 'national' as is_national,
        count(*) as unit_count,
        {{ percentile('deviation', 0.5) }} as movement
    from leveled
    group by level_no, period_no, season_no, is_volume, level
),
seasons as (
    -- Volumes are related to the period itself, all else to its season: the mean of the years. The
    -- country has nothing to be related to but other years.
    select
        level_no, period_no, unit_count, is_national,
        case when is_volume and not is_national then movement
            else avg(movement) over (partition by level_no, season_no) end as common,
        count(*) over (partition by level_no, season_no) as years,
        max(unit_count) over (partition by level_no) as most_units
    from movements
),
related as (
    select
        p.*,
        case when s.unit_count >= {{ minimum_units }} or s.is_national then s.common
            when s.most_units < {{ minimum_units }} then 0e0 end as common,
        case
            when p.is_partial then 'partial'
            when p.is_mixed then 'break'
            when s.is_national and s.years < 2 then 'season'
            when not s.is_national and s.most_units >= {{ minimum_units }} and s.unit_count < {{ minimum_units }} then 'season'
        end as unjudged
    from phased as p
    left join seasons as s on s.level_no = p.level_no and s.period_no = p.period_no
),
slopes as (
    -- How much of the common movement each series takes part in.
    select
        series_no, phase_no,
        avg(common) as mean_common,
        case when var_pop(common) > 1e-12 then covar_pop(daily, common) / var_pop(common) else 0e0 end as slope
    from related
    where unjudged is null and is_baseline
    group by series_no, phase_no
),
adjusted as (
    select
        r.*,
        s.slope * (r.common - s.mean_common) as share_of_common,
        r.daily - s.slope * (r.common - s.mean_common) as judged_value
    from related as r
    inner join slopes as s on s.series_no = r.series_no and s.phase_no = r.phase_no
    where r.unjudged is null
),
neighbours as (
    select
        *,
        coalesce(lag(period_no) over ({{ in_phase }}) = period_no - 1, false) as follows,
        judged_value - lag(judged_value) over ({{ in_phase }}) as step
    from adjusted
),
phases as (
    select
        series_no, phase_no,
        avg(judged_value) as center,
        count(*) as point_count,
        min(period_start) as phase_start,
        count(case when follows then 1 end) as range_count,
        avg(case when follows then abs(step) end) as mean_range,
        coalesce(max(measure) = 'count' and avg(value) < {{ minimum_events }}, false) as is_rare
    from neighbours
    where is_baseline
    group by series_no, phase_no
),
screened as (
    select
        n.series_no, n.phase_no,
        case when p.range_count >= {{ xmr_minimum_ranges() }} and not p.is_rare then
            avg(case when n.follows and abs(n.step) <= {{ xmr_screening_factor() }} * p.mean_range + 1e-9 then abs(n.step) end)
        end as mean_range
    from neighbours as n
    inner join phases as p on p.series_no = n.series_no and p.phase_no = n.phase_no
    where n.is_baseline
    group by n.series_no, n.phase_no, p.range_count, p.is_rare
),
limits as (
    select
        p.series_no, p.phase_no, p.center, p.point_count, p.phase_start, p.is_rare,
        {{ xmr_limit_factor() }} * s.mean_range as half_width
    from phases as p
    inner join screened as s on s.series_no = p.series_no and s.phase_no = p.phase_no
),
placed as (
    -- Points on the mean, on a limit or two thirds out are within; so is what only rounding makes.
    select
        n.series_no, n.phase_no, n.period_no, n.follows,
        {{ sign_of('n.judged_value - l.center') }} as side,
        case when n.follows then {{ sign_of('n.step') }} else 0 end as step_side,
        {{ sign_of('abs(n.judged_value - l.center) - l.half_width') }} > 0 as is_outside,
        {{ sign_of('abs(n.judged_value - l.center) - l.half_width * 2e0 / 3e0') }} > 0 as is_far
    from neighbours as n
    inner join limits as l on l.series_no = n.series_no and l.phase_no = n.phase_no
),
sided as (
    select
        *,
        is_far and not is_outside as is_near_limit,
        -- Three in a row on one side of the mean, two of them near the limit.
        follows and lag(follows) over ({{ in_phase }})
            and side <> 0 and lag(side) over ({{ in_phase }}) = side and lag(side, 2) over ({{ in_phase }}) = side
            and sum(case when is_far and not is_outside then 1 else 0 end)
                over ({{ in_phase }} rows between 2 preceding and current row) >= 2
            as ends_three
    from placed
),
runs as (
    select
        *,
        sum(case when follows and side = earlier_side then 0 else 1 end) over ({{ in_phase }}) as side_run,
        sum(case when follows and step_side = earlier_step_side then 0 else 1 end) over ({{ in_phase }}) as step_run
    from (
        select
            *,
            lag(side) over ({{ in_phase }}) as earlier_side,
            lag(step_side) over ({{ in_phase }}) as earlier_step_side
        from sided
    ) as s
),
counted as (
    select
        *,
        count(*) over (partition by series_no, phase_no, side_run) as side_count,
        count(*) over (partition by series_no, phase_no, step_run) as step_count
    from runs
),
flagged as (
    select
        series_no, period_no, side,
        is_outside,
        -- Seven points are six steps; the point before the first step belongs to the trend.
        case
            when step_side <> 0 and step_count >= {{ xmr_run_points() }} - 1 then step_side
            when coalesce(lead(follows) over ({{ in_phase }}), false)
                and lead(step_side) over ({{ in_phase }}) <> 0
                and lead(step_count) over ({{ in_phase }}) >= {{ xmr_run_points() }} - 1
                then lead(step_side) over ({{ in_phase }})
            else 0
        end as trend,
        is_near_limit and (
            coalesce(ends_three, false)
            or coalesce(lead(ends_three) over ({{ in_phase }}), false)
            or coalesce(lead(ends_three, 2) over ({{ in_phase }}), false)
        ) as is_two_of_three,
        side <> 0 and side_count >= {{ xmr_run_points() }} as is_shift
    from counted
),
signalled as (
    select
        r.series_no, r.level_no, r.period_no, r.period_start, r.direction, r.target,
        coalesce(r.unjudged, case when l.is_rare then 'rare' when l.half_width is null then 'few' end) as unjudged,
        (l.center + a.share_of_common) * r.days as center,
        (l.center + a.share_of_common - l.half_width) * r.days as lower_limit,
        (l.center + a.share_of_common + l.half_width) * r.days as upper_limit,
        (a.judged_value - l.center) / nullif(l.half_width, 0) as distance,
        l.phase_start,
        l.point_count < {{ xmr_settled_points() }} as is_trial,
        -- In the order of Making Data Count; a point that fits several has the first.
        case
            when f.is_outside then 'outside'
            when f.trend <> 0 then 'trend'
            when f.is_two_of_three then 'two_of_three'
            when f.is_shift then 'shift'
        end as signal,
        case when not f.is_outside and f.trend <> 0 then f.trend else f.side end as signal_side
    from related as r
    left join adjusted as a on a.series_no = r.series_no and a.period_no = r.period_no
    left join limits as l on l.series_no = r.series_no and l.phase_no = r.phase_no and r.unjudged is null
    left join flagged as f on f.series_no = r.series_no and f.period_no = r.period_no
),
judged as (
    select
        *,
        period_no > max(case when unjudged is null then period_no end) over (partition by level_no) - {{ recent_periods() }}
            as is_recent,
        case
            when signal is null then null
            when direction = 'neutral' then 'neutral'
            when (signal_side > 0) = (direction = 'up') then 'improvement'
            else 'concern'
        end as signal_direction,
        case
            when is_trial or target is null or direction = 'neutral' or lower_limit is null then null
            when direction = 'up' then
                case when lower_limit >= target then 'pass' when upper_limit < target then 'fail' else 'inconsistent' end
            else
                case when upper_limit <= target then 'pass' when lower_limit > target then 'fail' else 'inconsistent' end
        end as assurance
    from signalled
)
select
    s.kpi_id,
    s.kpi_version,
    s.segment,
    s.period_grain,
    j.period_start,
    s.level,
    s.unit_id,
    j.center as xmr_center,
    j.lower_limit as xmr_lower,
    j.upper_limit as xmr_upper,
    j.distance as xmr_distance,
    j.is_trial,
    j.phase_start,
    j.is_recent,
    j.signal,
    j.signal_direction,
    j.assurance,
    {%- for language in ['nb', 'en'] %}
    {{ trend_text(language) }} as trend_{{ language }}{{ ',' if not loop.last }}
    {%- endfor %}
from judged as j
inner join series as s on s.series_no = j.series_no
