{%- set follows = ['call', 'call_duplicate'] -%}
{{ config(
    meta={'consumes': ['call', 'call_duplicate']},
    pre_hook="{{ reset_consumed(['call', 'call_duplicate']) }}",
    post_hook="{{ log_consumed(['call', 'call_duplicate']) }}",
) }}
with texts as (
    select event_date, segment, region_id, central_id
    from {{ ref('fct_calls') }}
    where is_text_contact and {{ in_touched_periods('event_date', follows, 'month') }}
)
{{ aggregate_family('call_texts', 'texts', follows) }}
