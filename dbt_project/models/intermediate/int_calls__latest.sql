{{ config(
    incremental_strategy='keyed_changes',
    meta={
        'produces': 'call',
        'staging': "{{ ref('stg_lake__calls') }}",
        'key': ['source_system', 'source_id'],
        'change': {
            'source_system': 'source_system', 'source_id': 'source_id', 'group_id': 'chain_id',
            'first_date': 'event_date', 'last_date': 'event_date',
        },
    },
    pre_hook="{{ reset_load_log('call') }}",
    post_hook="{{ log_batches('call', ref('stg_lake__calls')) }}",
) }}
{{ latest_revisions(ref('stg_lake__calls'), 'call') }}
select
    source_system,
    source_id,
    revision,
    deleted as is_deleted,
    extract_at,
    event_date,
    service_line,
    direction,
    channel,
    central_id,
    home_central_id,
    ring_start_at,
    menu_end_at,
    -- Where a source tells neither, nobody knows who hung up in the menu.
    {{ is_mapped(['menu_end_at']) }} or {{ is_mapped(['queue_enter_at']) }} as is_menu_known,
    menu_end_at is not null or queue_enter_at is not null as has_left_menu,
    answered_at,
    ended_at,
    outcome,
    transferred_to,
    transfer_at,
    {{ is_mapped(['transferred_to', 'transfer_at']) }} as is_transfer_known,
    parent_call_id,
    chain_id,
    -- The number's pseudonym is needed to find the same call in two platforms, not to read.
    case when caller_pseudonym is not null then {{ row_hash(['caller_pseudonym']) }} end as caller_key,
    -- Where the caller was; a municipality read off the catchment says nothing about the scene.
    case when municipality_basis = 'CALLER_LOC' then municipality_code end as caller_municipality_code,
    is_test,
    has_order_warning,
    has_missing_warning,
    has_timing_warning,
    _file_id,
    _row_number,
    _batch_id,
    _sources
from latest
