{{ config(
    incremental_strategy='keyed_changes',
    meta={
        'produces': 'lat_request',
        'staging': "{{ ref('stg_lake__lat_requests') }}",
        'key': ['source_system', 'source_id'],
        'change': {
            'source_system': 'source_system', 'source_id': 'source_id',
            'first_date': 'event_date', 'last_date': 'event_date',
        },
    },
    pre_hook="{{ reset_load_log('lat_request') }}",
    post_hook="{{ log_batches('lat_request', ref('stg_lake__lat_requests')) }}",
) }}
{{ latest_revisions(ref('stg_lake__lat_requests'), 'lat_request') }}
select
    source_system,
    source_id,
    revision,
    deleted as is_deleted,
    extract_at,
    event_date,
    requested_at,
    base_id,
    resource_id,
    vehicle,
    urgency,
    outcome,
    reason,
    {{ is_mapped(['reason']) }} as is_reason_known,
    airborne_at,
    at_scene_at,
    alarm_source_id,
    has_order_warning,
    has_missing_warning,
    has_timing_warning,
    _file_id,
    _row_number,
    _batch_id,
    _sources
from latest
