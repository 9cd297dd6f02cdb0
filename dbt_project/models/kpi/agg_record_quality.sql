{%- set follows = ['record_quality'] -%}
{{ config(
    meta={'consumes': ['record_quality']},
    pre_hook="{{ reset_consumed(['record_quality']) }}",
    post_hook="{{ log_consumed(['record_quality']) }}",
) }}
{%- set levels = {
    'national': none, 'central': 'central_id', 'base': 'base_id', 'source_system': 'source_system',
} -%}
{%- set measures = {
    'row_count': 'cast(sum(f.row_count) as bigint)',
    'complete_count': 'cast(sum(f.complete_count) as bigint)',
    'order_breach_count': 'cast(sum(f.order_breach_count) as bigint)',
    'geo_unknown_count': 'cast(sum(f.geo_unknown_count) as bigint)',
} -%}
with records as (
    select
        *,
        case when unit_level = 'central' then unit_id end as central_id,
        case when unit_level = 'base' then unit_id end as base_id
    from {{ ref('fct_record_quality') }}
)
select * from (
    {{ aggregate_periods('records', follows, levels, measures, segment='contract') }}
) as a
where unit_id is not null
