{%- set follows = ['alarm', 'incident'] -%}
{{ config(
    meta={'consumes': ['alarm', 'incident']},
    pre_hook="{{ reset_consumed(['alarm', 'incident']) }}",
    post_hook="{{ log_consumed(['alarm', 'incident']) }}",
) }}
{{ aggregate_family('incidents', ref('fct_incidents'), follows) }}
