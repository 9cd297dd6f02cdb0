-- depends_on: {{ ref('stg_lake__calls') }}, {{ ref('stg_lake__alarms') }}, {{ ref('stg_lake__video_sessions') }}
-- depends_on: {{ ref('stg_lake__lat_requests') }}, {{ ref('stg_lake__lat_readiness') }}
{{ config(materialized='table', contract={'enforced': true}) }}
with covered_days as (
    {{ covered_days() }}
),
last_day as (
    select max(covered_on) as last_on from covered_days
),
members as (
    select distinct basis, source_set, contract, source, owes_from, owes_before
    from {{ ref('unit_sources') }}
),
whole_days as (
    select m.basis, m.source_set, d.date_day
    from members as m
    cross join last_day as l
    inner join {{ ref('dim_date') }} as d
        on d.date_day >= m.owes_from and d.date_day < m.owes_before and d.date_day <= l.last_on
    left join covered_days as c
        on c.contract = m.contract and c.source = m.source and c.covered_on = d.date_day
    group by m.basis, m.source_set, d.date_day
    having count(*) = count(c.covered_on)
)
{%- for grain in grains() %}
select
    w.basis, w.source_set, '{{ grain }}' as period_grain, d.{{ grain }}_start as period_start,
    cast(count(*) as integer) as days_covered
from whole_days as w
inner join {{ ref('dim_date') }} as d on d.date_day = w.date_day
group by w.basis, w.source_set, d.{{ grain }}_start
{{ 'union all' if not loop.last }}
{%- endfor %}
