{{ config(materialized='view', contract={'enforced': true}, tags=['reference']) }}
{#- A completed mission has been at the scene: without that time it is not known how long it flew. -#}
{%- set is_timed_flight -%}
r.vehicle <> 'CAR' and r.outcome in ('COMPLETED', 'ABORTED') and not r.has_timing_warning
        and coalesce(r.is_flight_known, true)
        and r.airborne_at is not null and r.landed_at is not null
        and (r.outcome = 'ABORTED' or r.at_scene_at is not null)
        and (r.at_scene_at is null) = (r.left_scene_at is null)
        and (r.at_destination_at is null) = (r.left_destination_at is null)
{%- endset -%}
select
    r.source_system,
    r.source_id,
    r.revision,
    r.event_date,
    r.vehicle as segment,
    coalesce(u.unit_id, 'UNKNOWN') as base_id,
    r.base_id as reported_base_id,
    coalesce(u.region_id, 'UNKNOWN') as region_id,
    r.resource_id,
    r.requested_at,
    r.airborne_at,
    r.at_scene_at,
    r.urgency,
    r.outcome,
    r.reason,
    coalesce(r.is_reason_known, true) as is_reason_known,
    r.mission_type,
    case when r.outcome = 'COMPLETED' then r.patients end as patients,
    coalesce(r.is_patients_known, true) as is_patients_known,
    coalesce(r.is_flight_known, true) as is_flight_known,
    case when {{ is_timed_flight }} then
        greatest(0, {{ ms_between('r.airborne_at', 'r.landed_at') }}
            - {{ ground_ms('r.at_scene_at', 'r.left_scene_at') }}
            - {{ ground_ms('r.at_destination_at', 'r.left_destination_at') }})
    end as flight_ms,
    case when {{ is_timed_flight }} then
        1
        + case when r.left_scene_at is null then 0 else 1 end
        + case when r.left_destination_at is null then 0 else 1 end
    end as flights,
    r.alarm_source_id,
    r.vehicle = 'HELI' and r.urgency = 'RED' and r.outcome in ('COMPLETED', 'ABORTED') as is_reaction_base,
    case
        when r.vehicle = 'HELI' and r.urgency = 'RED' and r.outcome in ('COMPLETED', 'ABORTED')
            and not r.has_timing_warning
            then {{ interval_ms('r.requested_at', 'r.airborne_at') }}
    end as reaction_ms,
    case
        when r.outcome = 'COMPLETED' and not r.has_timing_warning
            then {{ interval_ms('r.requested_at', 'r.at_scene_at') }}
    end as response_ms,
    r.extract_at,
    r.has_order_warning,
    r.has_missing_warning,
    r.has_timing_warning,
    r._file_id,
    r._row_number,
    r._batch_id
from {{ ref('int_lat_requests__latest') }} as r
left join {{ ref('dim_unit') }} as u
    on u.unit_id = r.base_id and u.level = 'base'
    and r.event_date >= u.valid_from and r.event_date < u.valid_to
where not r.is_deleted
