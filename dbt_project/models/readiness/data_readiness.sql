{{ config(materialized='table', contract={'enforced': true}) }}
with cuts as (
    -- Days on which what a unit reports changes its meaning.
    select distinct contract, level, unit_id, break_date
    from {{ ref('kpi_breaks') }}
    where level in ('central', 'base') and unit_id is not null and kpi_id is null
),
days as (
    select
        contract, level, unit_id, break_date as valid_from,
        lead(break_date, 1, {{ open_end() }}) over (
            partition by contract, level, unit_id order by break_date
        ) as valid_to
    from cuts
    union all
    select contract, level, unit_id, {{ open_start() }}, min(break_date)
    from cuts
    group by contract, level, unit_id
),
unit_periods as (
    select contract, level, unit_id, period_grain, period_start, min(period_start) as first_day
    from {{ ref('int_readiness__deliveries') }}
    where level in ('central', 'base')
    group by contract, level, unit_id, period_grain, period_start
),
stretches as (
    select
        p.contract, p.level, p.unit_id, p.period_grain, p.period_start,
        d.valid_from, count(*) as day_count
    from unit_periods as p
    inner join (
        {%- for grain in readiness_grains() %}
        select '{{ grain }}' as period_grain, {{ grain }}_start as period_start, date_day
        from {{ ref('dim_date') }}
        {{ 'union all' if not loop.last }}
        {%- endfor %}
    ) as c on c.period_grain = p.period_grain and c.period_start = p.period_start
    left join days as d
        on d.contract = p.contract and d.level = p.level and d.unit_id = p.unit_id
        and c.date_day >= d.valid_from and c.date_day < d.valid_to
    group by p.contract, p.level, p.unit_id, p.period_grain, p.period_start, d.valid_from
),
unit_rows as (
    select contract, source, level, unit_id, period_grain, period_start, whole as row_count
    from {{ ref('agg_readiness') }}
    where level in ('central', 'base') and measure = 'within_48h'
),
measured as (
    select contract, source, level, unit_id, period_grain, period_start, field, measure, part, whole
    from {{ ref('agg_readiness') }}
    union all
    select
        contract, source, level, unit_id, period_grain, period_start,
        case when level = 'source' and contract in ('call', 'alarm', 'video_session') then 'central_id' else 'base_id' end,
        'unit_registered', registered_whole, whole
    from {{ ref('agg_readiness') }}
    where level = 'source' and measure = 'within_48h'
    union all
    select contract, source, level, unit_id, period_grain, period_start, field, measure, part, whole
    from {{ ref('int_readiness__deliveries') }}
    union all
    -- A unit whose source delivered every day, but that has no row: silent, or left out.
    select
        p.contract, '*', p.level, p.unit_id, p.period_grain, p.period_start, '*', 'has_rows',
        cast(max(case when r.unit_id is not null then 1 else 0 end) as bigint), cast(1 as bigint)
    from unit_periods as p
    left join unit_rows as r
        on r.contract = p.contract and r.level = p.level and r.unit_id = p.unit_id
        and r.period_grain = p.period_grain and r.period_start = p.period_start
    group by p.contract, p.level, p.unit_id, p.period_grain, p.period_start
    union all
    select
        contract, '*', level, unit_id, period_grain, period_start, '*', 'one_source',
        max(row_count), cast(sum(row_count) as bigint)
    from unit_rows
    group by contract, level, unit_id, period_grain, period_start
    union all
    select
        contract, '*', level, unit_id, period_grain, period_start, '*', 'unbroken',
        cast(max(day_count) as bigint), cast(sum(day_count) as bigint)
    from stretches
    group by contract, level, unit_id, period_grain, period_start
),
valued as (
    select
        x.*, m.dimension, m.of_rows = 1 as is_of_rows,
        {{ readiness_share('x.measure', 'x.part', 'x.whole') }} as share
    from measured as x
    inner join {{ ref('readiness_measures') }} as m on m.measure = x.measure
    where x.whole > 0
),
graded as (
    select
        v.*,
        -- Fewer than ten rows say nothing about a source.
        case when v.is_of_rows and v.whole < 10 then null else {{ grade_of('v.share', 'm') }} end as grade
    from valued as v
    inner join {{ ref('readiness_measures') }} as m on m.measure = v.measure
)
select
    g.contract,
    g.source,
    g.level,
    g.unit_id,
    g.period_grain,
    g.period_start,
    g.field,
    g.dimension,
    g.measure,
    g.is_of_rows,
    m.counts = 1 as is_decisive,
    g.part,
    g.whole,
    cast(g.share as double) as value,
    g.grade,
    {{ grade_reason('g.grade', 'm', 'nb') }} as reason_nb,
    {{ grade_reason('g.grade', 'm', 'en') }} as reason_en
from graded as g
inner join {{ ref('readiness_measures') }} as m on m.measure = g.measure
