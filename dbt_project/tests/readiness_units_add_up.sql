-- What is counted for the units of a source is what is counted for the source.
with by_source as (
    select contract, source, period_grain, period_start, field, measure, part, whole
    from {{ ref('agg_readiness') }}
    where level = 'source'
),
by_unit as (
    select contract, source, period_grain, period_start, field, measure, sum(part) as part, sum(whole) as whole
    from {{ ref('agg_readiness') }}
    where level in ('central', 'base')
    group by contract, source, period_grain, period_start, field, measure
)
select s.*, u.part as unit_part, u.whole as unit_whole
from by_source as s
left join by_unit as u
    on u.contract = s.contract and u.source = s.source and u.period_grain = s.period_grain
    and u.period_start = s.period_start and u.field = s.field and u.measure = s.measure
where u.whole is null or u.part <> s.part or u.whole <> s.whole
