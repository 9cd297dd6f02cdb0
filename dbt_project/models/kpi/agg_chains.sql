{%- set follows = ['incident', 'chain_link'] -%}
{{ config(
    meta={'consumes': ['incident', 'chain_link']},
    pre_hook="{{ reset_consumed(['incident', 'chain_link']) }}",
    post_hook="{{ log_consumed(['incident', 'chain_link']) }}",
) }}
{%- set levels = {
    'national': none, 'region': 'region_id', 'health_trust': 'health_trust_id',
    'county': 'county_id', 'central': 'central_id',
} -%}
{%- set measures = {
    'red': 'count(*)',
    'linked': count_if('f.is_linked'),
    'red_acute': count_if('f.has_acute_mission'),
    'chain_valid': 'count(f.chain_ms)',
    'chain_ms_p90': percentile('f.chain_ms', 0.9),
} -%}
with links as (
    select
        incident_source_system,
        incident_id,
        min(ring_start_at) as first_ring_at,
        {{ count_if('not is_timing_valid') }} as invalid_count
    from {{ ref('fct_chain_links') }}
    where {{ in_touched_periods('event_date', follows) }}
    group by incident_source_system, incident_id
),
incidents as (
    select
        i.event_date, i.region_id, i.health_trust_id, i.county_id, i.central_id,
        i.has_acute_mission,
        l.incident_id is not null as is_linked,
        case when i.has_acute_mission and l.invalid_count = 0
            then {{ ms_between('l.first_ring_at', 'i.chain_scene_at') }} end as chain_ms
    from {{ ref('fct_incidents') }} as i
    left join links as l
        on l.incident_source_system = i.source_system and l.incident_id = i.incident_id
    where i.is_red and {{ in_touched_periods('i.event_date', follows) }}
)
{{ aggregate_periods('incidents', follows, levels, measures) }}
