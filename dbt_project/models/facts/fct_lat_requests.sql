{{ config(materialized='view', contract={'enforced': true}, tags=['reference']) }}
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
