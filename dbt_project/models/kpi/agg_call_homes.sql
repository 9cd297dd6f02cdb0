{%- set follows = ['call', 'call_duplicate', 'call_cell'] -%}
{{ config(
    meta={'consumes': ['call', 'call_duplicate', 'call_cell']},
    pre_hook="{{ reset_consumed(['call', 'call_duplicate', 'call_cell']) }}",
    post_hook="{{ log_consumed(['call', 'call_duplicate', 'call_cell']) }}",
) }}
with days as (
    select
        segment, event_date, home_central_id,
        sum(answered_with_home) as answered_with_home,
        sum(answered_elsewhere) as answered_elsewhere
    from {{ ref('agg_call_cells') }}
    where answered_with_home > 0 and {{ in_touched_periods('event_date', follows, 'month') }}
    group by segment, event_date, home_central_id
),
homes as (
    select
        d.segment, d.event_date, d.answered_with_home, d.answered_elsewhere,
        coalesce(u.unit_id, 'UNKNOWN') as central_id,
        coalesce(u.region_id, 'UNKNOWN') as region_id
    from days as d
    left join {{ ref('dim_unit') }} as u
        on u.unit_id = d.home_central_id and u.level = 'central'
        and d.event_date >= u.valid_from and d.event_date < u.valid_to
)
{{ aggregate_family('call_homes', 'homes', follows) }}
