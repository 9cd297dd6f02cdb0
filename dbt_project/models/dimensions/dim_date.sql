{%- set first_date = "cast('2000-01-01' as date)" -%}
{%- set digits = 'select 0 as d union all select 1 union all select 2 union all select 3 union all select 4
    union all select 5 union all select 6 union all select 7 union all select 8 union all select 9' -%}
with digits as (
    {{ digits }}
),
numbers as (
    select a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d as n
    from digits as a
    cross join digits as b
    cross join digits as c
    cross join digits as e
    cross join digits as f
),
days as (
    select {{ add_days(first_date, 'n') }} as date_day
    from numbers
    where n < 18263  -- 2000 to 2049
),
periods as (
    select
        date_day,
        {{ add_days('date_day', 1) }} as next_day,
        {{ start_of('week', 'date_day') }} as week_start,
        {{ start_of('month', 'date_day') }} as month_start,
        {{ start_of('quarter', 'date_day') }} as quarter_start,
        {{ start_of('year', 'date_day') }} as year_start
    from days
),
summer as (
    -- European summer time: from the last Sunday of March to the last Sunday of October,
    -- both at 01:00 UTC. The Sunday before 1 April and before 1 November.
    select
        *,
        {{ add_days(start_of('week', dbt.dateadd('month', 3, 'year_start')), -1) }} as summer_from,
        {{ add_days(start_of('week', dbt.dateadd('month', 10, 'year_start')), -1) }} as summer_to
    from periods
),
offsets as (
    -- Hours ahead of UTC at local midnight: the day of the change still begins in the old time.
    select
        *,
        case when date_day > summer_from and date_day <= summer_to then 2 else 1 end as start_offset,
        case when date_day >= summer_from and date_day < summer_to then 2 else 1 end as end_offset
    from summer
)
select
    date_day,
    date_day as day_start,
    week_start,
    month_start,
    quarter_start,
    year_start,
    cast(extract(year from date_day) as integer) as year_number,
    cast({{ dbt.datediff('year_start', dbt.dateadd('year', 1, 'year_start'), 'day') }} as integer) as days_in_year,
    {{ add_hours('cast(date_day as timestamp)', '-start_offset') }} as utc_start_at,
    {{ add_hours('cast(next_day as timestamp)', '-end_offset') }} as utc_end_at,
    24 + start_offset - end_offset as hours_in_day
from offsets
