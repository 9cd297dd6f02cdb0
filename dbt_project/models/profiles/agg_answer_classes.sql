-- depends_on: {{ ref('dim_date') }}, {{ ref('period_days') }}
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
{{ classes_of_times(
    'answer_time', kpi_in_force('answer_time_median'), ref('fct_call_durations'), follows, ['national', 'region', 'central'],
) }}
