{{ config(materialized='view', contract={'enforced': true}, tags=['reference']) }}
with missions as (
    select
        a.*,
        g.municipality_id,
        g.union_id,
        g.county_id,
        g.health_trust_id,
        g.region_id,
        g.is_urban as is_municipality_urban,
        g.centrality_class,
        coalesce(g.event_municipality_id, g.municipality_id) as event_municipality_id,
        coalesce(g.event_county_id, g.county_id) as event_county_id,
        u.unit_id as registered_central_id,
        a.mission_type in ('ACUTE', 'ORDERED', 'TRANSFER') as is_counted,
        a.cancelled_at is not null as is_cancelled,
        a.mission_type = 'ACUTE' as is_acute,
        a.mission_type in ('ACUTE', 'ORDERED', 'TRANSFER') and a.unit_type = 'CAR'
            and a.cancelled_at is null as is_active_car
    from {{ ref('int_alarms__latest') }} as a
    left join {{ ref('dim_scene_place') }} as g
        on g.from_code = a.scene_municipality_code
        and a.event_date >= g.valid_from and a.event_date < g.valid_to
    left join {{ ref('dim_unit') }} as u
        on u.unit_id = a.central_id and u.level = 'central'
        and a.event_date >= u.valid_from and a.event_date < u.valid_to
    where not a.is_deleted
)
select
    source_system,
    source_id,
    revision,
    event_date,
    incident_id,
    mission_id,
    unit_id as vehicle_id,
    unit_type,
    coalesce(registered_central_id, 'UNKNOWN') as central_id,
    central_id as reported_central_id,
    coalesce(municipality_id, 'UNKNOWN') as municipality_id,
    coalesce(county_id, 'UNKNOWN') as county_id,
    coalesce(health_trust_id, 'UNKNOWN') as health_trust_id,
    coalesce(region_id, 'UNKNOWN') as region_id,
    union_id as municipality_union_id,
    coalesce(event_municipality_id, 'UNKNOWN') as event_municipality_id,
    coalesce(event_county_id, 'UNKNOWN') as event_county_id,
    scene_municipality_code,
    -- Where the scene lies, where the source tells it, else what kind of municipality it is in.
    coalesce(scene_urban, is_municipality_urban) as is_urban,
    case when scene_urban is not null then 'SCENE' when is_municipality_urban is not null then 'MUNICIPALITY' end
        as urban_basis,
    is_municipality_urban,
    centrality_class,
    urgency_last,
    urgency_changed or urgency_first <> urgency_last as is_urgency_changed,
    mission_type,
    received_at,
    alerted_at,
    en_route_at,
    at_scene_at,
    departed_at,
    at_destination_at,
    available_at,
    cancelled_at,
    result,
    is_counted,
    coalesce(is_cancellation_known, true) as is_cancellation_known,
    is_counted and is_cancelled and at_scene_at is null as is_cancelled_before_scene,
    mission_type = 'ACUTE' and unit_type = 'CAR' and not (is_cancelled and en_route_at is null) as is_turnout_base,
    case
        when mission_type = 'ACUTE' and unit_type = 'CAR' and not has_timing_warning
            and not (is_cancelled and en_route_at is null)
            then {{ interval_ms('alerted_at', 'en_route_at') }}
    end as turnout_ms,
    is_active_car and is_acute as is_travel_base,
    is_active_car and is_acute and coalesce(result, '') = 'CONVEYED' as is_scene_base,
    is_active_car and coalesce(result, '') = 'CONVEYED' as is_turnaround_base,
    is_active_car as is_mission_time_base,
    is_active_car and at_scene_at is not null as is_scene_reached,
    case when is_active_car and is_acute and not has_timing_warning
        then {{ interval_ms('en_route_at', 'at_scene_at') }} end as travel_ms,
    case when is_active_car and is_acute and result = 'CONVEYED' and not has_timing_warning
        then {{ interval_ms('at_scene_at', 'departed_at') }} end as scene_ms,
    case when is_active_car and result = 'CONVEYED' and not has_timing_warning
        then {{ interval_ms('at_destination_at', 'available_at') }} end as turnaround_ms,
    case when is_active_car and not has_timing_warning
        then {{ interval_ms('alerted_at', 'available_at') }} end as mission_ms,
    extract_at,
    has_order_warning,
    has_missing_warning,
    has_timing_warning,
    _file_id,
    _row_number,
    _batch_id
from missions
