{{ config(materialized='table', contract={'enforced': true}) }}
with measured as (
    select r.* from {{ ref('data_readiness') }} as r
),
covering as (
    -- Rejected rows cannot be told by unit: a unit shares the figure of the sources that cover it.
    select distinct contract, source, level, unit_id from {{ ref('int_readiness__units') }}
    union all
    select distinct contract, source, 'source_system', source_system from {{ ref('readiness_days') }}
),
unit_parts as (
    select contract, level, unit_id, period_grain, period_start, field, measure, part, whole
    from measured
    where level in ('central', 'base', 'source_system')
    union all
    select r.contract, c.level, c.unit_id, r.period_grain, r.period_start, r.field, r.measure, r.part, r.whole
    from measured as r
    inner join covering as c on c.contract = r.contract and c.source = r.source
    where r.level = 'source'
        and (r.measure = 'rows_accepted' or (r.measure = 'days_delivered' and c.level = 'source_system'))
),
parts as (
    select * from unit_parts
    union all
    select u.contract, 'region', d.region_id, u.period_grain, u.period_start, u.field, u.measure, u.part, u.whole
    from unit_parts as u
    inner join (select distinct unit_id, level, region_id from {{ ref('dim_unit') }}) as d
        on d.unit_id = u.unit_id and d.level = u.level
    -- What a single unit lacks says little of a region: only shares of rows and days add up.
    where u.measure not in ('has_rows', 'unbroken', 'one_source', 'rows_accepted')
    union all
    select distinct r.contract, 'region', d.region_id, r.period_grain, r.period_start, r.field, r.measure, r.part, r.whole
    from measured as r
    inner join covering as c on c.contract = r.contract and c.source = r.source
    inner join {{ ref('dim_unit') }} as d on d.unit_id = c.unit_id and d.level = c.level
    where r.level = 'source' and r.measure = 'rows_accepted'
    union all
    select contract, 'national', 'NO', period_grain, period_start, field, measure, part, whole
    from measured
    where level = 'source'
),
summed as (
    select
        contract, level, unit_id, period_grain, period_start, field, measure,
        sum(part) as part, sum(whole) as whole
    from parts
    group by contract, level, unit_id, period_grain, period_start, field, measure
),
shares as (
    select
        s.*, m.dimension_order, m.counts,
        case when m.of_rows = 1 and s.whole < 10 then null
            else {{ readiness_share('s.measure', 's.part', 's.whole') }} end as share
    from summed as s
    inner join {{ ref('readiness_measures') }} as m on m.measure = s.measure
),
ranked as (
    select
        s.contract, s.level, s.unit_id, s.period_grain, s.period_start, s.field, s.measure,
        {{ grade_of('s.share', 'm') }} as grade,
        s.dimension_order, s.counts, s.share,
        {{ grade_reason(grade_of('s.share', 'm'), 'm', 'nb') }} as reason_nb,
        {{ grade_reason(grade_of('s.share', 'm'), 'm', 'en') }} as reason_en
    from shares as s
    inner join {{ ref('readiness_measures') }} as m on m.measure = s.measure
    where s.share is not null
),
-- A chain figure rests on the alarms, and on how many of the urgent ones are linked to a call.
weighed as (
    select * from ranked where counts = 1
    union all
    select
        'chain' as contract, level, unit_id, period_grain, period_start, field, measure, grade,
        dimension_order, counts, share, reason_nb, reason_en
    from ranked
    where contract = 'alarm' and (counts = 1 or measure = 'is_linked')
),
worst as (
    select
        *,
        row_number() over (
            partition by contract, level, unit_id, period_grain, period_start
            order by grade desc, dimension_order, share, measure, field
        ) as position
    from weighed
),
units as (
    select
        contract, level, unit_id, period_grain, period_start, grade,
        case when field = '*' then reason_nb else concat(reason_nb, ' (', field, ')') end as reason_nb,
        case when field = '*' then reason_en else concat(reason_en, ' (', field, ')') end as reason_en
    from worst
    where position = 1
),
areas as (
    select distinct b.level, b.unit_id, r.unit_id as region_id
    from {{ ref('bridge_municipality_units') }} as b
    inner join {{ ref('bridge_municipality_units') }} as r
        on r.municipality_id = b.municipality_id and r.level = 'region'
        and r.valid_from < b.valid_to and r.valid_to > b.valid_from
    where b.level in ('health_trust', 'county', 'municipality')
),
in_areas as (
    -- Areas are graded as the region they lie in; one in several as the worst of them.
    select
        u.contract, a.level, a.unit_id, u.period_grain, u.period_start, u.grade, u.reason_nb, u.reason_en,
        row_number() over (
            partition by u.contract, a.level, a.unit_id, u.period_grain, u.period_start
            order by u.grade desc, u.unit_id
        ) as position
    from units as u
    inner join areas as a on a.region_id = u.unit_id
    where u.level = 'region' and u.contract in ('alarm', 'chain')
),
levels as (
    select level
    from (values ('region'), ('health_trust'), ('county'), ('municipality'), ('central'), ('base'))
        as l(level)
),
unplaced as (
    -- Events of no known place or unit are graded as the country, where their own rows are too few.
    select u.contract, l.level, 'UNKNOWN' as unit_id, u.period_grain, u.period_start, u.grade, u.reason_nb, u.reason_en
    from units as u
    cross join levels as l
    left join units as known
        on known.contract = u.contract and known.level = l.level and known.unit_id = 'UNKNOWN'
        and known.period_grain = u.period_grain and known.period_start = u.period_start
    where u.level = 'national' and known.unit_id is null
)
select contract, level, unit_id, period_grain, period_start, grade, reason_nb, reason_en from units
union all
select contract, level, unit_id, period_grain, period_start, grade, reason_nb, reason_en from in_areas where position = 1
union all
select contract, level, unit_id, period_grain, period_start, grade, reason_nb, reason_en from unplaced
