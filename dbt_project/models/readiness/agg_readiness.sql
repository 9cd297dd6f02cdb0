{%- set follows = ['record_readiness'] -%}
{{ config(
    materialized='incremental' if target.type == 'duckdb' else 'table',
    incremental_strategy='touched_periods',
    meta={'consumes': follows},
    pre_hook="{{ reset_consumed(['record_readiness']) }}",
    post_hook="{{ log_consumed(['record_readiness']) }}",
) }}
{%- for grain in readiness_grains() %}
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
    '{{ grain }}' as period_grain,
    d.period_start,
    f.field,
    f.measure,
    cast(sum(f.part) as bigint) as part,
    cast(sum(f.whole) as bigint) as whole,
    -- Rows of units that stand in the register.
    cast(sum(case when f.unit_id <> 'UNKNOWN' then f.whole else 0 end) as bigint) as registered_whole
from {{ ref('readiness_days') }} as f
inner join ({{ period_dates(grain, follows) }}) as d on d.date_day = f.event_date
group by grouping sets (
    (f.contract, f.source, d.period_start, f.field, f.measure),
    (f.contract, f.source, f.unit_level, f.unit_id, d.period_start, f.field, f.measure),
    (f.contract, f.source_system, d.period_start, f.field, f.measure)
)
{{ 'union all' if not loop.last }}
{%- endfor %}
