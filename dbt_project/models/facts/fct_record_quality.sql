-- depends_on: {{ ref('dim_date') }}
{%- set follows = contracts() + ['call_duplicate'] -%}
{#- Fact, unit, time of the event, and what only some record types can have. -#}
{%- set sources = {
    'call': {
        'fact': 'fct_calls', 'unit': 'central_id', 'event_at': 'ring_start_at',
        'is_duplicate': 'is_duplicate',
    },
    'alarm': {
        'fact': 'fct_missions', 'unit': 'central_id', 'event_at': 'coalesce(received_at, alerted_at)',
        'is_geo_unknown': "municipality_id = 'UNKNOWN'",
        'is_red_uncancelled': "urgency_last = 'RED' and mission_type = 'ACUTE' and cancelled_at is null",
        'at_scene_at': 'at_scene_at',
    },
    'video_session': {
        'fact': 'fct_video_sessions', 'unit': 'central_id', 'event_at': 'link_sent_at',
    },
    'lat_request': {
        'fact': 'fct_lat_requests', 'unit': 'base_id', 'event_at': 'requested_at',
    },
} -%}
{{ config(
    materialized='incremental' if target.type == 'duckdb' else 'table',
    incremental_strategy='keyed_changes',
    on_schema_change='fail',
    contract={'enforced': true},
    meta={
        'produces': 'record_quality',
        'scope': "(contract, event_date) in ({{ touched_contract_dates() }})",
        'change': {'group_id': 'contract', 'first_date': 'event_date', 'last_date': 'event_date'},
    },
    pre_hook=[
        "{{ reset_load_log('record_quality') }}",
        "{{ reset_consumed(contracts() + ['call_duplicate']) }}",
    ],
    post_hook=[
        "{{ log_derived('record_quality') }}",
        "{{ log_consumed(contracts() + ['call_duplicate']) }}",
    ],
) }}
with records as (
    {%- for contract, columns in sources.items() %}
    select
        '{{ contract }}' as contract, event_date, {{ columns.unit }} as unit_id,
        {{ system_name('source_system') }} as source_system, revision, extract_at, {{ columns.event_at }} as event_at,
        has_missing_warning, has_order_warning,
        {{ columns.get('is_duplicate', 'false') }} as is_duplicate,
        {{ columns.get('is_geo_unknown', 'false') }} as is_geo_unknown,
        {{ columns.get('is_red_uncancelled', 'false') }} as is_red_uncancelled,
        {{ columns.get('at_scene_at', 'cast(null as timestamp)') }} as at_scene_at
    from {{ ref(columns.fact) }}
    {%- if is_incremental() %}
    where event_date in ({{ touched_dates(['call', 'call_duplicate'] if contract == 'call' else [contract]) }})
    {%- endif %}
    union all
    {%- endfor %}
    select
        'lat_readiness' as contract, r.event_date, coalesce(u.unit_id, 'UNKNOWN') as unit_id,
        {{ system_name('r.source_system') }} as source_system, r.revision, r.extract_at, r.start_at as event_at,
        r.has_missing_warning, r.has_order_warning, false as is_duplicate,
        false as is_geo_unknown, false as is_red_uncancelled, cast(null as timestamp) as at_scene_at
    from {{ ref('int_lat_readiness__latest') }} as r
    left join {{ ref('dim_unit') }} as u
        on u.unit_id = r.base_id and u.level = 'base'
        and r.event_date >= u.valid_from and r.event_date < u.valid_to
    where not r.is_deleted
    {%- if is_incremental() %}
        and r.event_date in ({{ touched_dates(['lat_readiness']) }})
    {%- endif %}
)
select
    contract,
    event_date,
    unit_id,
    source_system,
    case when contract in ('call', 'alarm', 'video_session') then 'central' else 'base' end as unit_level,
    count(*) as row_count,
    {{ count_if('not has_missing_warning') }} as complete_count,
    {{ count_if('has_order_warning') }} as order_breach_count,
    {{ count_if('is_geo_unknown') }} as geo_unknown_count,
    {{ count_if('is_red_uncancelled') }} as red_uncancelled_count,
    {{ count_if('is_red_uncancelled and at_scene_at is null') }} as missing_scene_count,
    {{ count_if('is_duplicate') }} as duplicate_count,
    {{ count_if('revision = 1 and ' ~ ms_between('event_at', 'extract_at') ~ ' > 172800000') }} as late_count,
    {{ count_if('revision > 1') }} as revised_count,
    count(at_scene_at) as scene_time_count,
    {{ count_if(epoch_ms('at_scene_at') ~ ' % 60000 = 0') }} as round_scene_count
from records
group by contract, event_date, unit_id, source_system
