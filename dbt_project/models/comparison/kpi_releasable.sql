{#- The figures that may be seen: kpi_values without the grains and periods that are not released,
    and without the numbers of hidden cells. Limits of percentiles are left out where they are too
    near the smallest or the largest observation. Everything that compares figures reads this. -#}
{%- set numbers = ['numerator', 'denominator', 'n', 'value', 'lower', 'upper', 'coverage'] -%}
with registry as (
    -- The records a KPI rests on; data quality KPIs name them in the segment.
    select
        kpi_id, version, percentile,
        case when family in ('chain', 'chains') then 'chain' when contract <> 'segment' then contract end as contract,
        case when family in ({{ quoted(joint_bases()) }}) then family when contract <> 'segment' then contract end as basis
    from {{ ref('kpi_registry') }}
),
units as (
    select distinct basis, level, unit_id, source_set, settled_to from {{ ref('unit_sources') }}
),
grades as (
    select contract, level, unit_id, period_grain, period_start, grade from {{ ref('readiness_grades') }}
    union all
    -- Longer periods that are not graded by themselves are graded as the worst of their months.
    select g.contract, g.level, g.unit_id, p.period_grain, p.period_start, max(g.grade) as grade
    from {{ ref('readiness_grades') }} as g
    inner join {{ ref('period_days') }} as p
        on p.date_day = g.period_start and p.period_grain in ('tertial', 'ytd', 'rolling12')
    where g.period_grain = 'month'
    group by g.contract, g.level, g.unit_id, p.period_grain, p.period_start
),
days_measure as (
    select * from {{ ref('readiness_measures') }} where measure = 'days_delivered'
)
select
    v.kpi_id,
    v.kpi_version,
    v.segment,
    v.period_grain,
    v.period_start,
    v.level,
    v.unit_id,
    v.geography_version,
    {%- for number in numbers %}
    case when h.kpi_id is null
        {%- if number in ('lower', 'upper') %} and (k.percentile is null or v.n >= l.{{ number }}_from){% endif %} then v.{{ number }} end as {{ number }},
    {%- endfor %}
    case when h.kpi_id is null then v.status else 'suppressed' end as status,
    -- A period that is not wholly delivered is graded as the part of it that is, if not worse.
    case
        when coalesce(e.days_covered, 0) < p.days_in_period
            then greatest(g.grade, {{ grade_of('1e2 * coalesce(e.days_covered, 0) / p.days_in_period', 'm') }})
        else g.grade
    end as grade,
    coalesce(e.days_covered, 0) as days_covered,
    p.days_in_period,
    coalesce(e.days_covered, 0) < p.days_in_period as is_partial,
    case when p.last_date <= coalesce(u.settled_to, n.settled_to) then 'final' else 'provisional' end as maturity
from {{ ref('kpi_values') }} as v
inner join {{ source('disclosure', 'kpi_scope') }} as s
    on s.kpi_id = v.kpi_id and s.segment = v.segment and s.level = v.level
    and s.period_grain = v.period_grain and v.period_start <= s.last_period_start
    and s.is_unplaced = (v.unit_id = 'UNKNOWN')
left join {{ source('disclosure', 'kpi_hidden') }} as h
    on h.kpi_id = v.kpi_id and h.kpi_version = v.kpi_version and h.segment = v.segment
    and h.period_grain = v.period_grain and h.period_start = v.period_start
    and h.level = v.level and h.unit_id = v.unit_id
inner join registry as k on k.kpi_id = v.kpi_id and k.version = v.kpi_version
left join {{ source('disclosure', 'kpi_limits') }} as l
    on l.kpi_id = v.kpi_id and l.kpi_version = v.kpi_version and l.level = v.level
left join grades as g
    on g.contract = coalesce(k.contract, v.segment) and g.level = v.level and g.unit_id = v.unit_id
    -- Days and weeks have the grade of the month they begin in.
    and g.period_grain = case when v.period_grain in ('day', 'week') then 'month' else v.period_grain end
    and g.period_start = case when v.period_grain in ('day', 'week')
        then {{ start_of('month', 'v.period_start') }} else v.period_start end
inner join {{ ref('dim_period') }} as p
    on p.period_grain = v.period_grain and p.period_start = v.period_start
-- By the unit's sources, or those of the country where none is known.
left join units as u
    on u.basis = coalesce(k.basis, v.segment) and u.level = v.level and u.unit_id = v.unit_id
left join units as n
    on n.basis = coalesce(k.basis, v.segment) and n.level = 'national'
left join {{ ref('period_delivery') }} as e
    on e.basis = coalesce(k.basis, v.segment) and e.source_set = coalesce(u.source_set, n.source_set)
    and e.period_grain = v.period_grain and e.period_start = v.period_start
cross join days_measure as m
