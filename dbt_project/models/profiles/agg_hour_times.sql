{%- set follows = ['call', 'call_duplicate', 'call_passed_on'] -%}
{{ config(
    materialized='incremental' if target.type == 'duckdb' else 'table',
    incremental_strategy='touched_periods',
    on_schema_change='fail',
    meta={'consumes': ['call', 'call_duplicate', 'call_passed_on']},
    pre_hook="{{ reset_consumed(['call', 'call_duplicate', 'call_passed_on']) }}",
    post_hook=[
        "{{ drop_earlier_running_periods(['call', 'call_duplicate', 'call_passed_on']) }}",
        "{{ log_consumed(['call', 'call_duplicate', 'call_passed_on']) }}",
    ],
) }}
{#- Each percentile of a KPI, by hour of the week. -#}
{%- set wanted = {
    'answer_median': kpi_in_force('answer_time_median'),
    'answer_p90': kpi_in_force('answer_time_p90'),
    'talk_median': kpi_in_force('handling_time_median'),
} -%}
{%- set measures = {'handled': 'count(handling_ms)'} -%}
{%- for name, kpi in wanted.items() -%}
    {%- set column, share = percentile_of(kpi) -%}
    {%- do measures.update({name ~ '_ms': list_item(percentiles(column, [share]), 1)}) -%}
{%- endfor -%}
with calls as (
    select
        c.segment, c.event_date, c.region_id, c.central_id, c.answer_ms, c.handling_ms,
        {{ hour_of_week('c.hour_start_at', 'd') }} as hour_of_week
    from {{ ref('fct_call_durations') }} as c
    inner join {{ ref('dim_date') }} as d on d.date_day = c.event_date
),
times as (
    {{ aggregate_profiles('calls', follows, ['segment', 'hour_of_week'], kpi_families()['calls'].units, measures) }}
)
select
    segment, period_grain, period_start, level, unit_id, hour_of_week, handled
    {%- for name, kpi in wanted.items() %},
    {{ name }}_ms / {{ kpi.ms_per_unit }}e0 as {{ name }}
    {%- endfor %}
from times
