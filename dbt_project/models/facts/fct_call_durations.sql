-- depends_on: {{ ref('dim_date') }}
{%- set follows = ['call', 'call_duplicate', 'call_passed_on'] -%}
{#- A year of calls is read again every day for exact percentiles: these few columns of the calls
    that count are read in a tenth of the time that the fact, a view, takes. -#}
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
    counted_region_id as region_id,
    counted_central_id as central_id,
    answer_ms,
    answer_ms_v1,
    handling_ms
from {{ ref('fct_calls') }}
where is_counted and is_answered_valid_v1
{%- if is_incremental() %}
    and event_date in ({{ touched_dates(follows) }})
{%- endif %}
