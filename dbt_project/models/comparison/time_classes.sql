{{ config(contract={'enforced': true}) }}
{#- Answer and response times by class, as far as they may be seen. -#}
{%- set shown = 'w.item is null and h.item is null' -%}
with classes as (
    select c.*, 'call' as basis from {{ ref('agg_answer_classes') }} as c
    union all
    select c.*, 'alarm' as basis from {{ ref('agg_response_classes') }} as c
)
select
    a.measure,
    a.segment,
    a.period_grain,
    a.period_start,
    a.level,
    a.unit_id,
    a.class_no,
    l.over_s,
    l.to_s,
    case when {{ shown }} then a.n end as n,
    case when w.item is null then a.total end as total,
    case when {{ shown }} then 1e2 * a.n / a.total end as share,
    case when w.item is null then k.coverage end as coverage,
    case when {{ shown }} then 'ok' else 'suppressed' end as status,
    {{ period_of_parts() }}
from classes as a
inner join {{ ref('class_limits') }} as l
    on l.measure = a.measure and l.segment = a.segment and l.class_no = a.class_no
-- The percentiles of the same times.
inner join {{ ref('kpi_values') }} as k
    on k.segment = a.segment and k.period_grain = a.period_grain and k.period_start = a.period_start
    and k.level = a.level and k.unit_id = a.unit_id
    and (
        {%- for measure, kpi in {'answer_time': kpi_in_force('answer_time_median'), 'response_time': kpi_in_force('resp_median')}.items() %}
        a.measure = '{{ measure }}' and k.kpi_id = '{{ kpi.id }}' and k.kpi_version = {{ kpi.version }}{{ ' or' if not loop.last }}
        {%- endfor %}
    )
{{ parts_in_scope('a', 'a.measure', 'a.class_no', 'a.basis') }}
