-- depends_on: {{ ref('dim_date') }}
{%- set follows = ['call', 'call_duplicate', 'call_passed_on'] -%}
{#- A year of calls is read again every day for exact percentiles: these few columns of the calls
    that count are read in a tenth of the time that the fact, a view, takes. Four bytes to a duration:
    what percentiles sort is half as large, and where a duration is longer than the 24 days they hold,
    no percentile lies. -#}
{%- set longest = 2147483647 -%}
{{ config(
    materialized='incremental' if target.type == 'duckdb' else 'table',
    incremental_strategy='touched_periods',
    on_schema_change='fail',
    contract={'enforced': true},
    meta={'scope': "event_date in ({{ touched_dates(['call', 'call_duplicate', 'call_passed_on']) }})"},
    pre_hook="{{ reset_consumed(['call', 'call_duplicate', 'call_passed_on']) }}",
    post_hook="{{ log_consumed(['call', 'call_duplicate', 'call_passed_on']) }}",
) }}
select
    event_date,
    segment,
    date_trunc('hour', ring_start_at) as hour_start_at,
    counted_region_id as region_id,
    counted_central_id as central_id,
    {%- for column in ['answer_ms', 'answer_ms_v1', 'handling_ms'] %}
    cast(case when {{ column }} > {{ longest }} then {{ longest }} else {{ column }} end as integer) as {{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
from {{ ref('fct_calls') }}
where is_counted and is_answered_valid_v1
{%- if is_incremental() %}
    and event_date in ({{ touched_dates(follows) }})
{%- endif %}
