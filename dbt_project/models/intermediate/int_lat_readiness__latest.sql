{{ config(
    incremental_strategy='keyed_changes',
    meta={
        'produces': 'lat_readiness',
        'staging': "{{ ref('stg_lake__lat_readiness') }}",
        'key': ['source_system', 'source_id'],
        'change': {
            'source_system': 'source_system', 'source_id': 'source_id', 'group_id': 'resource_id',
            'first_date': 'event_date', 'last_date': 'last_date',
        },
    },
    pre_hook="{{ reset_load_log('lat_readiness') }}",
    post_hook="{{ log_batches('lat_readiness', ref('stg_lake__lat_readiness')) }}",
) }}
{{ latest_revisions(ref('stg_lake__lat_readiness'), 'lat_readiness') }}
select
    l.source_system,
    l.source_id,
    l.revision,
    l.deleted as is_deleted,
    l.extract_at,
    l.event_date,
    -- Local date of the interval's end; the UTC date or the day after.
    case when l.end_at >= d.utc_end_at then {{ add_days('d.date_day', 1) }} else d.date_day end as last_date,
    l.base_id,
    l.resource_id,
    l.vehicle,
    l.state,
    l.reason,
    {{ is_mapped(['reason']) }} as is_reason_known,
    l.attribution,
    {{ is_mapped(['attribution']) }} as is_attribution_known,
    l.start_at,
    l.end_at,
    l.has_order_warning,
    l.has_missing_warning,
    l.has_timing_warning,
    l._file_id,
    l._row_number,
    l._batch_id,
    l._sources
from latest as l
left join {{ ref('dim_date') }} as d on d.date_day = cast(l.end_at as date)
