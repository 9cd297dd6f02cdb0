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
),
counted as (
    select w.basis, w.source_set, p.period_grain, p.period_start, count(*) as days_covered
    from whole_days as w
    inner join {{ ref('period_days') }} as p
        on p.date_day = w.date_day and p.period_grain in ({{ quoted(counted_grains()) }})
    group by w.basis, w.source_set, p.period_grain, p.period_start
)
select basis, source_set, period_grain, period_start, cast(days_covered as integer) as days_covered
from counted
union all
select m.basis, m.source_set, p.period_grain, p.period_start, cast(sum(m.days_covered) as integer)
from counted as m
inner join {{ ref('period_days') }} as p
    on p.date_day = m.period_start and p.period_grain in ({{ quoted(summed_grains(none)) }})
where m.period_grain = 'month'
group by m.basis, m.source_set, p.period_grain, p.period_start
