{%- set follows = ['alarm', 'incident', 'chain_link'] -%}
{{ config(
    meta={'consumes': ['alarm', 'incident', 'chain_link']},
    pre_hook="{{ reset_consumed(['alarm', 'incident', 'chain_link']) }}",
    post_hook="{{ log_consumed(['alarm', 'incident', 'chain_link']) }}",
) }}
{{ aggregate_family('chains', ref('fct_chain_durations'), follows) }}
