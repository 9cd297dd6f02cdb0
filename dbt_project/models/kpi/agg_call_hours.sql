{%- set follows = ['call', 'call_duplicate', 'call_cell'] -%}
{{ config(
    meta={'consumes': ['call', 'call_duplicate', 'call_cell']},
    pre_hook="{{ reset_consumed(['call', 'call_duplicate', 'call_cell']) }}",
    post_hook="{{ log_consumed(['call', 'call_duplicate', 'call_cell']) }}",
) }}
with hours as (
    select
        segment, event_date, hour_start_at, central_id, region_id,
        sum(offered) as offered,
        sum(case when segment = '113' then within_10s else within_120s end) as in_time,
        sum(case when segment = '113' then answered_valid else answered_valid + unanswered end) as counted,
        -- The statutory shares, in tenths: whole numbers compare exactly.
        case when segment = '113' then 9 else 8 end as tenths
    from {{ ref('agg_call_cells') }}
    where {{ in_touched_periods('event_date', follows, 'month') }}
    group by segment, event_date, hour_start_at, central_id, region_id
),
judged as (
    select
        segment, event_date, central_id, region_id,
        offered >= 5 as is_busy,
        offered >= 5 and counted > 0 as is_measured,
        offered >= 5 and counted > 0 and 10 * in_time >= tenths * counted as is_meeting
    from hours
)
select * from (
    {{ aggregate_family('call_hours', 'judged', follows) }}
) as a
where busy > 0
