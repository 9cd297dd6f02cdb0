-- depends_on: {{ ref('int_calls__latest') }}
{{ config(
    materialized='incremental' if target.type == 'duckdb' else 'table',
    incremental_strategy='keyed_changes',
    on_schema_change='fail',
    contract={'enforced': true},
    meta={
        'produces': 'chain_link',
        'scope': "(incident_source_system, incident_id) in ({{ touched_chains() }})",
        'change': {
            'source_system': 'incident_source_system', 'group_id': 'incident_id',
            'first_date': 'event_date', 'last_date': 'event_date',
        },
    },
    pre_hook=["{{ reset_load_log('chain_link') }}", "{{ reset_consumed(['call', 'call_duplicate', 'incident']) }}"],
    post_hook=[
        "{{ log_derived('chain_link') }}",
        "{{ log_consumed(['call', 'call_duplicate', 'incident']) }}",
    ],
) }}
with incidents as (
    select source_system, incident_id, event_date, central_id from {{ ref('fct_incidents') }}
    {%- if is_incremental() %}
    where (source_system, incident_id) in ({{ touched_chains() }})
    {%- endif %}
),
by_identifier as (
    select
        i.source_system as incident_source_system,
        i.incident_id,
        i.event_date,
        c.source_system as call_source_system,
        c.source_id as call_source_id,
        c.event_date as call_event_date,
        c.parent_call_id,
        c.ring_start_at,
        not c.has_timing_warning as is_timing_valid
    from incidents as i
    inner join {{ ref('fct_calls') }} as c
        on c.chain_id = i.incident_id
        and {{ may_be_named('i.source_system', 'c.central_id = i.central_id') }}
    where c.is_in_scope and c.chain_id is not null
),
parents_sought as (
    select incident_source_system, incident_id, event_date, parent_call_id, call_source_system
    from by_identifier
    where parent_call_id is not null
    group by incident_source_system, incident_id, event_date, parent_call_id, call_source_system
),
{%- if is_incremental() %}
-- Asked for a span of dates the fact joins the calls of these to their units, else all there are.
parent_span as (
    select min(event_date) as first_date, max(event_date) as last_date
    from {{ ref('int_calls__latest') }}
    where source_id in (select parent_call_id from parents_sought)
),
{%- endif %}
-- The few calls that are sought are picked out before anything is joined to them.
parents as (
    select source_system, source_id, event_date, ring_start_at, has_timing_warning
    from {{ ref('fct_calls') }}
    where not is_duplicate and source_id in (select parent_call_id from parents_sought)
    {%- if is_incremental() %}
        and event_date between (select first_date from parent_span) and (select last_date from parent_span)
    {%- endif %}
),
by_parent as (
    select distinct
        s.incident_source_system,
        s.incident_id,
        s.event_date,
        c.source_system as call_source_system,
        c.source_id as call_source_id,
        c.event_date as call_event_date,
        c.ring_start_at,
        not c.has_timing_warning as is_timing_valid
    from parents_sought as s
    inner join parents as c
        on c.source_id = s.parent_call_id
        and {{ may_be_named('c.source_system', 'c.source_system = s.call_source_system') }}
    left join by_identifier as b
        on b.incident_source_system = s.incident_source_system and b.incident_id = s.incident_id
        and b.call_source_system = c.source_system and b.call_source_id = c.source_id
    where b.call_source_id is null
)
select
    incident_source_system, incident_id, event_date, call_source_system, call_source_id, call_event_date,
    'IDENTIFIER' as method, parent_call_id, ring_start_at, is_timing_valid
from by_identifier
union all
select
    incident_source_system, incident_id, event_date, call_source_system, call_source_id, call_event_date,
    'PARENT' as method, cast(null as string) as parent_call_id, ring_start_at, is_timing_valid
from by_parent
