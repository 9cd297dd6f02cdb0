{{ config(materialized='view', contract={'enforced': true}, tags=['reference']) }}
with removed as (
    select distinct removed_source_system, removed_source_id from {{ ref('int_calls__duplicates') }}
),
calls as (
    select
        c.*,
        case when c.service_line = '113' then '113' when c.service_line in ('116117', 'LOCAL8') then '116117' end as segment,
        -- Announcement and menu of 116117 do not count as waiting.
        case when c.service_line = '113' then c.ring_start_at else coalesce(c.menu_end_at, c.ring_start_at) end as clock_start_at,
        coalesce(u.unit_id, 'UNKNOWN') as registered_central_id,
        coalesce(u.region_id, 'UNKNOWN') as region_id,
        r.removed_source_id is not null as is_duplicate,
        coalesce(t.unit_kind, '') = 'AMK' as is_transfer_to_amk,
        coalesce(t.unit_kind, '') = 'LVS' as is_transfer_to_lvs,
        c.outcome = 'ANSWERED' as is_answered
    from {{ ref('int_calls__latest') }} as c
    left join {{ ref('dim_unit') }} as u
        on u.unit_id = c.central_id and u.level = 'central'
        and c.event_date >= u.valid_from and c.event_date < u.valid_to
    left join {{ ref('dim_unit') }} as t
        on t.unit_id = c.transferred_to and t.unit_kind in ('AMK', 'LVS')
        and c.transfer_at is not null
        and c.event_date >= t.valid_from and c.event_date < t.valid_to
    left join removed as r
        on r.removed_source_system = c.source_system and r.removed_source_id = c.source_id
    where not c.is_deleted
),
flagged as (
    select
        *,
        segment is not null and direction = 'INBOUND' and channel = 'VOICE' and not is_test
            and outcome <> 'TECHNICAL' and not is_duplicate as is_in_scope,
        segment is not null and direction = 'INBOUND' and channel = 'SMS' and not is_test
            and outcome <> 'TECHNICAL' and not is_duplicate as is_text_contact,
        is_answered and answered_at is not null and not has_timing_warning as is_answered_valid,
        not is_answered and ended_at is not null and not has_timing_warning as is_unanswered_valid
    from calls
)
select
    source_system,
    source_id,
    revision,
    event_date,
    segment,
    service_line,
    direction,
    channel,
    registered_central_id as central_id,
    central_id as reported_central_id,
    home_central_id,
    region_id,
    ring_start_at,
    clock_start_at,
    answered_at,
    ended_at,
    outcome,
    transferred_to,
    transfer_at,
    parent_call_id,
    chain_id,
    caller_key,
    caller_municipality_code,
    is_test,
    is_duplicate,
    is_in_scope,
    is_text_contact,
    is_answered,
    is_answered_valid,
    is_unanswered_valid,
    coalesce(is_transfer_known, true) as is_transfer_known,
    is_transfer_to_amk,
    is_transfer_to_lvs,
    case when is_answered_valid then {{ interval_ms('clock_start_at', 'answered_at') }} end as answer_ms,
    case when is_unanswered_valid then {{ interval_ms('clock_start_at', 'ended_at') }} end as wait_ms,
    case when is_answered_valid then {{ interval_ms('answered_at', 'ended_at') }} end as handling_ms,
    case when is_answered_valid then ({{ interval_ms('clock_start_at', 'answered_at') }}) / 1e3 end as answer_seconds,
    extract_at,
    has_order_warning,
    has_missing_warning,
    has_timing_warning,
    _file_id,
    _row_number,
    _batch_id
from flagged
