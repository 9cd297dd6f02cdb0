{#- Counts are few rows and are made anew, as what was delivered changes the hours they are held against. -#}
{%- set follows = ['call', 'call_duplicate', 'call_passed_on'] -%}
{#- The requirement of each service: counted in time, out of what. -#}
{%- set required = {'113': kpi_in_force('c113_within_10s'), '116117': kpi_in_force('c116117_within_2min')} -%}
{%- set counted = {
    'calls': kpi_in_force('calls_offered').numerator,
    'answered': kpi_in_force('answer_time_median').base,
    'unanswered': kpi_in_force('unanswered_share').numerator,
    'answered_valid': kpi_in_force('answer_time_median').n,
} -%}
{%- set counts = ['calls', 'calls_covered', 'answered', 'unanswered', 'answered_valid', 'in_time', 'in_time_of'] -%}
{%- set key = ['segment', 'period_grain', 'period_start', 'level', 'unit_id'] -%}
with cells as (
    select
        c.segment, c.event_date, {{ hour_of_week('c.hour_start_at', 'd') }} as hour_of_week, c.region_id, c.central_id,
        {%- for name, form in counted.items() %}
        {{ linear(form, 'c') }} as {{ name }},
        {%- endfor %}
        {%- for part, name in {'numerator': 'in_time', 'denominator': 'in_time_of'}.items() %}
        case c.segment {% for segment, kpi in required.items() %}when '{{ segment }}' then {{ linear(kpi[part], 'c') }} {% endfor %}end as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('agg_call_cells') }} as c
    inner join {{ ref('dim_date') }} as d on d.date_day = c.event_date
),
source_sets as (
    -- By the unit's sources, or those of the country where none is known.
    select distinct n.segment, n.level, n.unit_id, coalesce(u.source_set, o.source_set) as source_set
    from (
        {%- for level, unit in kpi_families()['calls'].units.items() %}
        select distinct segment, '{{ level }}' as level, {{ unit or "'NO'" }} as unit_id from cells{{ ' union all' if not loop.last }}
        {%- endfor %}
    ) as n
    left join {{ ref('unit_sources') }} as u on u.basis = 'call' and u.level = n.level and u.unit_id = n.unit_id
    left join {{ ref('unit_sources') }} as o on o.basis = 'call' and o.level = 'national'
),
covered_days as (
    select source_set, period_start as date_day
    from {{ ref('period_delivery') }}
    where basis = 'call' and period_grain = 'day' and days_covered = 1
),
days as (
    {%- for level, unit in kpi_families()['calls'].units.items() %}
    select
        segment, event_date, hour_of_week, '{{ level }}' as level, {{ unit or "'NO'" }} as unit_id,
        {%- for name in counts if name != 'calls_covered' %}
        sum({{ name }}) as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from cells
    group by segment, event_date, hour_of_week{{ ', ' ~ unit if unit }}{{ ' union all' if not loop.last }}
    {%- endfor %}
),
periods as (
    {{ profile_days(follows) }}
),
counted as (
    select
        v.segment, p.period_grain, p.period_start, v.level, v.unit_id, v.hour_of_week,
        {%- for name in counts %}
        {{ whole_sum('case when c.date_day is not null then v.calls else 0 end' if name == 'calls_covered' else 'v.' ~ name) }} as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from days as v
    inner join periods as p on p.date_day = v.event_date
    inner join source_sets as s on s.segment = v.segment and s.level = v.level and s.unit_id = v.unit_id
    left join covered_days as c on c.source_set = s.source_set and c.date_day = v.event_date
    where v.unit_id <> 'UNKNOWN'
    group by v.segment, p.period_grain, p.period_start, v.level, v.unit_id, v.hour_of_week
),
clock as (
    {%- for hour in range(24) %}
    select {{ hour }} as hour{{ ' union all' if not loop.last }}
    {%- endfor %}
),
hours as (
    select
        c.source_set, p.period_grain, p.period_start, {{ weekday('d') }} * 100 + h.hour as hour_of_week,
        cast(sum({{ times_of_hour('d', 'h.hour') }}) as integer) as hours
    from covered_days as c
    inner join {{ ref('dim_date') }} as d on d.date_day = c.date_day
    inner join periods as p on p.date_day = c.date_day
    cross join clock as h
    group by c.source_set, p.period_grain, p.period_start, {{ weekday('d') }} * 100 + h.hour
),
index as (
    select u.*, s.source_set, w.weekday * 100 + h.hour as hour_of_week, w.weekday, h.hour
    from (select distinct {{ key | join(', ') }} from counted where calls > 0) as u
    inner join source_sets as s on s.segment = u.segment and s.level = u.level and s.unit_id = u.unit_id
    cross join (
        {%- for day in range(1, 8) %}
        select {{ day }} as weekday{{ ' union all' if not loop.last }}
        {%- endfor %}
    ) as w
    cross join clock as h
)
select
    {%- for column in key %}
    i.{{ column }},
    {%- endfor %}
    cast(i.weekday as integer) as weekday,
    cast(i.hour as integer) as hour,
    coalesce(h.hours, 0) as hours,
    -- An hour that was delivered and had no calls had none; of one that was not, nothing is known.
    {%- for name in counts %}
    coalesce(c.{{ name }}, case when h.hours > 0 then 0 end) as {{ name }},
    {%- endfor %}
    coalesce(cast(t.handled as bigint), case when h.hours > 0 then 0 end) as handled,
    t.answer_median,
    t.answer_p90,
    t.talk_median
from index as i
left join counted as c
    on {% for column in key %}c.{{ column }} = i.{{ column }} and {% endfor %}c.hour_of_week = i.hour_of_week
left join hours as h
    on h.source_set = i.source_set and h.period_grain = i.period_grain and h.period_start = i.period_start
    and h.hour_of_week = i.hour_of_week
left join {{ ref('agg_hour_times') }} as t
    on {% for column in key %}t.{{ column }} = i.{{ column }} and {% endfor %}t.hour_of_week = i.hour_of_week
