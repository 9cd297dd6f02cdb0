with months as (
    select distinct
        month_start, year_start,
        cast(year_number * 12 + extract(month from month_start) as integer) as month_no
    from {{ ref('dim_date') }}
)
{%- for grain in ['day', 'week', 'month', 'quarter', 'year'] %}
select '{{ grain }}' as period_grain, {{ grain }}_start as period_start, date_day
from {{ ref('dim_date') }}
union all
{%- endfor %}
select
    'tertial' as period_grain,
    cast({{ dbt.dateadd('month', '4 * cast(floor((extract(month from date_day) - 1) / 4) as integer)', 'year_start') }} as date)
        as period_start,
    date_day
from {{ ref('dim_date') }}
union all
-- From New Year to the end of each month.
select 'ytd' as period_grain, m.month_start as period_start, d.date_day
from {{ ref('dim_date') }} as d
inner join months as m on m.year_start = d.year_start and m.month_start >= d.month_start
union all
-- The twelve months up to the end of each month; there are days from the first month on.
select 'rolling12' as period_grain, k.month_start as period_start, d.date_day
from {{ ref('dim_date') }} as d
inner join months as m on m.month_start = d.month_start
inner join months as k on k.month_no between m.month_no and m.month_no + 11
where k.month_no >= (select min(month_no) from months) + 11
