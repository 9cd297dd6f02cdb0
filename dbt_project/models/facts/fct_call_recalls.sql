{%- set window_ms = 15 * 60 * 1000 -%}
{%- set follows = ['call', 'call_duplicate'] -%}
{#- A call can be the recall of one late on the day before: a call whose fifteen minutes reach into a
    touched date is looked at again, and no other call of its day. -#}
{{ config(
    materialized='incremental' if target.type == 'duckdb' else 'table',
    incremental_strategy='keyed_changes',
    on_schema_change='fail',
    contract={'enforced': true},
    meta={
        'produces': 'call_recall',
        'scope': "event_date in ({{ touched_dates(['call', 'call_duplicate']) }})
            or window_end_date in ({{ touched_dates(['call', 'call_duplicate']) }})",
        'change': {
            'source_system': 'source_system', 'source_id': 'source_id',
            'first_date': 'event_date', 'last_date': 'event_date',
        },
    },
    pre_hook=["{{ reset_load_log('call_recall') }}", "{{ reset_consumed(['call', 'call_duplicate']) }}"],
    post_hook=[
        "{{ log_derived('call_recall') }}",
        "{{ log_consumed(['call', 'call_duplicate']) }}",
    ],
) }}
{#- The fact is read twice rather than kept: the unanswered calls are few, the rest streams past. -#}
with unanswered as (
    select
        c.source_system, c.source_id, c.event_date, c.segment, c.caller_key, c.ring_start_at,
        case when {{ ms_between('c.ring_start_at', 'd.utc_end_at') }} <= {{ window_ms }}
            then {{ add_days('c.event_date', 1) }} else c.event_date end as window_end_date
    from {{ ref('fct_calls') }} as c
    inner join {{ ref('dim_date') }} as d on d.date_day = c.event_date
    where c.is_in_scope and not c.is_answered and c.caller_key is not null
    {%- if is_incremental() %}
        and c.event_date in ({{ neighbouring_dates(follows) }})
    {%- endif %}
)
select
    u.source_system,
    u.source_id,
    u.event_date,
    u.window_end_date,
    cast(min({{ ms_between('u.ring_start_at', 'c.ring_start_at') }}) as bigint) as recall_ms
from unanswered as u
inner join {{ ref('fct_calls') }} as c
    on c.caller_key = u.caller_key and c.segment = u.segment
    and {{ ms_between('u.ring_start_at', 'c.ring_start_at') }} between 1 and {{ window_ms }}
where c.is_in_scope
{%- if is_incremental() %}
    and c.event_date in ({{ neighbouring_dates(follows) }})
    and (
        u.event_date in ({{ touched_dates(follows) }})
        or u.window_end_date in ({{ touched_dates(follows) }})
    )
{%- endif %}
group by u.source_system, u.source_id, u.event_date, u.window_end_date
