{%- set follows = ['incident'] -%}
{{ config(
    meta={'consumes': ['incident']},
    pre_hook="{{ reset_consumed(['incident']) }}",
    post_hook="{{ log_consumed(['incident']) }}",
) }}
with facts as (
    select * from {{ ref('fct_incidents') }} where {{ in_touched_periods('event_date', follows) }}
)
{{ aggregate_family('incidents', 'facts', follows) }}
