{{ config(
    incremental_strategy='keyed_changes',
    meta={
        'produces': 'video_session',
        'staging': "{{ ref('stg_lake__video_sessions') }}",
        'key': ['source_system', 'source_id'],
        'change': {
            'source_system': 'source_system', 'source_id': 'source_id',
            'first_date': 'event_date', 'last_date': 'event_date',
        },
    },
    pre_hook="{{ reset_load_log('video_session') }}",
    post_hook="{{ log_batches('video_session', ref('stg_lake__video_sessions')) }}",
) }}
{{ latest_revisions(ref('stg_lake__video_sessions'), 'video_session') }}
select
    source_system,
    source_id,
    revision,
    deleted as is_deleted,
    extract_at,
    event_date,
    call_source_id,
    central_id,
    link_sent_at,
    connected_at,
    ended_at,
    status,
    has_order_warning,
    has_missing_warning,
    has_timing_warning,
    _file_id,
    _row_number,
    _batch_id,
    _sources
from latest
