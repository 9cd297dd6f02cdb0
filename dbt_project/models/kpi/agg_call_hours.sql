{%- set follows = ['call', 'call_duplicate', 'call_cell'] -%}
{{ config(
    meta={'consumes': ['call', 'call_duplicate', 'call_cell']},
    pre_hook="{{ reset_consumed(['call', 'call_duplicate', 'call_cell']) }}",
    post_hook="{{ log_consumed(['call', 'call_duplicate', 'call_cell']) }}",
) }}
with hours as (
    select
        segment, event_date, hour_start_at, central_id, region_id,
        sum(case when segment = '113' then within_10s else within_120s end) as in_time,
        sum(case when segment = '113' then answered_valid else answered_valid + unanswered end) as measured,
        -- Of ten calls, how many the requirement lets be late.
        case when segment = '113' then 1 else 2 end as late_in_ten
    from {{ ref('agg_call_cells') }}
    where offered > 0 and {{ in_touched_periods('event_date', follows, 'month') }}
    group by segment, event_date, hour_start_at, central_id, region_id
),
judged as (
    -- In tenths of an hour, as whole numbers add up exactly. As many calls may be late as the requirement
    -- says, and that is seldom a whole number: of nine calls to 113 nine tenths of one. An hour with one late
    -- call more than the whole number meets the requirement for the fraction that is left.
    select
        segment, event_date, central_id, region_id,
        measured > 0 as is_measured,
        case
            when measured = 0 then 0
            when 10 * (measured - in_time) <= late_in_ten * measured then 10
            else greatest(0, late_in_ten * measured - 10 * (measured - in_time - 1))
        end as met_tenths
    from hours
)
select * from (
    {{ aggregate_family('call_hours', 'judged', follows) }}
) as a
where hours > 0
