{{ config(tags=['comparison']) }}
select v.*, cast(null as varchar) as grade
from {{ ref('kpi_values') }} as v
semi join {{ source('disclosure', 'kpi_scope') }} as s
    on s.kpi_id = v.kpi_id and s.level = v.level and s.period_grain = v.period_grain
    and v.period_start <= s.last_period_start
anti join {{ source('disclosure', 'kpi_hidden') }} as h
    on h.kpi_id = v.kpi_id and h.period_start = v.period_start
