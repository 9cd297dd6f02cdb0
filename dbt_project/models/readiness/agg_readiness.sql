{%- set follows = ['record_readiness'] -%}
{{ config(
    materialized='incremental' if target.type == 'duckdb' else 'table',
    incremental_strategy='touched_periods',
    meta={'consumes': follows},
    pre_hook="{{ reset_consumed(['record_readiness']) }}",
    post_hook="{{ log_consumed(['record_readiness']) }}",
) }}
{%- set keys = ['contract', 'source', 'level', 'unit_id'] -%}
{%- set measured = ['field', 'measure'] -%}
{%- set counts = ['part', 'whole', 'registered_whole'] -%}
with months as (
    select
        f.contract,
        case when grouping(f.source) = 0 then f.source else '*' end as source,
        case
            when grouping(f.unit_id) = 0 then f.unit_level
            when grouping(f.source_system) = 0 then 'source_system'
            else 'source'
        end as level,
        case
            when grouping(f.unit_id) = 0 then f.unit_id
            when grouping(f.source_system) = 0 then f.source_system
            else f.source
        end as unit_id,
        d.period_start,
        f.field,
        f.measure,
        {{ whole_sum('f.part') }} as part,
        {{ whole_sum('f.whole') }} as whole,
        -- Rows of units that stand in the register.
        {{ whole_sum("case when f.unit_id <> 'UNKNOWN' then f.whole else 0 end") }} as registered_whole
    from {{ ref('readiness_days') }} as f
    inner join ({{ period_dates('month', follows) }}) as d on d.date_day = f.event_date
    group by grouping sets (
        (f.contract, f.source, d.period_start, f.field, f.measure),
        (f.contract, f.source, f.unit_level, f.unit_id, d.period_start, f.field, f.measure),
        (f.contract, f.source_system, d.period_start, f.field, f.measure)
    )
),
all_months as (
    select * from months
    {{ untouched_months((keys + ['period_start'] + measured + counts) | join(', '), follows) }}
)
select {{ keys | join(', ') }}, 'month' as period_grain, period_start, {{ (measured + counts) | join(', ') }}
from months
{%- for grain in readiness_grains() if grain != 'month' %}
union all
select
    m.{{ keys | join(', m.') }}, '{{ grain }}' as period_grain, d.period_start, m.{{ measured | join(', m.') }},
    {%- for count in counts %}
    {{ whole_sum('m.' ~ count) }} as {{ count }}{{ ',' if not loop.last }}
    {%- endfor %}
from all_months as m
inner join ({{ period_dates(grain, follows) }}) as d on d.date_day = m.period_start
group by m.{{ keys | join(', m.') }}, d.period_start, m.{{ measured | join(', m.') }}
{%- endfor %}
