{%- set follows = ['incident'] -%}
{{ config(
    meta={'consumes': ['incident']},
    pre_hook="{{ reset_consumed(['incident']) }}",
    post_hook="{{ log_consumed(['incident']) }}",
) }}
{%- set levels = {
    'national': none, 'region': 'region_id', 'health_trust': 'health_trust_id',
    'county': 'county_id', 'municipality': 'municipality_id', 'central': 'central_id',
} -%}
{%- set measures = {
    'incidents': 'count(*)',
    'red': count_if('f.is_red'),
    'urgency_known': count_if("f.urgency <> 'UNKNOWN'"),
    'urban_base': count_if('f.is_urban and f.is_response_base'),
    'urban_eligible': count_if('f.is_urban and f.is_response_eligible'),
    'urban_within_720s': count_if('f.is_urban and f.response_ms <= 720000'),
    'rural_base': count_if('not f.is_urban and f.is_response_base'),
    'rural_eligible': count_if('not f.is_urban and f.is_response_eligible'),
    'rural_within_1500s': count_if('not f.is_urban and f.response_ms <= 1500000'),
    'response_base': count_if('f.is_response_base'),
    'response_eligible': count_if('f.is_response_eligible'),
    'response_ms_percentiles': percentiles('f.response_ms', [0.5, 0.9]),
    'dispatch_base': count_if('f.has_acute_mission'),
    'dispatch_valid': 'count(f.dispatch_ms)',
    'dispatch_ms_p50': percentile('f.dispatch_ms', 0.5),
} -%}
{{ aggregate_periods(ref('fct_incidents'), follows, levels, measures) }}
