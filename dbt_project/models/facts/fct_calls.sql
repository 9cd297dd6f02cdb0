{{ config(materialized='view', contract={'enforced': true}, tags=['reference']) }}
with removed as (
    select distinct removed_source_system, removed_source_id from {{ ref('int_calls__duplicates') }}
),
-- A call passed on unanswered and its continuations at other centrals are one call.
passed_on as (
    select distinct first_source_system, first_source_id from {{ ref('int_calls__passed_on') }}
),
continued as (
    select
        next_source_system, next_source_id, first_central_id, first_region_id, first_home_central_id,
        first_clock_start_at, is_first_timing_valid
    from {{ ref('int_calls__chains') }}
),
calls as (
    select
        c.*,
        {{ call_segment('c') }} as segment,
        {{ waits_from('c') }} as own_clock_start_at,
        n.first_clock_start_at,
        n.first_home_central_id,
        coalesce(n.is_first_timing_valid, true) as is_first_timing_valid,
        coalesce(u.unit_id, 'UNKNOWN') as registered_central_id,
        coalesce(u.region_id, 'UNKNOWN') as region_id,
        -- It counts where it first rang.
        coalesce(n.first_central_id, u.unit_id, 'UNKNOWN') as counted_central_id,
        coalesce(n.first_region_id, u.region_id, 'UNKNOWN') as counted_region_id,
        p.first_source_id is not null as is_passed_on,
        r.removed_source_id is not null as is_duplicate,
        coalesce(t.unit_kind, '') = 'AMK' as is_transfer_to_amk,
        coalesce(t.unit_kind, '') = 'LVS' as is_transfer_to_lvs,
        c.outcome = 'ANSWERED' as is_answered,
        {{ is_public_call('c', 'VOICE') }} as is_voice_of_public,
        {{ is_public_call('c', 'SMS') }} as is_text_of_public
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
    left join passed_on as p
        on p.first_source_system = c.source_system and p.first_source_id = c.source_id
    left join continued as n
        on n.next_source_system = c.source_system and n.next_source_id = c.source_id
    where not c.is_deleted
),
flagged as (
    select
        *,
        is_voice_of_public and not is_duplicate as is_in_scope,
        is_voice_of_public and not is_duplicate and not is_passed_on as is_counted,
        is_text_of_public and not is_duplicate as is_text_contact,
        coalesce(first_clock_start_at, own_clock_start_at) as clock_start_at,
        -- Whoever hangs up in the menu has not waited after it.
        segment = '116117' and not is_answered and not has_left_menu
            and coalesce(is_menu_known, true) and not is_passed_on as is_menu_hangup,
        is_answered and answered_at is not null and not has_timing_warning as is_answered_valid_v1,
        not is_answered and ended_at is not null and not has_timing_warning as is_unanswered_valid_v1
    from calls
),
judged as (
    select
        *,
        is_answered_valid_v1 and is_first_timing_valid as is_answered_valid,
        is_unanswered_valid_v1 and is_first_timing_valid and not is_passed_on and not is_menu_hangup
            as is_unanswered_valid
    from flagged
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
    coalesce(home_central_id, first_home_central_id) as home_central_id,
    region_id,
    counted_central_id,
    counted_region_id,
    ring_start_at,
    clock_start_at,
    own_clock_start_at,
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
    is_passed_on,
    is_counted,
    is_text_contact,
    is_answered,
    is_answered_valid,
    is_unanswered_valid,
    coalesce(is_menu_known, true) as is_menu_known,
    is_menu_hangup,
    coalesce(is_transfer_known, true) as is_transfer_known,
    is_transfer_to_amk,
    is_transfer_to_lvs,
    case when is_answered_valid then {{ interval_ms('clock_start_at', 'answered_at') }} end as answer_ms,
    case when is_unanswered_valid then {{ interval_ms('clock_start_at', 'ended_at') }} end as wait_ms,
    case when is_answered_valid_v1 then {{ interval_ms('answered_at', 'ended_at') }} end as handling_ms,
    case when is_answered_valid then ({{ interval_ms('clock_start_at', 'answered_at') }}) / 1e3 end as answer_seconds,
    is_answered_valid_v1,
    is_unanswered_valid_v1,
    case when is_answered_valid_v1 then {{ interval_ms('own_clock_start_at', 'answered_at') }} end as answer_ms_v1,
    case when is_unanswered_valid_v1 then {{ interval_ms('own_clock_start_at', 'ended_at') }} end as wait_ms_v1,
    extract_at,
    has_order_warning,
    has_missing_warning,
    has_timing_warning,
    _file_id,
    _row_number,
    _batch_id
from judged
