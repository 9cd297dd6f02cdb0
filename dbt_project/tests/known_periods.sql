-- Periods whose dates are known; a row is one that begins, ends or lasts otherwise.
{{ config(tags=['reference']) }}
with known as (
    select 'tertial' as period_grain, '2025-05-01' as period_start, '2025-05-01' as first_date, '2025-08-31' as last_date, 123 as days
    union all select 'tertial', '2024-01-01', '2024-01-01', '2024-04-30', 121
    union all select 'tertial', '2025-09-01', '2025-09-01', '2025-12-31', 122
    union all select 'ytd', '2024-02-01', '2024-01-01', '2024-02-29', 60
    union all select 'ytd', '2025-01-01', '2025-01-01', '2025-01-31', 31
    union all select 'ytd', '2025-12-01', '2025-01-01', '2025-12-31', 365
    union all select 'rolling12', '2025-02-01', '2024-03-01', '2025-02-28', 365
    union all select 'rolling12', '2024-12-01', '2024-01-01', '2024-12-31', 366
    union all select 'week', '2025-12-29', '2025-12-29', '2026-01-04', 7
    union all select 'quarter', '2024-01-01', '2024-01-01', '2024-03-31', 91
)
select k.*
from known as k
left join {{ ref('dim_period') }} as p
    on p.period_grain = k.period_grain and p.period_start = cast(k.period_start as date)
where p.period_start is null
    or p.first_date <> cast(k.first_date as date)
    or p.last_date <> cast(k.last_date as date)
    or p.days_in_period <> k.days
