{%- set follows = ['alarm'] -%}
{{ config(
    meta={'consumes': ['alarm']},
    pre_hook="{{ reset_consumed(['alarm']) }}",
    post_hook="{{ log_consumed(['alarm']) }}",
) }}
{%- set levels = {
    'national': none, 'region': 'region_id', 'health_trust': 'health_trust_id',
    'county': 'county_id', 'municipality': 'municipality_id', 'central': 'central_id',
} -%}
{%- set measures = {
    'missions': count_if('f.is_counted'),
    'cancelled_before_scene': count_if('f.is_cancelled_before_scene'),
    'turnout_base': count_if('f.is_turnout_base'),
    'turnout_valid': 'count(f.turnout_ms)',
    'turnout_ms_p90': percentile('f.turnout_ms', 0.9),
} -%}
with missions as (
    select
        event_date, region_id, health_trust_id, county_id, municipality_id, municipality_union_id,
        central_id, is_counted, is_cancelled_before_scene, is_turnout_base, turnout_ms
    from {{ ref('fct_missions') }}
    where is_counted and {{ in_touched_periods('event_date', follows) }}
)
{{ aggregate_periods('missions', follows, levels, measures) }}
