-- depends_on: {{ ref('dim_date') }}, {{ ref('period_days') }}
{%- set follows = ['alarm', 'incident'] -%}
{{ config(
    materialized='incremental' if target.type == 'duckdb' else 'table',
    incremental_strategy='touched_periods',
    on_schema_change='fail',
    meta={'consumes': ['alarm', 'incident']},
    pre_hook="{{ reset_consumed(['alarm', 'incident']) }}",
    post_hook=[
        "{{ drop_earlier_running_periods(['alarm', 'incident']) }}",
        "{{ log_consumed(['alarm', 'incident']) }}",
    ],
) }}
{{ classes_of_times(
    'response_time', kpi_in_force('resp_median'), ref('fct_incidents'), follows, ['national', 'region', 'health_trust', 'municipality'],
) }}
