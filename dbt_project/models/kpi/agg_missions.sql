{%- set follows = ['alarm'] -%}
{{ config(
    meta={'consumes': ['alarm']},
    pre_hook="{{ reset_consumed(['alarm']) }}",
    post_hook="{{ log_consumed(['alarm']) }}",
) }}
with facts as (
    select * from {{ ref('fct_missions') }} where is_counted and {{ in_touched_periods('event_date', follows) }}
)
{{ aggregate_family('missions', 'facts', follows) }}
