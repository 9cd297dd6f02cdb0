{%- set follows = ['call', 'call_duplicate', 'call_cell'] -%}
{{ config(
    meta={'consumes': ['call', 'call_duplicate', 'call_cell']},
    pre_hook="{{ reset_consumed(['call', 'call_duplicate', 'call_cell']) }}",
    post_hook="{{ log_consumed(['call', 'call_duplicate', 'call_cell']) }}",
) }}
with hours as (
    select
        segment, event_date, hour_start_at_v1, central_id_v1,
        sum(offered_v1) as offered,
        sum(case when segment = '113' then within_10s_v1 else within_120s_v1 end) as in_time,
        sum(case when segment = '113' then answered_valid_v1 else answered_valid_v1 + unanswered_v1 end) as counted,
        -- The statutory shares, in tenths: whole numbers compare exactly.
        case when segment = '113' then 9 else 8 end as tenths
    from {{ ref('agg_call_cells') }}
    where {{ in_touched_periods('event_date', follows, 'month') }}
    group by segment, event_date, hour_start_at_v1, central_id_v1
),
judged as (
    select
        segment, event_date,
        offered >= 5 as is_busy,
        offered >= 5 and counted > 0 as is_measured,
        offered >= 5 and counted > 0 and 10 * in_time >= tenths * counted as is_meeting
    from hours
)
select * from (
    {{ aggregate_family('call_hours_v1', 'judged', follows) }}
) as a
where busy > 0
