{#- Periods by their grain, with their first and last date. -#}
{%- for grain in grains() %}
select
    '{{ grain }}' as period_grain,
    {{ grain }}_start as period_start,
    min(date_day) as first_date,
    max(date_day) as last_date,
    cast(count(*) as integer) as days_in_period
from {{ ref('dim_date') }}
group by {{ grain }}_start
{{ 'union all' if not loop.last }}
{%- endfor %}
