{%- set follows = ['video_session'] -%}
{{ config(
    meta={'consumes': ['video_session']},
    pre_hook="{{ reset_consumed(['video_session']) }}",
    post_hook="{{ log_consumed(['video_session']) }}",
) }}
with facts as (
    select * from {{ ref('fct_video_sessions') }} where {{ in_touched_periods('event_date', follows) }}
)
{{ aggregate_family('video', 'facts', follows) }}
