{#- The figures that may be seen: kpi_values without the grains and periods that are not released,
    and without the numbers of hidden cells. Limits of percentiles are left out where they are too
    near the smallest or the largest observation. Everything that compares figures reads this. -#}
{%- set numbers = ['numerator', 'denominator', 'n', 'value', 'lower', 'upper', 'coverage'] -%}
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
    g.grade
from {{ ref('kpi_values') }} as v
inner join {{ source('disclosure', 'kpi_scope') }} as s
    on s.kpi_id = v.kpi_id and s.segment = v.segment and s.level = v.level
    and s.period_grain = v.period_grain and v.period_start <= s.last_period_start
    and s.is_unplaced = (v.unit_id = 'UNKNOWN')
left join {{ source('disclosure', 'kpi_hidden') }} as h
    on h.kpi_id = v.kpi_id and h.kpi_version = v.kpi_version and h.segment = v.segment
    and h.period_grain = v.period_grain and h.period_start = v.period_start
    and h.level = v.level and h.unit_id = v.unit_id
left join (
    -- The records a KPI rests on; data quality KPIs name them in the segment.
    select
        kpi_id, version, percentile,
        case when family in ('chain', 'chains') then 'chain' when contract <> 'segment' then contract end as contract
    from {{ ref('kpi_registry') }}
) as k on k.kpi_id = v.kpi_id and k.version = v.kpi_version
left join {{ source('disclosure', 'kpi_limits') }} as l
    on l.kpi_id = v.kpi_id and l.kpi_version = v.kpi_version
left join {{ ref('readiness_grades') }} as g
    on g.contract = coalesce(k.contract, v.segment) and g.level = v.level and g.unit_id = v.unit_id
    -- Days and weeks have the grade of the month they begin in.
    and g.period_grain = case when v.period_grain in ('day', 'week') then 'month' else v.period_grain end
    and g.period_start = case when v.period_grain in ('day', 'week')
        then {{ start_of('month', 'v.period_start') }} else v.period_start end
