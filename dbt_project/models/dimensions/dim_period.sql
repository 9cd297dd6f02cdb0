select
    period_grain,
    period_start,
    min(date_day) as first_date,
    max(date_day) as last_date,
    cast(count(*) as integer) as days_in_period
from {{ ref('period_days') }}
group by period_grain, period_start
