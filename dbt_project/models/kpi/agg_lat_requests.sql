{%- set follows = ['lat_request'] -%}
{{ config(
    meta={'consumes': ['lat_request']},
    pre_hook="{{ reset_consumed(['lat_request']) }}",
    post_hook="{{ log_consumed(['lat_request']) }}",
) }}
with facts as (
    select * from {{ ref('fct_lat_requests') }} where {{ in_touched_periods('event_date', follows) }}
)
{{ aggregate_family('lat_requests', 'facts', follows) }}
