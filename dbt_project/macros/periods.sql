{#- Periods are local dates: days, ISO weeks, months; quarters, tertials (four months) and years; the
    year up to the end of each month (ytd) and the twelve months up to it (rolling12). Which dates a
    period has stands in period_days. The last two are named by the first day of their last month. -#}

{% macro grains() %}{{ return(counted_grains() + summed_grains(none)) }}{% endmacro %}

{#- Grains whose counts are taken from the rows. -#}
{% macro counted_grains() %}{{ return(['day', 'week', 'month']) }}{% endmacro %}

{#- Grains of whole months: their counts are sums of months, so that an increment reads the rows of a
    month and not of a year. Up to each month there are periods where it is known how far the
    deliveries of a record type have come: for the models that follow one. -#}
{% macro summed_grains(contracts) %}
{{ return(['quarter', 'tertial', 'year'] + (running_grains() if contracts is none or followed_records(contracts) else [])) }}
{% endmacro %}
{% macro running_grains() %}{{ return(['ytd', 'rolling12']) }}{% endmacro %}

{#- The record types among the changes that a model follows. -#}
{% macro followed_records(changes) %}
{{ return(contracts() | select('in', changes) | list) }}
{% endmacro %}

{#- First and last day with a delivery of any of the record types. -#}
{% macro delivery_span(contracts) -%}
(
    select min(delivered_on) as first_on, max(delivered_on) as last_on
    from ({{ deliveries() }}) as v
    where contract in ({{ quoted(contracts) }})
)
{%- endmacro %}

{#- Predicate: the period is one that there are figures of, within a span of deliveries. A year is
    added up to the last month begun; twelve months are twelve from the first one on. -#}
{% macro is_begun(period, span) -%}
(
    {{ period }}.period_grain not in ({{ quoted(running_grains()) }})
    or {{ period }}.period_start <= {{ span }}.last_on
)
and (
    {{ period }}.period_grain <> 'rolling12'
    or {{ period }}.period_start >= cast({{ dbt.dateadd('month', 11, start_of('month', span ~ '.first_on')) }} as date)
)
{%- endmacro %}

{#- period_grain, period_start of every period that holds a touched date. -#}
{% macro touched_periods(contracts) %}
select distinct p.period_grain, p.period_start
from ({{ touched_dates(contracts) }}) as t
inner join {{ ref('period_days') }} as p on p.date_day = t.date_day
{% endmacro %}

{#- date_day, period_start of one grain: all dates, or on an increment those of touched periods. -#}
{% macro period_dates(grain, contracts) %}
{%- do ref('dim_date') -%}
select p.date_day, p.period_start
from {{ ref('period_days') }} as p
{%- if grain in running_grains() %}
inner join {{ delivery_span(followed_records(contracts)) }} as s on {{ is_begun('p', 's') }}
{%- endif %}
where p.period_grain = '{{ grain }}'
{%- if is_incremental() %}
    and p.period_start in (
        select q.period_start
        from ({{ touched_dates(contracts) }}) as t
        inner join {{ ref('period_days') }} as q on q.date_day = t.date_day
        where q.period_grain = '{{ grain }}'
    )
{%- endif %}
{% endmacro %}

{#- Dates of touched periods of whole months. -#}
{% macro touched_month_dates(contracts) %}
{%- for grain in ['year', 'rolling12'] if grain in summed_grains(contracts) %}
select date_day from ({{ period_dates(grain, contracts) }}) as {{ grain }}_dates{{ ' union' if not loop.last }}
{%- endfor %}
{% endmacro %}

{#- Predicate: the date lies in a touched month or week, or with `longest='year'` in a touched period
    of any grain. A year holds every shorter period except weeks at its ends. -#}
{% macro in_touched_periods(column, contracts, longest='year') -%}
{%- if is_incremental() -%}
{{ column }} in (
    select date_day from ({{ period_dates('week', contracts) }}) as w
    union
    {%- if longest == 'month' %}
    select date_day from ({{ period_dates('month', contracts) }}) as m
    {%- else %}
    {{ touched_month_dates(contracts) }}
    {%- endif %}
)
{%- else -%}
1 = 1
{%- endif -%}
{%- endmacro %}

{#- Which level and unit a row of grouping sets is of; `levels` as below. -#}
{% macro level_and_unit(levels) -%}
case
        {%- for level, column in levels.items() if column %}
        when grouping(f.{{ column }}) = 0 then '{{ level }}'
        {%- endfor %}
        else 'national'
    end as level,
    case
        {%- for level, column in levels.items() if column %}
        when grouping(f.{{ column }}) = 0 then f.{{ column }}
        {%- endfor %}
        else 'NO'
    end as unit_id
{%- endmacro %}

{#- Measures of a fact for every level and period: one grouping-sets aggregate per grain.
      counted  the grains, or none for all
      segment  column with the segment, or none for 'all'
      levels   level name -> unit column; national has none
    A fact with municipality_id as a level has municipality_union_id too: rows of a union's members count in
    their own municipality and in the union, which is why unions are grouped by themselves. -#}
{% macro aggregate_periods(relation, contracts, levels, measures, segment=none, counted=none) %}
{%- set keys = 'f.' ~ segment ~ ', ' if segment else '' -%}
{%- set has_unions = levels.municipality == 'municipality_id' -%}
{%- for grain in counted or counted_grains() + summed_grains(contracts) %}
{%- if has_unions %}
-- Not in a having clause: Spark cannot ask there which columns are grouped.
select
    segment, period_grain, period_start, level, unit_id,
    {{ measures | join(', ') }}
from (
{%- endif %}
select
    {{ 'f.' ~ segment if segment else "'all'" }} as segment,
    '{{ grain }}' as period_grain,
    d.period_start,
    {%- if levels.values() | select | list %}
    {{ level_and_unit(levels) }},
    {%- else %}
    'national' as level,
    'NO' as unit_id,
    {%- endif %}
    {%- for name, expression in measures.items() %}
    {{ expression }} as {{ name }}{{ ',' if not loop.last or has_unions }}
    {%- endfor %}
    {%- if has_unions %}
    max(f.municipality_union_id) as union_unit_id
    {%- endif %}
from {{ relation }} as f
inner join ({{ period_dates(grain, contracts) }}) as d on d.date_day = f.event_date
group by grouping sets (
    {%- for level, column in levels.items() %}
    ({{ keys }}d.period_start{{ ', f.' ~ column if column }}){{ ',' if not loop.last }}
    {%- endfor %}
)
{%- if has_unions %}
) as g
where level <> 'municipality' or coalesce(union_unit_id, '') <> unit_id
union all
select
    {{ 'f.' ~ segment if segment else "'all'" }} as segment,
    '{{ grain }}' as period_grain,
    d.period_start,
    'municipality' as level,
    f.municipality_union_id as unit_id,
    {%- for name, expression in measures.items() %}
    {{ expression }} as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
from {{ relation }} as f
inner join ({{ period_dates(grain, contracts) }}) as d on d.date_day = f.event_date
where f.municipality_union_id is not null
group by {{ keys }}d.period_start, f.municipality_union_id
{%- endif %}
{{ 'union all' if not loop.last }}
{%- endfor %}
{% endmacro %}

{#- As aggregate_periods, for measures that add up: longer periods are sums of their months. On
    an increment the months that were not touched are taken from the stored rows.
      relation  rows of the touched days, weeks and months at least
      sums      measure -> its sum over rows that hold it already; none for whole numbers -#}
{% macro add_up_periods(relation, contracts, levels, measures, sums=none, segment=none) %}
with counted as (
    {{ aggregate_periods(relation, contracts, levels, measures, segment, counted_grains()) }}
),
months as (
    select segment, period_start, level, unit_id, {{ measures | join(', ') }}
    from counted
    where period_grain = 'month'
    {{ untouched_months('segment, period_start, level, unit_id, ' ~ measures | join(', '), contracts) }}
)
select segment, period_grain, period_start, level, unit_id, {{ measures | join(', ') }}
from counted
{%- for grain in summed_grains(contracts) %}
union all
select
    m.segment,
    '{{ grain }}' as period_grain,
    d.period_start,
    m.level,
    m.unit_id,
    {%- for name in measures %}
    {{ sums[name] if sums else whole_sum(name) }} as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
from months as m
inner join ({{ period_dates(grain, contracts) }}) as d on d.date_day = m.period_start
group by m.segment, d.period_start, m.level, m.unit_id
{%- endfor %}
{% endmacro %}

{#- On an increment, the stored months of touched longer periods that are not touched themselves. -#}
{% macro untouched_months(columns, contracts) -%}
{%- if is_incremental() -%}
union all
select {{ columns }}
from {{ this }}
where period_grain = 'month'
    and period_start in ({{ touched_month_dates(contracts) }})
    and period_start not in (select period_start from ({{ period_dates('month', contracts) }}) as m)
{%- endif -%}
{%- endmacro %}

{#- The sum of a measure over rows that hold it already. -#}
{% macro whole_sum(name) -%}
cast(sum({{ name }}) as bigint)
{%- endmacro %}

{#- Number of rows where a flag holds. -#}
{% macro count_if(flag) -%}
count(case when {{ flag }} then 1 end)
{%- endmacro %}

{#- Exact percentile (continuous, type 7) over unrounded milliseconds; null stays out. -#}
{% macro percentile(column, share) -%}
percentile_cont({{ share }}) within group (order by {{ column }})
{%- endmacro %}

{#- contract, event_date pairs touched by new changes to the stored records. -#}
{% macro touched_contract_dates() %}
select distinct case r.contract when 'call_duplicate' then 'call' else r.contract end as contract, d.date_day
from {{ new_date_ranges(contracts() + ['call_duplicate']) }} as r
inner join {{ ref('dim_date') }} as d on d.date_day between r.first_date and r.last_date
{% endmacro %}

{#- What figures rest on where that is more than one record type, the main one first. -#}
{% macro joint_bases() %}
{{ return({'chain': ['alarm', 'call'], 'video': ['video_session', 'call']}) }}
{% endmacro %}
