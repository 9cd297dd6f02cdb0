{#- Profiles pool the weeks of a longer period: calls by hour of the week, times by class. Twelve months
    running are those up to the month begun last and up to the one before it: each month of all history
    would read every call a dozen times. -#}

{% macro profile_grains() %}{{ return(['quarter', 'tertial', 'year', 'rolling12']) }}{% endmacro %}

{#- period_grain, period_start, date_day of the periods that have profiles; on an increment of those
    that were touched, and of twelve months that are new. -#}
{% macro profile_days(contracts) %}
{%- for grain in profile_grains() %}
select '{{ grain }}' as period_grain, period_start, date_day
from ({{ period_dates(grain, contracts) }}) as {{ grain }}_dates
{%- if grain == 'rolling12' %}
where period_start >= {{ first_running_period(contracts) }}
{%- endif %}
{{ 'union' if not loop.last }}
{%- endfor %}
{%- if is_incremental() %}
union
select p.period_grain, p.period_start, p.date_day
from {{ ref('period_days') }} as p
inner join {{ delivery_span(followed_records(contracts)) }} as s on {{ is_begun('p', 's') }}
where p.period_grain = 'rolling12' and p.period_start >= {{ first_running_period(contracts) }}
    and p.period_start not in (select k.period_start from {{ this }} as k where k.period_grain = 'rolling12')
{%- endif %}
{% endmacro %}

{% macro first_running_period(contracts) -%}
(
    select cast({{ dbt.dateadd('month', -1, start_of('month', 's.last_on')) }} as date)
    from {{ delivery_span(followed_records(contracts)) }} as s
)
{%- endmacro %}

{#- After an increment: twelve months up to earlier months are kept no longer. -#}
{% macro drop_earlier_running_periods(contracts) %}
{% if keeps_state() %}
delete from {{ this }} where period_grain = 'rolling12' and period_start < {{ first_running_period(contracts) }}
{% endif %}
{% endmacro %}

{#- Sums at every level of the periods that have profiles; what could not be placed has none.
      keys    columns besides period, level and unit
      levels  level name -> unit column; national has none -#}
{% macro aggregate_profiles(relation, contracts, keys, levels, measures) %}
select * from (
    select
        {%- for key in keys %}
        f.{{ key }},
        {%- endfor %}
        d.period_grain,
        d.period_start,
        {{ level_and_unit(levels) }}
        {%- for name, expression in measures.items() %},
        {{ expression }} as {{ name }}
        {%- endfor %}
    from {{ relation }} as f
    inner join ({{ profile_days(contracts) }}) as d on d.date_day = f.event_date
    group by grouping sets (
        {%- for level, column in levels.items() %}
        (f.{{ keys | join(', f.') }}, d.period_grain, d.period_start{{ ', f.' ~ column if column }}){{ ',' if not loop.last }}
        {%- endfor %}
    )
) as g
where unit_id <> 'UNKNOWN'
{% endmacro %}

{#- The definition of a KPI that is in force: the latest version. -#}
{% macro kpi_in_force(kpi_id) %}
{%- set found = kpi_definitions() | selectattr('id', 'equalto', kpi_id) | sort(attribute='version') | last -%}
{{ return(found) }}
{% endmacro %}

{#- The hour of the week, Monday 00-01 as 100 and Sunday 23-24 as 723, of a UTC hour and its local day in
    dim_date. The hour that occurs twice in October is the one hour 02 both times. -#}
{% macro hour_of_week(hour_start_at, day) -%}
{%- set since -%}cast({{ ms_between(day ~ '.utc_start_at', hour_start_at) }} / 3600000 as integer){%- endset -%}
{{ weekday(day) }} * 100 + {{ since }} + case
    when {{ day }}.hours_in_day = 23 and {{ since }} >= 2 then 1
    when {{ day }}.hours_in_day = 25 and {{ since }} >= 3 then -1
    else 0
end
{%- endmacro %}

{#- 1 for Monday to 7 for Sunday. -#}
{% macro weekday(day) -%}
(1 + cast({{ dbt.datediff(day ~ '.week_start', day ~ '.date_day', 'day') }} as integer))
{%- endmacro %}

{#- How many times a local day has an hour of the clock. -#}
{% macro times_of_hour(day, hour) -%}
case
    when {{ hour }} <> 2 then 1
    when {{ day }}.hours_in_day = 23 then 0
    when {{ day }}.hours_in_day = 25 then 2
    else 1
end
{%- endmacro %}

{#- The column of durations and the share of a KPI that is a percentile. -#}
{% macro percentile_of(kpi) %}
{%- set found = [] -%}
{%- for column, asked in kpi_families()[kpi.family].percentiles.items() -%}
    {%- for name, share in asked.at.items() if column ~ '_' ~ name == kpi.column -%}
        {%- do found.extend([column, share]) -%}
    {%- endfor -%}
{%- endfor -%}
{{ return(found) }}
{% endmacro %}

{#- The durations that a percentile of the registry is taken of, by class: how many of a unit and period
    lie in each. What is known to be of a union of split municipalities only is in no municipality. -#}
{% macro classes_of_times(measure, kpi, relation, contracts, levels) %}
{%- set family = kpi_families()[kpi.family] -%}
{%- set duration = 'f.' ~ percentile_of(kpi)[0] -%}
{%- set key = ['segment', 'period_grain', 'period_start', 'level', 'unit_id'] -%}
{%- set columns = {} -%}
{%- for level in levels -%}
    {%- do columns.update({level: 'municipality' if level == 'municipality' else family.units[level]}) -%}
{%- endfor -%}
with times as (
    select
        f.event_date, l.segment, l.class_no
        {%- for level, column in columns.items() if column %},
        {{ "nullif(f.municipality_id, f.municipality_union_id) as municipality" if level == 'municipality' else 'f.' ~ column }}
        {%- endfor %}
    from {{ relation }} as f
    inner join {{ ref('class_limits') }} as l
        on l.measure = '{{ measure }}' and l.segment = {{ 'f.' ~ family.segment if family.segment else "'all'" }}
        and {{ duration }} > coalesce(l.over_s * 1000, -1) and {{ duration }} <= coalesce(l.to_s * 1000, {{ duration }})
),
classed as (
    {{ aggregate_profiles('times', contracts, ['segment', 'class_no'], columns, {'n': 'count(*)'}) }}
),
totals as (
    select {{ key | join(', ') }}, {{ whole_sum('n') }} as total
    from classed
    group by {{ key | join(', ') }}
)
select
    '{{ measure }}' as measure,
    {%- for column in key %}
    t.{{ column }},
    {%- endfor %}
    l.class_no,
    coalesce(c.n, 0) as n,
    t.total
from totals as t
inner join {{ ref('class_limits') }} as l on l.measure = '{{ measure }}' and l.segment = t.segment
left join classed as c
    on {% for column in key %}c.{{ column }} = t.{{ column }} and {% endfor %}c.class_no = l.class_no
{% endmacro %}

{#- What a part says of its period; reads what parts_in_scope joins. -#}
{% macro period_of_parts() -%}
coalesce(e.days_covered, 0) as days_covered,
    p.days_in_period,
    coalesce(e.days_covered, 0) < p.days_in_period as is_partial
{%- endmacro %}

{#- Joins parts to what disclosure control has decided: `w` where all parts of the unit are hidden, `h` where
    the part is; and to the days that were delivered. Periods that are not over are left out. -#}
{% macro parts_in_scope(alias, subject, item, basis) %}
{%- set key = ['segment', 'period_grain', 'period_start', 'level', 'unit_id'] -%}
{%- set basis = basis if '.' in basis else "'" ~ basis ~ "'" -%}
inner join {{ source('disclosure', 'part_scope') }} as s
    on s.subject = {{ subject }} and s.level = {{ alias }}.level and s.period_grain = {{ alias }}.period_grain
    and {{ alias }}.period_start <= s.last_period_start
{%- for name in ['w', 'h'] %}
left join {{ source('disclosure', 'part_hidden') }} as {{ name }}
    on {{ name }}.subject = {{ subject }}{% for column in key %} and {{ name }}.{{ column }} = {{ alias }}.{{ column }}{% endfor %}
    and {{ name }}.item = {{ '0' if name == 'w' else item }}
{%- endfor %}
inner join {{ ref('dim_period') }} as p
    on p.period_grain = {{ alias }}.period_grain and p.period_start = {{ alias }}.period_start
-- By the unit's sources, or those of the country where none is known.
left join (select distinct basis, level, unit_id, source_set from {{ ref('unit_sources') }}) as u
    on u.basis = {{ basis }} and u.level = {{ alias }}.level and u.unit_id = {{ alias }}.unit_id
left join (select distinct basis, source_set from {{ ref('unit_sources') }} where level = 'national') as n
    on n.basis = {{ basis }}
left join {{ ref('period_delivery') }} as e
    on e.basis = {{ basis }} and e.source_set = coalesce(u.source_set, n.source_set)
    and e.period_grain = {{ alias }}.period_grain and e.period_start = {{ alias }}.period_start
{% endmacro %}
