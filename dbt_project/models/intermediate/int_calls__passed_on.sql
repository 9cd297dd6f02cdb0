-- depends_on: {{ ref('int_calls__latest') }}
{#- A change reaches the day after: calls further on in the chain are of the same day or the next. -#}
{{ config(
    incremental_strategy='keyed_changes',
    meta={
        'produces': 'call_passed_on',
        'scope': "parent_call_id in ({{ touched_parents() }})",
        'change': {
            'source_system': 'next_source_system', 'source_id': 'next_source_id',
            'first_date': 'least(first_event_date, next_event_date)',
            'last_date': "{{ add_days('greatest(first_event_date, next_event_date)', 1) }}",
        },
    },
    pre_hook=["{{ reset_load_log('call_passed_on') }}", "{{ reset_consumed(['call', 'call_duplicate']) }}"],
    post_hook=["{{ log_derived('call_passed_on') }}", "{{ log_consumed(['call', 'call_duplicate']) }}"],
) }}
with
{%- if is_incremental() %}
touched as (
    {{ touched_parents() }}
),
{%- endif %}
removed as (
    select distinct removed_source_system, removed_source_id, kept_source_system, kept_source_id
    from {{ ref('int_calls__duplicates') }}
),
firsts as (
    select c.*, {{ call_segment('c') }} as segment, {{ waits_from('c') }} as clock_start_at
    from {{ ref('int_calls__latest') }} as c
    where not c.is_deleted and c.outcome = 'TRANSFERRED_UNANSWERED' and {{ is_public_call('c', 'VOICE') }}
    {%- if is_incremental() %}
        and c.source_id in (select source_id from touched)
    {%- endif %}
),
nexts as (
    select c.source_system, c.source_id, c.event_date, c.parent_call_id, c.ring_start_at, {{ call_segment('c') }} as segment
    from {{ ref('int_calls__latest') }} as c
    left join removed as r
        on r.removed_source_system = c.source_system and r.removed_source_id = c.source_id
    where not c.is_deleted and c.parent_call_id is not null and {{ is_public_call('c', 'VOICE') }}
        and r.removed_source_id is null
    {%- if is_incremental() %}
        and c.parent_call_id in (select source_id from touched)
    {%- endif %}
),
named as (
    -- The call that a call names, in its own system rather than in another.
    select
        n.source_system as next_source_system, n.source_id as next_source_id, n.event_date as next_event_date,
        n.ring_start_at as next_ring_start_at, f.source_system, f.source_id, f.event_date, f.central_id,
        f.home_central_id, f.ring_start_at, f.clock_start_at, f.has_timing_warning,
        row_number() over (
            partition by n.source_system, n.source_id
            order by case when f.source_system = n.source_system then 0 else 1 end, f.source_system
        ) as choice
    from nexts as n
    inner join firsts as f
        on f.source_id = n.parent_call_id and f.segment = n.segment
        and {{ may_be_named('f.source_system', 'f.source_system = n.source_system') }}
        and {{ rings_on('f.ring_start_at', 'n.ring_start_at') }}
),
pairs as (
    select
        *,
        row_number() over (
            partition by source_system, source_id
            order by next_ring_start_at, next_source_system, next_source_id
        ) as number
    from named
    where choice = 1
)
select
    p.source_id as parent_call_id,
    -- The row of the first call that would count: where both platforms have it, the one that is kept.
    coalesce(r.kept_source_system, p.source_system) as first_source_system,
    coalesce(r.kept_source_id, p.source_id) as first_source_id,
    p.event_date as first_event_date,
    p.next_source_system,
    p.next_source_id,
    p.next_event_date,
    p.next_ring_start_at,
    p.ring_start_at as first_ring_start_at,
    coalesce(u.unit_id, 'UNKNOWN') as first_central_id,
    coalesce(u.region_id, 'UNKNOWN') as first_region_id,
    p.home_central_id as first_home_central_id,
    p.clock_start_at as first_clock_start_at,
    not p.has_timing_warning as is_first_timing_valid
from pairs as p
left join removed as r on r.removed_source_system = p.source_system and r.removed_source_id = p.source_id
left join {{ ref('dim_unit') }} as u
    on u.unit_id = p.central_id and u.level = 'central'
    and p.event_date >= u.valid_from and p.event_date < u.valid_to
where p.number = 1
