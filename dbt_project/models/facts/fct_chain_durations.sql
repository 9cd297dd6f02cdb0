-- depends_on: {{ ref('dim_date') }}
{%- set follows = ['incident', 'chain_link'] -%}
{{ config(
    materialized='incremental' if target.type == 'duckdb' else 'table',
    incremental_strategy='touched_periods',
    on_schema_change='fail',
    contract={'enforced': true},
    meta={'scope': "event_date in ({{ touched_dates(['incident', 'chain_link']) }})"},
    pre_hook="{{ reset_consumed(['incident', 'chain_link']) }}",
    post_hook="{{ log_consumed(['incident', 'chain_link']) }}",
) }}
{#- Time-window links are for finding, not for figures: the KPIs rest on identifiers. #}
with links as (
    select
        incident_source_system, incident_id, call_source_system, call_source_id, call_event_date, method,
        parent_call_id, ring_start_at, is_timing_valid
    from {{ ref('fct_chain_links') }}
    where method in ('IDENTIFIER', 'PARENT')
    {%- if is_incremental() %}
        and event_date in ({{ touched_dates(follows) }})
    {%- endif %}
),
contacts as (
    select
        incident_source_system,
        incident_id,
        min(ring_start_at) as first_ring_at,
        count(*) as contact_count,
        {{ count_if('not is_timing_valid') }} as invalid_count
    from links
    group by incident_source_system, incident_id
),
answers as (
    select
        l.incident_source_system, l.incident_id, l.call_source_id, l.method, l.parent_call_id,
        c.answered_at, c.segment, c.is_answered_valid
    from links as l
    inner join {{ ref('fct_calls') }} as c
        on c.source_system = l.call_source_system and c.source_id = l.call_source_id
    where c.is_answered and c.segment is not null
    {%- if is_incremental() %}
        and c.event_date between (select min(call_event_date) from links) and (select max(call_event_date) from links)
    {%- endif %}
),
handovers as (
    -- A 113 call that names the incident and came from a 116117 call, which may name it as well.
    select
        a.incident_source_system,
        a.incident_id,
        min(a.answered_at) as amk_answered_at,
        min(p.answered_at) as lvs_answered_at,
        {{ count_if('not (a.is_answered_valid and p.is_answered_valid)') }} as invalid_count
    from answers as a
    inner join answers as p
        on p.incident_source_system = a.incident_source_system and p.incident_id = a.incident_id
        and p.call_source_id = a.parent_call_id
    where a.method = 'IDENTIFIER' and a.segment = '113' and p.segment = '116117'
    group by a.incident_source_system, a.incident_id
)
select
    i.event_date,
    i.region_id,
    i.health_trust_id,
    i.county_id,
    i.central_id,
    i.has_acute_mission,
    l.incident_id is not null as is_linked,
    l.contact_count,
    h.incident_id is not null as is_handover,
    case when i.has_acute_mission and l.invalid_count = 0
        then {{ ms_between('l.first_ring_at', 'i.chain_scene_at') }} end as chain_ms,
    case when i.has_acute_mission and l.invalid_count = 0
        then {{ ms_between('l.first_ring_at', 'i.chain_scene_at_v1') }} end as chain_ms_v1,
    -- An answer before the one it came from is a clock fault, not a duration.
    case when h.invalid_count = 0 and h.amk_answered_at >= h.lvs_answered_at
        then {{ ms_between('h.lvs_answered_at', 'h.amk_answered_at') }} end as handover_ms
from {{ ref('fct_incidents') }} as i
left join contacts as l
    on l.incident_source_system = i.source_system and l.incident_id = i.incident_id
left join handovers as h
    on h.incident_source_system = i.source_system and h.incident_id = i.incident_id
where i.is_red
{%- if is_incremental() %}
    and i.event_date in ({{ touched_dates(follows) }})
{%- endif %}
