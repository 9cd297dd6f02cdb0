{%- set follows = ['call', 'call_duplicate'] -%}
{{ config(
    meta={'consumes': ['call', 'call_duplicate']},
    pre_hook="{{ reset_consumed(['call', 'call_duplicate']) }}",
    post_hook="{{ log_consumed(['call', 'call_duplicate']) }}",
) }}
{%- set levels = {'national': none, 'region': 'region_id', 'central': 'central_id'} -%}
{%- set measures = {
    'offered': 'count(*)',
    'answered': count_if('f.is_answered'),
    'answered_valid': count_if('f.is_answered_valid'),
    'unanswered': count_if('not f.is_answered'),
    'unanswered_valid': count_if('f.is_unanswered_valid'),
    'within_10s': count_if('f.answer_ms <= 10000'),
    'within_120s': count_if('f.answer_ms <= 120000'),
    'within_600s': count_if('f.answer_ms <= 600000'),
    'answer_ms_sum': 'cast(sum(f.answer_ms) as bigint)',
    'answer_ms_percentiles': percentiles('f.answer_ms', [0.5, 0.9]),
    'handled': 'count(f.handling_ms)',
    'handling_ms_p50': percentile('f.handling_ms', 0.5),
    'abandoned_after_30s': count_if('f.wait_ms > 30000'),
    'abandoned_within_5s': count_if('f.wait_ms < 5000'),
    'transferred_to_amk': count_if('f.is_answered and f.is_transfer_to_amk'),
} -%}
{#- Named five times below, so the engine evaluates it once; measured at half the work of reading
    the fact for each grain. -#}
with calls as (
    select
        event_date, segment, region_id, central_id, is_answered, is_answered_valid,
        is_unanswered_valid, answer_ms, wait_ms, handling_ms, is_transfer_to_amk
    from {{ ref('fct_calls') }}
    where is_in_scope and {{ in_touched_periods('event_date', follows) }}
)
{{ aggregate_periods('calls', follows, levels, measures, segment='segment') }}
