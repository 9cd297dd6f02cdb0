{{ config(
    materialized='incremental' if target.type == 'duckdb' else 'table',
    incremental_strategy='keyed_changes',
    on_schema_change='fail',
    contract={'enforced': true},
    meta={
        'produces': 'lat_readiness_day',
        'scope': "(resource_id, event_date) in ({{ touched_resource_days() }})",
        'change': {
            'group_id': 'resource_id', 'first_date': 'event_date', 'last_date': 'event_date',
        },
    },
    pre_hook=["{{ reset_load_log('lat_readiness_day') }}", "{{ reset_consumed(['lat_readiness']) }}"],
    post_hook=["{{ log_derived('lat_readiness_day') }}", "{{ log_consumed(['lat_readiness']) }}"],
) }}
{%- set dates = ref('dim_date') -%}
{%- set is_down = "a.state in ('OFF', 'REDUCED')" -%}
{#- Hours within the plan; those that are down once by their reason and once by whom they are attributed to. -#}
{%- set hours = {
    'ready': "a.state in ('READY', 'ON_MISSION')",
    'down': is_down,
    'weather_down': is_down ~ " and a.reason = 'WEATHER'",
    'technical_down': is_down ~ " and a.reason = 'TECHNICAL'",
    'crew_down': is_down ~ " and a.reason = 'CREW'",
    'duty_time_down': is_down ~ " and a.reason = 'DUTY_TIME'",
    'other_down': is_down ~ " and a.reason not in ('WEATHER', 'TECHNICAL', 'CREW', 'DUTY_TIME')",
    'unexplained_down': is_down ~ ' and a.reason is null',
    'operator_down': is_down ~ " and a.attribution = 'OPERATOR'",
    'health_trust_attributed': is_down ~ " and a.attribution = 'HEALTH_TRUST'",
    'weather_attributed': is_down ~ " and a.attribution = 'WEATHER'",
    'authority_attributed': is_down ~ " and a.attribution = 'AUTHORITY'",
    'planned_attributed': is_down ~ " and a.attribution = 'PLANNED'",
    'unattributed': is_down ~ ' and a.attribution is null',
    'reason_known': 'a.is_reason_known and (not ' ~ is_down ~ ' or a.reason is not null)',
    'attribution_known': 'a.is_attribution_known and (not ' ~ is_down ~ ' or a.attribution is not null)',
} -%}
with
{%- if is_incremental() %}
{%- set dates = 'dates' %}
touched_days as (
    {{ touched_resource_days() }}
),
dates as (
    select date_day, utc_start_at, utc_end_at
    from {{ ref('dim_date') }}
    where date_day in (select date_day from touched_days)
),
{%- endif %}
intervals as (
    select * from {{ ref('int_lat_readiness__latest') }}
    where not is_deleted
    {%- if is_incremental() %}
        and resource_id in (select group_id from {{ new_changes('lat_readiness') }} as c)
    {%- endif %}
),
planned as (
    -- Overlapping plans count once: an interval starts where the earlier ones have ended.
    select *
    from (
        select
            resource_id, base_id, vehicle, event_date, last_date, end_at,
            greatest(start_at, coalesce(max(end_at) over (
                partition by resource_id order by start_at, source_id
                rows between unbounded preceding and 1 preceding
            ), start_at)) as start_at
        from intervals
        where state = 'PLANNED'
    ) as cut
    where start_at < end_at
),
actual as (
    -- The state that starts next ends the one before it; of two that start together the later id stands.
    select *
    from (
        select
            resource_id, state, event_date, last_date, start_at,
            reason, coalesce(is_reason_known, true) as is_reason_known,
            attribution, coalesce(is_attribution_known, true) as is_attribution_known,
            least(end_at, coalesce(lead(start_at) over (
                partition by resource_id order by start_at, source_id
            ), end_at)) as end_at
        from intervals
        where state <> 'PLANNED'
    ) as cut
    where start_at < end_at
),
planned_days as (
    select
        p.resource_id, p.base_id, p.vehicle, d.date_day,
        greatest(p.start_at, d.utc_start_at) as start_at,
        least(p.end_at, d.utc_end_at) as end_at
    from planned as p
    inner join {{ dates }} as d
        on d.date_day between p.event_date and p.last_date
        and p.start_at < d.utc_end_at and p.end_at > d.utc_start_at
),
actual_days as (
    select
        a.resource_id, a.state, a.reason, a.is_reason_known, a.attribution, a.is_attribution_known, d.date_day,
        greatest(a.start_at, d.utc_start_at) as start_at,
        least(a.end_at, d.utc_end_at) as end_at
    from actual as a
    inner join {{ dates }} as d
        on d.date_day between a.event_date and a.last_date
        and a.start_at < d.utc_end_at and a.end_at > d.utc_start_at
),
planned_totals as (
    select
        resource_id, base_id, vehicle, date_day,
        sum({{ ms_between('start_at', 'end_at') }}) as planned_ms
    from planned_days
    group by resource_id, base_id, vehicle, date_day
),
known_totals as (
    {%- set overlap = ms_between('greatest(p.start_at, a.start_at)', 'least(p.end_at, a.end_at)') %}
    select
        p.resource_id, p.base_id, p.vehicle, p.date_day,
        sum({{ overlap }}) as known_ms,
        {%- for name, condition in hours.items() %}
        sum(case when {{ condition }} then {{ overlap }} else 0 end) as {{ name }}_ms{{ ',' if not loop.last }}
        {%- endfor %}
    from planned_days as p
    inner join actual_days as a
        on a.resource_id = p.resource_id and a.date_day = p.date_day
        and a.start_at < p.end_at and a.end_at > p.start_at
    group by p.resource_id, p.base_id, p.vehicle, p.date_day
)
select
    p.resource_id,
    p.date_day as event_date,
    coalesce(u.unit_id, 'UNKNOWN') as base_id,
    p.base_id as reported_base_id,
    coalesce(u.region_id, 'UNKNOWN') as region_id,
    p.vehicle as segment,
    cast(p.planned_ms as bigint) as planned_ms,
    cast(coalesce(k.known_ms, 0) as bigint) as known_ms,
    {%- for name in hours %}
    cast(coalesce(k.{{ name }}_ms, 0) as bigint) as {{ name }}_ms,
    {%- endfor %}
    p.planned_ms / 36e5 as planned_hours,
    coalesce(k.ready_ms, 0) / 36e5 as ready_hours,
    coalesce(k.known_ms, 0) / 36e5 as known_hours
from planned_totals as p
left join known_totals as k
    on k.resource_id = p.resource_id and k.base_id = p.base_id and k.vehicle = p.vehicle
    and k.date_day = p.date_day
left join {{ ref('dim_unit') }} as u
    on u.unit_id = p.base_id and u.level = 'base'
    and p.date_day >= u.valid_from and p.date_day < u.valid_to
{%- if is_incremental() %}
where (p.resource_id, p.date_day) in (select resource_id, date_day from touched_days)
{%- endif %}
