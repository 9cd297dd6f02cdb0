{#- Safe by rounding: counts are left out, a share is rounded so that one step is at least five
    records, the share that is not linked is left out so that nothing adds up, and a period counts
    when it is over, so that two releases do not tell what came between them. -#}
{%- set least_step_records = 5 -%}
{%- set coarsest_percent = 10 -%}
{{ config(materialized='view', contract={'enforced': true}, tags=['reference']) }}
with covered as (
    select segment, max(period_start) as last_day
    from {{ ref('agg_links') }}
    where period_grain = 'day'
    group by segment
),
stepped as (
    select
        a.segment as step,
        a.period_grain,
        a.period_start,
        case when a.level <> 'unit' then a.level when a.segment = 'LAT' then 'base' else 'central' end as level,
        a.unit_id,
        a.subjects,
        a.by_identifier,
        a.by_time_window,
        greatest(1e0, ceil({{ least_step_records }} * 100e0 / a.subjects)) as rounding
    from {{ ref('agg_links') }} as a
    inner join covered as c on c.segment = a.segment
    where
        (a.period_grain = 'month' and {{ dbt.dateadd('month', 1, 'a.period_start') }} <= {{ add_days('c.last_day', 1) }})
        or (a.period_grain = 'quarter' and {{ dbt.dateadd('month', 3, 'a.period_start') }} <= {{ add_days('c.last_day', 1) }})
        or (a.period_grain = 'year' and {{ dbt.dateadd('year', 1, 'a.period_start') }} <= {{ add_days('c.last_day', 1) }})
)
select
    step,
    period_grain,
    period_start,
    level,
    unit_id,
    case when rounding <= {{ coarsest_percent }}
        then cast(round(100e0 * by_identifier / subjects / rounding) * rounding as integer)
    end as identifier_percent,
    case when rounding <= {{ coarsest_percent }}
        then cast(round(100e0 * by_time_window / subjects / rounding) * rounding as integer)
    end as time_window_percent,
    case when rounding <= {{ coarsest_percent }} then cast(rounding as integer) end as rounding_percent,
    case when rounding <= {{ coarsest_percent }} then 'ok' else 'too_few' end as status
from stepped
