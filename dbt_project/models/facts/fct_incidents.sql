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
        mission_type = 'ACUTE' and cancelled_at is null as is_active_acute,
        -- The response clock stops at the first ambulance, by road or sea; in the published times of
        -- municipalities at the first by road.
        mission_type = 'ACUTE' and cancelled_at is null and unit_type in ('CAR', 'BOAT') as is_ambulance,
        mission_type = 'ACUTE' and cancelled_at is null and unit_type = 'CAR' as is_car,
        at_scene_at is not null and not has_timing_warning as is_arrival_valid,
        cancelled_at is null and unit_type in ('CAR', 'BOAT') and at_scene_at is not null as is_reached
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
        {%- for column in ['central_id', 'municipality_id', 'county_id', 'health_trust_id', 'region_id',
            'municipality_union_id', 'event_municipality_id', 'event_county_id', 'centrality_class', 'urban_basis'] %}
        max(case when alert_order = 1 then {{ column }} end) as {{ column }},
        {%- endfor %}
        max(case when alert_order = 1 and is_urban then 1 when alert_order = 1 and not is_urban then 0 end) as urban_flag,
        max(case when alert_order = 1 and is_municipality_urban then 1
            when alert_order = 1 and not is_municipality_urban then 0 end) as municipality_urban_flag,
        min(received_at) as received_at,
        min(alerted_at) as first_alerted_at,
        -- Received in any mission decides the day; without it the first alert does.
        min(case when received_at is not null then event_date end) as received_date,
        min(event_date) as alerted_date,
        min(case urgency_last when 'RED' then 1 when 'YELLOW' then 2 when 'GREEN' then 3 else 4 end) as urgency_rank,
        {{ count_if('is_urgency_changed') }} > 0 as is_urgency_changed,
        count(*) as mission_count,
        {{ count_if('is_acute') }} as acute_count,
        {{ count_if('is_ambulance') }} as ambulance_count,
        {{ count_if('is_car') }} as car_count,
        -- What a broken row says is not believed; what the other units say is.
        min(case when not has_timing_warning then received_at end) as valid_received_at,
        min(case when not has_timing_warning then alerted_at end) as valid_alerted_at,
        min(case when is_ambulance and is_arrival_valid then at_scene_at end) as ambulance_scene_at,
        min(case when is_car and is_arrival_valid then at_scene_at end) as car_scene_at,
        min(case when is_active_acute and is_arrival_valid then at_scene_at end) as chain_scene_at,
        {{ count_if('is_reached') }} as reached_count,
        {{ count_if('is_reached and result is null') }} as reached_unknown_count,
        {{ count_if("result = 'CONVEYED'") }} as conveyed_count,
        {{ count_if("result = 'LEFT'") }} as left_count,
        {{ count_if("result = 'NO_PATIENT'") }} as no_patient_count,
        -- Superseded: one broken row kept the whole incident out.
        {{ count_if('is_acute and has_timing_warning') }} as acute_invalid_count_v1,
        {{ count_if('is_car and not is_arrival_valid') }} as car_invalid_count_v1,
        min(case when is_car then at_scene_at end) as car_scene_at_v1,
        {{ count_if('is_active_acute') }} as chain_count_v1,
        {{ count_if('is_active_acute and not is_arrival_valid') }} as chain_invalid_count_v1,
        min(case when is_active_acute then at_scene_at end) as chain_scene_at_v1
    from missions
    group by source_system, incident_id
),
flagged as (
    select
        *,
        urgency_rank = 1 as is_red,
        urgency_rank = 1 and not is_urgency_changed and ambulance_count > 0 as is_response_base,
        urgency_rank = 1 and not is_urgency_changed and valid_received_at is not null
            and ambulance_scene_at is not null as is_response_eligible,
        urgency_rank = 1 and not is_urgency_changed and car_count > 0 as is_car_base,
        urgency_rank = 1 and not is_urgency_changed and valid_received_at is not null
            and car_scene_at is not null as is_car_eligible,
        urgency_rank = 1 and not is_urgency_changed and car_count > 0
            and received_at is not null and car_invalid_count_v1 = 0 as is_response_eligible_v1,
        urgency_rank <= 2 and not is_urgency_changed and car_count > 0
            and received_at is not null and car_invalid_count_v1 = 0
            and centrality_class is not null and municipality_urban_flag is not null as is_standard_eligible_v1
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
    urban_basis,
    case municipality_urban_flag when 1 then true when 0 then false end as is_municipality_urban,
    case urgency_rank when 1 then 'RED' when 2 then 'YELLOW' when 3 then 'GREEN' else 'UNKNOWN' end as urgency,
    is_urgency_changed,
    is_red,
    received_at,
    first_alerted_at,
    cast(mission_count as integer) as mission_count,
    acute_count > 0 as has_acute_mission,
    is_response_base,
    is_response_eligible,
    case when is_response_eligible then {{ ms_between('valid_received_at', 'ambulance_scene_at') }} end as response_ms,
    case when is_response_eligible then {{ ms_between('valid_received_at', 'ambulance_scene_at') }} / 1e3 end
        as response_seconds,
    is_car_base,
    case when is_car_eligible then {{ ms_between('valid_received_at', 'car_scene_at') }} end as car_response_ms,
    is_response_eligible and centrality_class is not null and urban_flag is not null as is_standard_eligible,
    -- Over the limit of the place: 12 minutes in urban places, 25 elsewhere.
    case when is_response_eligible and centrality_class is not null and urban_flag is not null then
        {{ ms_between('valid_received_at', 'ambulance_scene_at') }} > case urban_flag when 1 then 720000 else 1500000 end
    end as is_late,
    case when acute_count > 0 then {{ ms_between('valid_received_at', 'valid_alerted_at') }} end as dispatch_ms,
    chain_scene_at,
    reached_count > 0 as is_reached,
    -- One unit that conveyed settles it; else every ambulance that came must say what came of it.
    case
        when reached_count = 0 then null
        when conveyed_count > 0 then 'CONVEYED'
        when reached_unknown_count > 0 then null
        when left_count > 0 then 'LEFT'
        when no_patient_count > 0 then 'NO_PATIENT'
    end as outcome,
    case when is_response_eligible_v1 then {{ ms_between('received_at', 'car_scene_at_v1') }} end as response_ms_v1,
    is_standard_eligible_v1,
    case when is_standard_eligible_v1 then
        {{ ms_between('received_at', 'car_scene_at_v1') }} > case municipality_urban_flag when 1 then 720000 else 1500000 end
    end as is_late_v1,
    case when acute_count > 0 and received_at is not null and acute_invalid_count_v1 = 0
        then {{ ms_between('received_at', 'first_alerted_at') }} end as dispatch_ms_v1,
    case when chain_count_v1 > 0 and chain_invalid_count_v1 = 0 then chain_scene_at_v1 end as chain_scene_at_v1
from flagged
