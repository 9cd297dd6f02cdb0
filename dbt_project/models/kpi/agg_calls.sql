{%- set follows = ['call', 'call_duplicate', 'call_cell'] -%}
{{ config(
    meta={'consumes': ['call', 'call_duplicate', 'call_cell']},
    pre_hook="{{ reset_consumed(['call', 'call_duplicate', 'call_cell']) }}",
    post_hook="{{ log_consumed(['call', 'call_duplicate', 'call_cell']) }}",
) }}
with cells as (
    select * from {{ ref('agg_call_cells') }} where {{ in_touched_periods('event_date', follows) }}
),
{#- Named five times below, so the engine evaluates it once; measured at half the work of reading
    the fact for each grain. -#}
answered as (
    select event_date, segment, region_id, central_id, answer_ms, handling_ms
    from {{ ref('fct_calls') }}
    where is_in_scope and is_answered_valid and {{ in_touched_periods('event_date', follows) }}
),
counts as (
    {{ aggregate_family('calls', 'cells', follows, parts=['summed']) }}
),
times as (
    {{ aggregate_family('calls', 'answered', follows, parts=['quantiles']) }}
)
select c.*, {{ percentile_names('calls', 't') }}
from counts as c
left join times as t
    on t.segment = c.segment and t.period_grain = c.period_grain
    and t.period_start = c.period_start and t.level = c.level and t.unit_id = c.unit_id
