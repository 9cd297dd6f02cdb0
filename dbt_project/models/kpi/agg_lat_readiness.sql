{%- set follows = ['lat_readiness', 'lat_readiness_day'] -%}
{{ config(
    meta={'consumes': ['lat_readiness', 'lat_readiness_day']},
    pre_hook="{{ reset_consumed(['lat_readiness', 'lat_readiness_day']) }}",
    post_hook="{{ log_consumed(['lat_readiness', 'lat_readiness_day']) }}",
) }}
with facts as (
    select * from {{ ref('fct_lat_readiness') }} where {{ in_touched_periods('event_date', follows) }}
)
{{ aggregate_family('lat_readiness', 'facts', follows) }}
