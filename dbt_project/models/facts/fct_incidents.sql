{{ config(
    materialized='incremental' if target.type == 'duckdb' else 'table',
    incremental_strategy='keyed_changes',
    on_schema_change='fail',
    contract={'enforced': true},
    meta={
        'produces': 'incident',
        'scope': "(source_system, incident_id) in (select source_system, group_id from {{ new_changes('alarm') }} as c)",
        'change': {
            'source_system': 'source_system', 'group_id': 'incident_id',
            'first_date': 'event_date', 'last_date': 'event_date',
        },
    },
    pre_hook=["{{ reset_load_log('incident') }}", "{{ reset_consumed(['alarm']) }}"],
    post_hook=["{{ log_derived('incident') }}", "{{ log_consumed(['alarm']) }}"],
) }}
with missions as (
    select
        *,
        row_number() over (
            partition by source_system, incident_id order by alerted_at, source_id
        ) as alert_order,
        mission_type = 'ACUTE' as is_acute,
        -- The response clock stops at the first ground ambulance.
        mission_type = 'ACUTE' and unit_type = 'CAR' and cancelled_at is null as is_response_mission,
        mission_type = 'ACUTE' and cancelled_at is null as is_chain_mission,
        at_scene_at is not null and not has_timing_warning as is_scene_valid
    from {{ ref('fct_missions') }}
    where is_counted
    {%- if is_incremental() %}
        and (source_system, incident_id) in (select source_system, group_id from {{ new_changes('alarm') }} as c)
    {%- endif %}
),
incidents as (
    select
        source_system,
        incident_id,
        max(case when alert_order = 1 then central_id end) as central_id,
        max(case when alert_order = 1 then municipality_id end) as municipality_id,
        max(case when alert_order = 1 then county_id end) as county_id,
        max(case when alert_order = 1 then health_trust_id end) as health_trust_id,
        max(case when alert_order = 1 then region_id end) as region_id,
        max(case when alert_order = 1 then municipality_union_id end) as municipality_union_id,
        max(case when alert_order = 1 then event_municipality_id end) as event_municipality_id,
        max(case when alert_order = 1 then event_county_id end) as event_county_id,
        max(case when alert_order = 1 then centrality_class end) as centrality_class,
        max(case when alert_order = 1 and is_urban then 1 when alert_order = 1 and not is_urban then 0 end) as urban_flag,
        min(received_at) as received_at,
        min(alerted_at) as first_alerted_at,
        -- Received in any mission decides the day; without it the first alert does.
        min(case when received_at is not null then event_date end) as received_date,
        min(event_date) as alerted_date,
        min(case urgency_last when 'RED' then 1 when 'YELLOW' then 2 when 'GREEN' then 3 else 4 end) as urgency_rank,
        {{ count_if('is_urgency_changed') }} > 0 as is_urgency_changed,
        count(*) as mission_count,
        {{ count_if('is_acute') }} as acute_count,
        {{ count_if('is_acute and has_timing_warning') }} as acute_invalid_count,
        {{ count_if('is_response_mission') }} as response_count,
        {{ count_if('is_response_mission and not is_scene_valid') }} as response_invalid_count,
        min(case when is_response_mission then at_scene_at end) as response_scene_at,
        {{ count_if('is_chain_mission') }} as chain_count,
        {{ count_if('is_chain_mission and not is_scene_valid') }} as chain_invalid_count,
        min(case when is_chain_mission then at_scene_at end) as chain_scene_at
    from missions
    group by source_system, incident_id
),
flagged as (
    select
        *,
        urgency_rank = 1 as is_red,
        urgency_rank = 1 and not is_urgency_changed and response_count > 0 as is_response_base,
        urgency_rank = 1 and not is_urgency_changed and response_count > 0
            and received_at is not null and response_invalid_count = 0 as is_response_eligible,
        urgency_rank <= 2 and not is_urgency_changed and response_count > 0
            and received_at is not null and response_invalid_count = 0
            and centrality_class is not null and urban_flag is not null as is_standard_eligible,
        acute_count > 0 and received_at is not null and acute_invalid_count = 0 as is_dispatch_valid
    from incidents
)
select
    source_system,
    incident_id,
    coalesce(received_date, alerted_date) as event_date,
    central_id,
    municipality_id,
    county_id,
    health_trust_id,
    region_id,
    municipality_union_id,
    event_municipality_id,
    event_county_id,
    centrality_class,
    case urban_flag when 1 then true when 0 then false end as is_urban,
    case urgency_rank when 1 then 'RED' when 2 then 'YELLOW' when 3 then 'GREEN' else 'UNKNOWN' end as urgency,
    is_urgency_changed,
    is_red,
    received_at,
    first_alerted_at,
    cast(mission_count as integer) as mission_count,
    acute_count > 0 as has_acute_mission,
    is_response_base,
    is_response_eligible,
    case when is_response_eligible then {{ ms_between('received_at', 'response_scene_at') }} end as response_ms,
    case when is_response_eligible then {{ ms_between('received_at', 'response_scene_at') }} / 1e3 end as response_seconds,
    is_standard_eligible,
    -- Over the limit of the place: 12 minutes in urban municipalities, 25 elsewhere.
    case when is_standard_eligible then
        {{ ms_between('received_at', 'response_scene_at') }} > case urban_flag when 1 then 720000 else 1500000 end
    end as is_late,
    case when is_dispatch_valid then {{ ms_between('received_at', 'first_alerted_at') }} end as dispatch_ms,
    case when chain_count > 0 and chain_invalid_count = 0 then chain_scene_at end as chain_scene_at
from flagged
