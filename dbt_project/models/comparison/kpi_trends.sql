{#- XmR charts of what is released. A point in which a break falls mixes two phases, and one of a period
    that is not wholly delivered is a part: they are shown, and neither set limits nor are judged. -#}
{{ config(contract={'enforced': true}) }}
{%- set series_key = ['kpi_id', 'kpi_version', 'segment', 'period_grain', 'level', 'unit_id'] -%}
{%- set in_phase = 'partition by series_no, phase_no order by period_no' -%}
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
    -- A number per series keeps the windows below cheap.
    select
        {{ series_key | join(', ') }},
        row_number() over (order by {{ series_key | join(', ') }}) as series_no
    from (select distinct {{ series_key | join(', ') }} from shown) as s
),
points as (
    select
        s.series_no,
        v.period_start,
        case v.period_grain
            when 'month' then extract(year from v.period_start) * 12 + extract(month from v.period_start)
            -- Mondays since a Monday.
            else {{ dbt.datediff("cast('2000-01-03' as date)", 'v.period_start', 'day') }} / 7
        end as period_no,
        case v.period_grain
            when 'month' then cast({{ dbt.dateadd('month', 1, 'v.period_start') }} as date)
            else {{ add_days('v.period_start', 7) }}
        end as next_period_start,
        v.value, v.direction, v.target, v.unit, v.measure, v.is_partial
    from shown as v
    inner join series as s
        on {% for column in series_key %}s.{{ column }} = v.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
),
series_breaks as (
    select distinct s.series_no, b.break_date
    from series as s
    inner join {{ ref('kpi_series_breaks') }} as b
        on b.kpi_id = s.kpi_id and b.kpi_version = s.kpi_version and b.segment = s.segment
        and b.level = s.level and b.unit_id = s.unit_id
),
broken as (
    select
        p.series_no,
        p.period_no,
        count(case when b.break_date <= p.period_start then 1 end) as phase_no,
        max(case when b.break_date > p.period_start and b.break_date < p.next_period_start then 1 else 0 end) as is_mixed
    from points as p
    inner join series_breaks as b on b.series_no = p.series_no
    group by p.series_no, p.period_no
),
phased as (
    select
        p.*,
        coalesce(b.phase_no, 0) as phase_no,
        coalesce(b.is_mixed, 0) = 1 as is_mixed
    from points as p
    left join broken as b on b.series_no = p.series_no and b.period_no = p.period_no
),
neighbours as (
    select
        *,
        coalesce(lag(period_no) over ({{ in_phase }}) = period_no - 1, false) as follows,
        value - lag(value) over ({{ in_phase }}) as step
    from phased
    where not is_mixed and not is_partial
),
phases as (
    select
        series_no, phase_no,
        avg(value) as center,
        count(*) as point_count,
        min(period_start) as phase_start,
        count(case when follows then 1 end) as range_count,
        avg(case when follows then abs(step) end) as mean_range
    from neighbours
    group by series_no, phase_no
),
screened as (
    select
        n.series_no, n.phase_no,
        case when p.range_count >= {{ xmr_minimum_ranges() }} then
            avg(case when n.follows and abs(n.step) <= {{ xmr_screening_factor() }} * p.mean_range + 1e-9 then abs(n.step) end)
        end as mean_range
    from neighbours as n
    inner join phases as p on p.series_no = n.series_no and p.phase_no = n.phase_no
    group by n.series_no, n.phase_no, p.range_count
),
limits as (
    select
        p.series_no, p.phase_no, p.center, p.point_count, p.phase_start,
        p.center - {{ xmr_limit_factor() }} * s.mean_range as lower_limit,
        p.center + {{ xmr_limit_factor() }} * s.mean_range as upper_limit,
        {{ xmr_limit_factor() }} * s.mean_range * 2e0 / 3e0 as two_thirds
    from phases as p
    inner join screened as s on s.series_no = p.series_no and s.phase_no = p.phase_no
),
sided as (
    select
        n.series_no, n.phase_no, n.period_no, n.follows,
        {{ sign_of('n.value - l.center') }} as side,
        case when n.follows then {{ sign_of('n.step') }} else 0 end as step_side,
        case
            when {{ sign_of('n.value - l.upper_limit') }} > 0 then 1
            when {{ sign_of('n.value - l.lower_limit') }} < 0 then -1
            else 0
        end as outside,
        case
            when {{ sign_of('n.value - l.center - l.two_thirds') }} > 0 then 1
            when {{ sign_of('n.value - l.center + l.two_thirds') }} < 0 then -1
            else 0
        end as beyond
    from neighbours as n
    inner join limits as l on l.series_no = n.series_no and l.phase_no = n.phase_no
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
        series_no, period_no, outside,
        case when side <> 0 and side_count >= {{ xmr_run_points() }} then side else 0 end as shift,
        -- Seven points are six steps; the point before the first step belongs to the trend.
        case
            when step_side <> 0 and step_count >= {{ xmr_run_points() }} - 1 then step_side
            when coalesce(lead(follows) over ({{ in_phase }}), false)
                and lead(step_side) over ({{ in_phase }}) <> 0
                and lead(step_count) over ({{ in_phase }}) >= {{ xmr_run_points() }} - 1
                then lead(step_side) over ({{ in_phase }})
            else 0
        end as trend,
        -- Another point within the same three periods lies as far out on the same side.
        case
            when beyond <> 0 and (
                {%- for move, way in [('lag', '-'), ('lead', '+')] %}
                {%- for distance in [1, 2] %}
                coalesce({{ move }}(beyond, {{ distance }}) over ({{ in_phase }}) = beyond
                    and {{ move }}(period_no, {{ distance }}) over ({{ in_phase }}) = period_no {{ way }} {{ distance }}, false)
                {{ 'or' if not (way == '+' and distance == 2) }}
                {%- endfor %}
                {%- endfor %}
            ) then beyond
            else 0
        end as two_of_three
    from counted
),
signalled as (
    select
        p.series_no, p.period_no, p.period_start, p.value, p.unit, p.measure, p.is_mixed, p.is_partial, p.direction, p.target,
        l.center, l.lower_limit, l.upper_limit, l.phase_start,
        l.point_count < {{ xmr_settled_points() }} as is_trial,
        case
            when f.outside <> 0 then 'outside'
            when f.shift <> 0 then 'shift'
            when f.trend <> 0 then 'trend'
            when f.two_of_three <> 0 then 'two_of_three'
        end as signal,
        case
            when f.outside <> 0 then f.outside
            when f.shift <> 0 then f.shift
            when f.trend <> 0 then f.trend
            else f.two_of_three
        end as signal_side
    from phased as p
    left join limits as l on l.series_no = p.series_no and l.phase_no = p.phase_no
        and not p.is_mixed and not p.is_partial
    left join flagged as f on f.series_no = p.series_no and f.period_no = p.period_no
),
judged as (
    select
        *,
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
    j.is_trial,
    j.phase_start,
    j.signal,
    j.signal_direction,
    j.assurance,
    {%- for language in ['nb', 'en'] %}
    {{ trend_text(language) }} as trend_{{ language }}{{ ',' if not loop.last }}
    {%- endfor %}
from judged as j
inner join series as s on s.series_no = j.series_no
