{#- The figures that may be seen: kpi_values without the grains and periods that are not released,
    and without the numbers of hidden cells. Everything that compares figures reads this. -#}
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
    case when h.kpi_id is null then v.{{ number }} end as {{ number }},
    {%- endfor %}
    case when h.kpi_id is null then v.status else 'suppressed' end as status,
    cast(null as {{ dbt.type_string() }}) as grade
from {{ ref('kpi_values') }} as v
inner join {{ source('disclosure', 'kpi_scope') }} as s
    on s.kpi_id = v.kpi_id and s.segment = v.segment and s.level = v.level
    and s.period_grain = v.period_grain and v.period_start <= s.last_period_start
left join {{ source('disclosure', 'kpi_hidden') }} as h
    on h.kpi_id = v.kpi_id and h.kpi_version = v.kpi_version and h.segment = v.segment
    and h.period_grain = v.period_grain and h.period_start = v.period_start
    and h.level = v.level and h.unit_id = v.unit_id
