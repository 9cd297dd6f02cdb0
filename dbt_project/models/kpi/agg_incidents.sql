{%- set follows = ['incident'] -%}
{{ config(
    meta={'consumes': ['incident']},
    pre_hook="{{ reset_consumed(['incident']) }}",
    post_hook="{{ log_consumed(['incident']) }}",
) }}
{{ aggregate_family('incidents', ref('fct_incidents'), follows) }}
