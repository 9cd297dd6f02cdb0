-- depends_on: {{ ref('stg_lake__calls') }}, {{ ref('stg_lake__alarms') }}, {{ ref('stg_lake__video_sessions') }}
-- depends_on: {{ ref('stg_lake__lat_requests') }}, {{ ref('stg_lake__lat_readiness') }}
{#- What each family of KPIs follows: a change here recomputes the family's touched periods. -#}
{{ config(
    on_schema_change='fail',
    contract={'enforced': true},
    meta={
        'scope': "(kpi_id, period_grain, period_start) in ({{ touched_kpi_periods() }})",
    },
    pre_hook="{{ reset_consumed(kpi_changes()) }}",
    post_hook="{{ log_consumed(kpi_changes()) }}",
) }}
with registry as (
    select * from {{ ref('kpi_registry') }} where status = 'active'
),
{%- if is_incremental() %}
touched as (
    {{ touched_family_periods() }}
),
{%- endif %}
deliveries as (
    {{ deliveries() }}
),
spans as (
    select contract, min(delivered_on) as first_on, max(delivered_on) as last_on
    from deliveries
    group by contract
),
contract_periods as (
    -- Periods within the span of deliveries, and whether anything was delivered for them.
    {%- for grain in grains() %}
    select
        s.contract,
        '{{ grain }}' as period_grain,
        d.{{ grain }}_start as period_start,
        min(d.date_day) as first_day,
        max(d.date_day) as last_day,
        count(v.delivered_on) > 0 as is_delivered
    from spans as s
    inner join {{ ref('dim_date') }} as d on d.date_day between s.first_on and s.last_on
    left join deliveries as v on v.contract = s.contract and v.delivered_on = d.date_day
    group by s.contract, d.{{ grain }}_start
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),
source_periods as (
    {%- for grain in grains() %}
    select
        v.contract,
        v.source,
        '{{ grain }}' as period_grain,
        d.{{ grain }}_start as period_start,
        min(v.delivered_on) as first_on,
        max(v.delivered_on) as last_on
    from deliveries as v
    inner join {{ ref('dim_date') }} as d on d.date_day = v.delivered_on
    group by v.contract, v.source, d.{{ grain }}_start
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),
unit_periods as (
    -- Units whose sources are known: periods for which one of these sources delivered.
    select distinct u.contract, u.level, u.unit_id, p.period_grain, p.period_start
    from {{ ref('dim_unit_source') }} as u
    inner join source_periods as p
        on p.contract = u.contract and p.source = u.source
        and p.last_on >= u.valid_from and p.first_on < u.valid_to
),
sourced_units as (
    select distinct contract, level, unit_id from {{ ref('dim_unit_source') }}
),
calls as (select * from {{ ref('agg_calls') }} {{ touched_only('calls') }}),
missions as (select * from {{ ref('agg_missions') }} {{ touched_only('alarms') }}),
incidents as (select * from {{ ref('agg_incidents') }} {{ touched_only('alarms') }}),
chains as (select * from {{ ref('agg_chains') }} {{ touched_only('chain') }}),
sessions as (select * from {{ ref('agg_video') }} {{ touched_only('video') }}),
requests as (select * from {{ ref('agg_lat_requests') }} {{ touched_only('lat') }}),
readiness as (select * from {{ ref('agg_lat_readiness') }} {{ touched_only('lat') }}),
quality as (select * from {{ ref('agg_record_quality') }} {{ touched_only('data_quality') }}),
answered_calls as (
    select period_grain, period_start, level, unit_id, sum(answered) as answered
    from {{ ref('agg_calls') }} {{ touched_only('video') }}
    group by period_grain, period_start, level, unit_id
),
video_use as (
    -- Answered calls without a video session count in the denominator where video was delivered.
    select
        'all' as segment,
        coalesce(c.period_grain, s.period_grain) as period_grain,
        coalesce(c.period_start, s.period_start) as period_start,
        coalesce(c.level, s.level) as level,
        coalesce(c.unit_id, s.unit_id) as unit_id,
        coalesce(s.connected, 0) as connected,
        coalesce(c.answered, 0) as answered
    from answered_calls as c
    full outer join sessions as s
        on s.period_grain = c.period_grain and s.period_start = c.period_start
        and s.level = c.level and s.unit_id = c.unit_id
    {{ delivered_joins("'video_session'", 'c') }}
    where s.unit_id is not null or {{ is_delivered() }}
),
period_years as (
    -- Days of each period that lie within the span, by calendar year.
    {%- for grain in grains() %}
    select
        '{{ grain }}' as period_grain,
        d.{{ grain }}_start as period_start,
        d.year_number,
        d.days_in_year,
        min(d.date_day) as first_day,
        {{ add_days('max(d.date_day)', 1) }} as next_day
    from {{ ref('dim_date') }} as d
    inner join spans as s on s.contract = 'alarm' and d.date_day between s.first_on and s.last_on
    group by d.{{ grain }}_start, d.year_number, d.days_in_year
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),
person_years as (
    -- Days on each side of a move within the year count with the population of that side.
    select
        y.period_grain, y.period_start, p.level, p.unit_id,
        sum(
            cast(p.population as double)
            * {{ dbt.datediff('greatest(y.first_day, p.valid_from)', 'least(y.next_day, p.valid_to)', 'day') }}
            / y.days_in_year
        ) as person_years
    from (select * from period_years {{ touched_only('alarms') }}) as y
    inner join {{ ref('dim_population') }} as p
        on p.year_number = y.year_number
        and p.valid_from < y.next_day and p.valid_to > y.first_day
    group by y.period_grain, y.period_start, p.level, p.unit_id
),
incident_rates as (
    select
        'all' as segment,
        coalesce(i.period_grain, y.period_grain) as period_grain,
        coalesce(i.period_start, y.period_start) as period_start,
        coalesce(i.level, y.level) as level,
        coalesce(i.unit_id, y.unit_id) as unit_id,
        coalesce(i.incidents, 0) as incidents,
        y.person_years
    from person_years as y
    full outer join incidents as i
        on i.period_grain = y.period_grain and i.period_start = y.period_start
        and i.level = y.level and i.unit_id = y.unit_id
    {{ delivered_joins("'alarm'", 'y') }}
    where i.unit_id is not null
        or ({{ is_delivered() }} and not (y.period_grain = 'day' and y.level in ({{ areas_without_days() }})))
),
results as (
    {{ kpi_count('calls_offered', 'calls', 'a.offered') }} union all
    {{ kpi_share('c113_within_10s', 'calls', 'a.within_10s', 'a.answered_valid', 'a.answered') }} union all
    {{ kpi_share('c113_within_10s_offered', 'calls', 'a.within_10s', '(a.answered_valid + a.unanswered)', 'a.offered') }} union all
    {{ kpi_share('c116117_within_2min', 'calls', 'a.within_120s', '(a.answered_valid + a.unanswered)', 'a.offered') }} union all
    {{ kpi_share('c116117_within_10min', 'calls', 'a.within_600s', '(a.answered_valid + a.unanswered)', 'a.offered') }} union all
    {{ kpi_interval('answer_time_median', 'calls', list_item('a.answer_ms_percentiles', 1), 'a.answered_valid', 'a.answered') }} union all
    {{ kpi_interval('answer_time_p90', 'calls', list_item('a.answer_ms_percentiles', 2), 'a.answered_valid', 'a.answered') }} union all
    {{ kpi_interval('answer_time_mean', 'calls', '1e0 * a.answer_ms_sum / nullif(a.answered_valid, 0)', 'a.answered_valid', 'a.answered', numerator='a.answer_ms_sum / 1e3') }} union all
    {{ kpi_share('unanswered_share', 'calls', 'a.unanswered', 'a.offered') }} union all
    {{ kpi_share('abandoned_gt30s', 'calls', 'a.abandoned_after_30s', '(a.answered + a.unanswered_valid)', 'a.offered') }} union all
    {{ kpi_share('short_abandon_share', 'calls', 'a.abandoned_within_5s', '(a.answered + a.unanswered_valid)', 'a.offered') }} union all
    {{ kpi_interval('handling_time_median', 'calls', 'a.handling_ms_p50', 'a.handled', 'a.answered') }} union all
    {{ kpi_share('transfer_116117_to_113', 'calls', 'a.transferred_to_amk', 'a.answered') }} union all
    {{ kpi_rate('incidents_per_1000', 'incident_rates', 'a.incidents', 'a.person_years', '1e3') }} union all
    {{ kpi_share('red_share', 'incidents', 'a.red', 'a.urgency_known', 'a.incidents') }} union all
    {{ kpi_share('resp_urban_12', 'incidents', 'a.urban_within_720s', 'a.urban_eligible', 'a.urban_base') }} union all
    {{ kpi_share('resp_rural_25', 'incidents', 'a.rural_within_1500s', 'a.rural_eligible', 'a.rural_base') }} union all
    {{ kpi_interval('resp_median', 'incidents', list_item('a.response_ms_percentiles', 1), 'a.response_eligible', 'a.response_base', '6e4') }} union all
    {{ kpi_interval('resp_p90', 'incidents', list_item('a.response_ms_percentiles', 2), 'a.response_eligible', 'a.response_base', '6e4') }} union all
    {{ kpi_share('resp_coverage', 'incidents', 'a.response_eligible', 'a.red') }} union all
    {{ kpi_interval('dispatch_interval', 'incidents', 'a.dispatch_ms_p50', 'a.dispatch_valid', 'a.dispatch_base') }} union all
    {{ kpi_interval('turnout_p90', 'missions', 'a.turnout_ms_p90', 'a.turnout_valid', 'a.turnout_base') }} union all
    {{ kpi_share('cancelled_share', 'missions', 'a.cancelled_before_scene', 'a.missions') }} union all
    {{ kpi_share('video_per_100_calls', 'video_use', 'a.connected', 'a.answered') }} union all
    {{ kpi_share('video_connect_rate', 'sessions', 'a.connected', 'a.sessions') }} union all
    {{ kpi_interval('video_setup_median', 'sessions', 'a.setup_ms_p50', 'a.setup_valid', 'a.connected') }} union all
    {{ kpi_interval('chain_ring_to_scene_p90', 'chains', 'a.chain_ms_p90', 'a.chain_valid', 'a.red_acute', '6e4') }} union all
    {{ kpi_share('chain_link_rate', 'chains', 'a.linked', 'a.red') }} union all
    {{ kpi_count('lat_requests', 'requests', 'a.requests') }} union all
    {{ kpi_share('lat_completed', 'requests', 'a.completed', 'a.requests') }} union all
    {{ kpi_share('lat_declined', 'requests', 'a.declined', 'a.requests') }} union all
    {{ kpi_share('lat_aborted', 'requests', 'a.aborted', '(a.completed + a.aborted)') }} union all
    {{ kpi_share('lat_declined_weather', 'requests', 'a.declined_weather', 'a.requests') }} union all
    {{ kpi_interval('lat_reaction_p90', 'requests', 'a.reaction_ms_p90', 'a.reaction_valid', 'a.reaction_base', '6e4') }} union all
    {{ kpi_hours('lat_readiness', 'readiness', 'a.ready_ms', 'a.planned_ms', 'a.known_ms', 'a.resources') }} union all
    {{ kpi_share('dq_complete', 'quality', 'a.complete_count', 'a.row_count') }} union all
    {{ kpi_share('dq_order', 'quality', 'a.order_breach_count', 'a.row_count') }} union all
    {{ kpi_share('dq_geo_unknown', 'quality', 'a.geo_unknown_count', 'a.row_count') }}
),
registered as (
    select
        r.*,
        k.version,
        k.measure
    from results as r
    inner join registry as k on k.kpi_id = r.kpi_id
    where {{ in_list('r.segment', 'k.segments') }} and {{ in_list('r.level', 'k.levels') }}
),
expected as (
    select
        k.kpi_id, u.segment, p.period_grain, p.period_start, u.level, u.unit_id,
        k.version, k.measure = 'count' as is_count,
        case when k.contract = 'segment' then u.segment else k.contract end as contract
    from registry as k
    inner join {{ ref('dim_kpi_unit') }} as u
        on u.family = k.family
        and {{ in_list('u.segment', 'k.segments') }} and {{ in_list('u.level', 'k.levels') }}
    inner join contract_periods as p
        on p.contract = case when k.contract = 'segment' then u.segment else k.contract end
        and p.last_day >= u.valid_from and p.first_day < u.valid_to
    {%- if is_incremental() %}
    inner join touched as t
        on t.family = k.family and t.period_grain = p.period_grain and t.period_start = p.period_start
    {%- endif %}
    where not (p.period_grain = 'day' and u.level in ({{ areas_without_days() }}))
),
missing as (
    select e.*, e.is_count and {{ is_delivered() }} as is_zero
    from expected as e
    {{ delivered_joins('e.contract', 'e') }}
    left join registered as r
        on r.kpi_id = e.kpi_id and r.segment = e.segment and r.period_grain = e.period_grain
        and r.period_start = e.period_start and r.level = e.level and r.unit_id = e.unit_id
    where r.kpi_id is null
)
select
    kpi_id,
    cast(version as integer) as kpi_version,
    segment,
    period_grain,
    period_start,
    level,
    unit_id,
    '2024' as geography_version,
    numerator,
    denominator,
    n,
    cast(value as double) as value,
    cast(null as double) as lower,
    cast(null as double) as upper,
    cast(coverage as double) as coverage,
    case
        when value is not null then 'ok'
        when measure = 'rate' and denominator is null then 'no_denominator'
        else 'no_data'
    end as status
from registered
union all
select
    kpi_id,
    cast(version as integer),
    segment,
    period_grain,
    period_start,
    level,
    unit_id,
    '2024',
    case when is_zero then cast(0 as double) end,
    cast(null as double),
    cast(0 as bigint),
    case when is_zero then cast(0 as double) end,
    cast(null as double),
    cast(null as double),
    case when is_zero then cast(1 as double) end,
    case when is_zero then 'ok' else 'no_data' end
from missing
