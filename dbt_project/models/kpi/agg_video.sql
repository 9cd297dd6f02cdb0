{%- set follows = ['video_session'] -%}
{{ config(
    meta={'consumes': ['video_session']},
    pre_hook="{{ reset_consumed(['video_session']) }}",
    post_hook="{{ log_consumed(['video_session']) }}",
) }}
{%- set levels = {'national': none, 'region': 'region_id', 'central': 'central_id'} -%}
{%- set measures = {
    'sessions': 'count(*)',
    'connected': count_if('f.is_connected'),
    'setup_valid': 'count(f.setup_ms)',
    'setup_ms_p50': percentile('f.setup_ms', 0.5),
} -%}
{{ aggregate_periods(ref('fct_video_sessions'), follows, levels, measures) }}
