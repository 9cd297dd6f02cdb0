{%- set follows = ['lat_request'] -%}
{{ config(
    meta={'consumes': ['lat_request']},
    pre_hook="{{ reset_consumed(['lat_request']) }}",
    post_hook="{{ log_consumed(['lat_request']) }}",
) }}
{%- set levels = {'national': none, 'region': 'region_id', 'base': 'base_id'} -%}
{%- set measures = {
    'requests': 'count(*)',
    'completed': count_if("f.outcome = 'COMPLETED'"),
    'declined': count_if("f.outcome = 'DECLINED'"),
    'aborted': count_if("f.outcome = 'ABORTED'"),
    'declined_weather': count_if("f.outcome = 'DECLINED' and f.reason = 'WEATHER'"),
    'reaction_base': count_if('f.is_reaction_base'),
    'reaction_valid': 'count(f.reaction_ms)',
    'reaction_ms_p90': percentile('f.reaction_ms', 0.9),
} -%}
{{ aggregate_periods(ref('fct_lat_requests'), follows, levels, measures, segment='segment') }}
