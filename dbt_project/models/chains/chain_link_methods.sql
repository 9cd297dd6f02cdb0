{#- Safe by rounding: counts are left out, a share is rounded so that one step is at least five
    records, and the share that is not linked is left out so that nothing adds up. -#}
{%- set least_step_records = 5 -%}
{%- set coarsest_percent = 10 -%}
{{ config(materialized='view', contract={'enforced': true}) }}
with stepped as (
    select
        segment as step,
        period_grain,
        period_start,
        case when level <> 'unit' then level when segment = 'LAT' then 'base' else 'central' end as level,
        unit_id,
        subjects,
        by_identifier,
        by_time_window,
        greatest(1e0, ceil({{ least_step_records }} * 100e0 / subjects)) as rounding
    from {{ ref('agg_links') }}
    where period_grain in ('month', 'quarter', 'year')
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
