-- depends_on: {{ ref('dim_date') }}, {{ ref('stg_lake__calls') }}, {{ ref('stg_lake__alarms') }}
-- depends_on: {{ ref('stg_lake__video_sessions') }}, {{ ref('stg_lake__lat_requests') }}
-- depends_on: {{ ref('stg_lake__lat_readiness') }}, {{ ref('fct_chain_links') }}
{%- set sources = readiness_sources() -%}
{%- set keys = ['event_date', 'source_system', '_batch_id', 'unit_code'] -%}
{{ config(
    materialized='incremental' if target.type == 'duckdb' else 'table',
    incremental_strategy='keyed_changes',
    on_schema_change='fail',
    contract={'enforced': true},
    meta={
        'produces': 'record_readiness',
        'scope': "(contract, event_date) in ({{ touched_readiness() }})",
        'change': {'group_id': 'contract', 'first_date': 'event_date', 'last_date': 'event_date'},
    },
    pre_hook=[
        "{{ reset_load_log('record_readiness') }}",
        "{{ reset_consumed(contracts() + ['chain_link']) }}",
    ],
    post_hook=[
        "{{ log_derived('record_readiness') }}",
        "{{ log_consumed(contracts() + ['chain_link']) }}",
    ],
) }}
with sources as (
    {{ batch_sources() }}
),
{%- for contract, s in sources.items() %}
{{ contract }}_rows as (
    select
        event_date, source_system, _batch_id, {{ s['unit'] }} as unit_code,
        {%- for field, measure, part, whole in readiness_counts(contract) %}
        {{ part }} as part_{{ loop.index }},
        {{ whole }} as whole_{{ loop.index }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref(s['latest']) }}
    where not is_deleted and {{ in_touched_readiness(contract, 'event_date') }}
    group by event_date, source_system, _batch_id, {{ s['unit'] }}
),
{%- endfor %}
-- References to the next step, and whether there is a record at the other end within a day.
named_chains as (
    select source_system, source_id, event_date, _batch_id, central_id, chain_id
    from {{ ref('int_calls__latest') }}
    where not is_deleted and chain_id is not null and {{ in_touched_readiness('call', 'event_date') }}
),
found_chains as (
    select distinct c.source_system, c.source_id
    from named_chains as c
    inner join {{ ref('int_alarms__latest') }} as a
        on a.incident_id = c.chain_id and {{ near('a.event_date', 'c.event_date') }}
    where not a.is_deleted
),
handed_over as (
    select c.source_system, c.source_id, c.event_date, c._batch_id, c.central_id
    from {{ ref('int_calls__latest') }} as c
    inner join {{ ref('dim_unit') }} as u
        on u.unit_id = c.transferred_to and u.unit_kind = 'AMK'
        and c.event_date >= u.valid_from and c.event_date < u.valid_to
    where not c.is_deleted and not c.is_test and c.service_line in ('116117', 'LOCAL8')
        and c.outcome = 'ANSWERED' and c.transfer_at is not null
        and {{ in_touched_readiness('call', 'c.event_date') }}
),
taken_over as (
    select distinct p.source_system, p.source_id
    from handed_over as p
    inner join {{ ref('int_calls__latest') }} as c
        on c.parent_call_id = p.source_id and {{ near('c.event_date', 'p.event_date') }}
    where not c.is_deleted and c.parent_call_id is not null
        and {{ in_touched_readiness('call', 'c.event_date', margin=2) }}
),
urgent_missions as (
    select source_system, source_id, event_date, _batch_id, central_id, incident_id
    from {{ ref('int_alarms__latest') }}
    where not is_deleted and urgency_last = 'RED' and mission_type in ('ACUTE', 'ORDERED', 'TRANSFER')
        and {{ in_touched_readiness('alarm', 'event_date') }}
),
called_missions as (
    select distinct m.source_system, m.source_id
    from urgent_missions as m
    inner join {{ ref('fct_chain_links') }} as l
        on l.incident_source_system = m.source_system and l.incident_id = m.incident_id
        and {{ near('l.event_date', 'm.event_date') }}
    where l.method in ('IDENTIFIER', 'PARENT')
),
sessions as (
    select source_system, source_id, event_date, _batch_id, central_id, call_source_id
    from {{ ref('int_video_sessions__latest') }}
    where not is_deleted and {{ in_touched_readiness('video_session', 'event_date') }}
),
called_sessions as (
    select distinct v.source_system, v.source_id
    from sessions as v
    inner join {{ ref('int_calls__latest') }} as c
        on c.source_id = v.call_source_id and {{ near('c.event_date', 'v.event_date') }}
    where not c.is_deleted and {{ in_touched_readiness('video_session', 'c.event_date', margin=2) }}
),
requests as (
    select source_system, source_id, event_date, _batch_id, base_id, alarm_source_id
    from {{ ref('int_lat_requests__latest') }}
    where not is_deleted and outcome <> 'DECLINED' and {{ in_touched_readiness('lat_request', 'event_date') }}
),
alarmed_requests as (
    select distinct r.source_system, r.source_id
    from requests as r
    inner join {{ ref('int_alarms__latest') }} as a
        on a.source_id = r.alarm_source_id and {{ near('a.event_date', 'r.event_date') }}
    where not a.is_deleted
),
{%- set links = [
    ('call', 'chain_id', 'is_linked', 'named_chains', 'central_id', 'found_chains', none),
    ('call', 'parent_call_id', 'is_linked', 'handed_over', 'central_id', 'taken_over', none),
    ('alarm', 'incident_id', 'is_linked', 'urgent_missions', 'central_id', 'called_missions', none),
    ('video_session', 'call_source_id', 'has_reference', 'sessions', 'central_id', none, 'call_source_id'),
    ('video_session', 'call_source_id', 'is_linked', 'sessions', 'central_id', 'called_sessions', none),
    ('lat_request', 'alarm_source_id', 'has_reference', 'requests', 'base_id', none, 'alarm_source_id'),
    ('lat_request', 'alarm_source_id', 'is_linked', 'requests', 'base_id', 'alarmed_requests', none),
] %}
counted as (
    {%- for contract, s in sources.items() %}
    {%- set counts = readiness_counts(contract) %}
    select
        '{{ contract }}' as contract, r.event_date, r.source_system, r._batch_id, r.unit_code,
        m.field, m.measure,
        case m.position
            {%- for _ in counts %}
            when {{ loop.index }} then r.part_{{ loop.index }}
            {%- endfor %}
        end as part,
        case m.position
            {%- for _ in counts %}
            when {{ loop.index }} then r.whole_{{ loop.index }}
            {%- endfor %}
        end as whole
    from {{ contract }}_rows as r
    cross join (
        {%- for field, measure, part, whole in counts %}
        select {{ loop.index }} as position, '{{ field }}' as field, '{{ measure }}' as measure{{ ' union all' if not loop.last }}
        {%- endfor %}
    ) as m
    union all
    {%- endfor %}
    {%- for contract, field, measure, relation, unit, found, column in links %}
    select
        '{{ contract }}', r.event_date, r.source_system, r._batch_id, r.{{ unit }},
        '{{ field }}', '{{ measure }}',
        {{ count_if('f.source_id is not null' if found else 'r.' ~ column ~ ' is not null') }}, count(*)
    from {{ relation }} as r
    {%- if found %}
    left join {{ found }} as f on f.source_system = r.source_system and f.source_id = r.source_id
    {%- endif %}
    group by r.event_date, r.source_system, r._batch_id, r.{{ unit }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
    union all
    -- A municipality code is known when it leads to a current municipality, or to the parts of a split one.
    select
        'alarm', r.event_date, r.source_system, r._batch_id, r.central_id, 'scene_municipality_code', 'place_known',
        {{ count_if('g.from_code is not null') }}, count(*)
    from {{ ref('int_alarms__latest') }} as r
    left join (select distinct from_code from {{ ref('int_municipality_targets') }}) as g
        on g.from_code = r.scene_municipality_code
    where not r.is_deleted and {{ in_touched_readiness('alarm', 'r.event_date') }}
    group by r.event_date, r.source_system, r._batch_id, r.central_id
),
registered as (
    select
        c.contract, c.event_date, s.source, {{ system_name('c.source_system') }} as source_system,
        case when c.contract in ('call', 'alarm', 'video_session') then 'central' else 'base' end as unit_level,
        coalesce(u.unit_id, 'UNKNOWN') as unit_id,
        c.field, c.measure, c.part, c.whole
    from counted as c
    inner join sources as s on s.batch_id = c._batch_id
    left join {{ ref('dim_unit') }} as u
        on u.unit_id = c.unit_code
        and u.level = case when c.contract in ('call', 'alarm', 'video_session') then 'central' else 'base' end
        and c.event_date >= u.valid_from and c.event_date < u.valid_to
    where c.whole > 0
)
select
    contract, event_date, source, source_system, unit_level, unit_id, field, measure,
    cast(sum(part) as bigint) as part,
    cast(sum(whole) as bigint) as whole
from registered
group by contract, event_date, source, source_system, unit_level, unit_id, field, measure
