{%- set follows = ['lat_readiness_day'] -%}
{{ config(
    meta={'consumes': ['lat_readiness_day']},
    pre_hook="{{ reset_consumed(['lat_readiness_day']) }}",
    post_hook="{{ log_consumed(['lat_readiness_day']) }}",
) }}
{%- set levels = {'national': none, 'region': 'region_id', 'base': 'base_id'} -%}
{%- set measures = {
    'resources': 'count(distinct f.resource_id)',
    'planned_ms': 'cast(sum(f.planned_ms) as bigint)',
    'ready_ms': 'cast(sum(f.ready_ms) as bigint)',
    'known_ms': 'cast(sum(f.known_ms) as bigint)',
} -%}
{{ aggregate_periods(ref('fct_lat_readiness'), follows, levels, measures, segment='segment') }}
