{{ config(materialized='view', contract={'enforced': true}, tags=['reference']) }}
select
    v.source_system,
    v.source_id,
    v.revision,
    v.event_date,
    v.call_source_id,
    coalesce(u.unit_id, 'UNKNOWN') as central_id,
    v.central_id as reported_central_id,
    coalesce(u.region_id, 'UNKNOWN') as region_id,
    v.link_sent_at,
    v.connected_at,
    v.ended_at,
    v.status,
    v.status = 'CONNECTED' as is_connected,
    case
        when v.status = 'CONNECTED' and not v.has_timing_warning
            then {{ interval_ms('v.link_sent_at', 'v.connected_at') }}
    end as setup_ms,
    case
        when v.status = 'CONNECTED' and not v.has_timing_warning
            then {{ interval_ms('v.connected_at', 'v.ended_at') }}
    end as duration_ms,
    v.extract_at,
    v.has_order_warning,
    v.has_missing_warning,
    v.has_timing_warning,
    v._file_id,
    v._row_number,
    v._batch_id
from {{ ref('int_video_sessions__latest') }} as v
left join {{ ref('dim_unit') }} as u
    on u.unit_id = v.central_id and u.level = 'central'
    and v.event_date >= u.valid_from and v.event_date < u.valid_to
where not v.is_deleted
