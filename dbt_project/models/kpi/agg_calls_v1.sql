{%- set follows = ['call', 'call_duplicate', 'call_cell'] -%}
{{ config(
    meta={'consumes': ['call', 'call_duplicate', 'call_cell']},
    pre_hook="{{ reset_consumed(['call', 'call_duplicate', 'call_cell']) }}",
    post_hook="{{ log_consumed(['call', 'call_duplicate', 'call_cell']) }}",
) }}
with cells as (
    select * from {{ ref('agg_call_cells') }} where {{ in_touched_periods('event_date', follows, 'month') }}
)
{{ aggregate_family('calls_v1', 'cells', follows, times=ref('fct_call_durations')) }}
