-- Known days of the clock change, and one ordinary day; a row is a day with the wrong length.
{{ config(tags=['reference']) }}
with known as (
    select cast('2025-03-30' as date) as date_day, 23 as hours_in_day
    union all select cast('2025-10-26' as date), 25
    union all select cast('2026-03-29' as date), 23
    union all select cast('2026-10-25' as date), 25
    union all select cast('2027-03-28' as date), 23
    union all select cast('2027-10-31' as date), 25
    union all select cast('2026-06-21' as date), 24
)
select k.*
from known as k
left join {{ ref('dim_date') }} as d using (date_day)
where d.hours_in_day is null or d.hours_in_day <> k.hours_in_day
