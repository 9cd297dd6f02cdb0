-- depends_on: {{ ref('dim_date') }}
{%- set sources = [
    ('call', 'fct_calls', 'central_id', 'false'),
    ('alarm', 'fct_missions', 'central_id', "municipality_id = 'UNKNOWN'"),
    ('video_session', 'fct_video_sessions', 'central_id', 'false'),
    ('lat_request', 'fct_lat_requests', 'base_id', 'false'),
] -%}
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
    pre_hook=["{{ reset_load_log('record_quality') }}", "{{ reset_consumed(contracts()) }}"],
    post_hook=["{{ log_derived('record_quality') }}", "{{ log_consumed(contracts()) }}"],
) }}
with records as (
    {%- for contract, fact, unit, geo_unknown in sources %}
    select
        '{{ contract }}' as contract, event_date, {{ unit }} as unit_id, source_system,
        has_missing_warning, has_order_warning, {{ geo_unknown }} as is_geo_unknown
    from {{ ref(fact) }}
    {%- if is_incremental() %}
    where event_date in ({{ touched_dates([contract]) }})
    {%- endif %}
    union all
    {%- endfor %}
    select
        'lat_readiness' as contract, r.event_date, coalesce(u.unit_id, 'UNKNOWN') as unit_id,
        r.source_system, r.has_missing_warning, r.has_order_warning, false as is_geo_unknown
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
    {{ count_if('is_geo_unknown') }} as geo_unknown_count
from records
group by contract, event_date, unit_id, source_system
