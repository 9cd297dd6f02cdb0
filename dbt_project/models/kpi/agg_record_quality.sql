{%- set follows = contracts() + ['record_quality'] -%}
{{ config(
    meta={'consumes': contracts() + ['record_quality']},
    pre_hook="{{ reset_consumed(contracts() + ['record_quality']) }}",
    post_hook="{{ log_consumed(contracts() + ['record_quality']) }}",
) }}
with records as (
    select
        *,
        case when unit_level = 'central' then unit_id end as central_id,
        case when unit_level = 'base' then unit_id end as base_id
    from {{ ref('fct_record_quality') }}
    where {{ in_touched_periods('event_date', follows, 'month') }}
)
select * from (
    {{ aggregate_family('record_quality', 'records', follows) }}
) as a
where unit_id is not null
