{%- set follows = ['incident', 'chain_link'] -%}
{{ config(
    meta={'consumes': ['incident', 'chain_link']},
    pre_hook="{{ reset_consumed(['incident', 'chain_link']) }}",
    post_hook="{{ log_consumed(['incident', 'chain_link']) }}",
) }}
{{ aggregate_family('chains', ref('fct_chain_durations'), follows) }}
