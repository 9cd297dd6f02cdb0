-- depends_on: {{ ref('stg_lake__calls') }}, {{ ref('stg_lake__alarms') }}, {{ ref('stg_lake__video_sessions') }}
-- depends_on: {{ ref('stg_lake__lat_requests') }}, {{ ref('stg_lake__lat_readiness') }}
{#- What each family of KPIs follows: a change here recomputes the family's touched periods. -#}
{{ config(
    on_schema_change='fail',
    contract={'enforced': true},
    meta={
        'scope': "(kpi_id, kpi_version, period_grain, period_start) in ({{ touched_kpi_periods() }})",
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
    select
        s.contract,
        p.period_grain,
        p.period_start,
        min(p.date_day) as first_day,
        max(p.date_day) as last_day,
        count(v.delivered_on) > 0 as is_delivered
    from spans as s
    inner join {{ ref('period_days') }} as p
        on p.date_day between s.first_on and s.last_on and {{ is_begun('p', 's') }}
    left join deliveries as v on v.contract = s.contract and v.delivered_on = p.date_day
    where {{ is_touched('p') }}
    group by s.contract, p.period_grain, p.period_start
),
source_periods as (
    select
        v.contract,
        v.source,
        p.period_grain,
        p.period_start,
        min(v.delivered_on) as first_on,
        max(v.delivered_on) as last_on
    from deliveries as v
    inner join {{ ref('period_days') }} as p on p.date_day = v.delivered_on
    where {{ is_touched('p') }}
    group by v.contract, v.source, p.period_grain, p.period_start
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
{%- for name, family in kpi_families().items() %}
{{ name }} as (select * from {{ ref(family.aggregate) }} {{ touched_only(family.subject) }}),
{%- endfor %}
{#- A numerator of one family over a denominator of another, all segments of the latter together:
    units without the former count where its records were delivered. -#}
{%- for name, other in paired_families() %}
{{ name }}_with_{{ other }} as (
    select
        'all' as segment,
        coalesce(o.period_grain, f.period_grain) as period_grain,
        coalesce(o.period_start, f.period_start) as period_start,
        coalesce(o.level, f.level) as level,
        coalesce(o.unit_id, f.unit_id) as unit_id,
        {%- for measure in kpi_families()[name].measures %}
        coalesce(f.{{ measure }}, 0) as {{ measure }},
        {%- endfor %}
        {%- for measure in kpi_families()[other].measures %}
        coalesce(o.{{ measure }}, 0) as {{ other }}_{{ measure }}{{ ',' if not loop.last }}
        {%- endfor %}
    from (
        select
            period_grain, period_start, level, unit_id,
            {%- for measure in kpi_families()[other].measures %}
            sum({{ measure }}) as {{ measure }}{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ ref(kpi_families()[other].aggregate) }} {{ touched_only(kpi_families()[name].subject) }}
        group by period_grain, period_start, level, unit_id
    ) as o
    full outer join {{ name }} as f
        on f.period_grain = o.period_grain and f.period_start = o.period_start
        and f.level = o.level and f.unit_id = o.unit_id
    {{ delivered_joins("'" ~ kpi_families()[name].contract ~ "'", 'o') }}
    where f.unit_id is not null or {{ is_delivered() }}
),
{%- endfor %}
populations as (
    select
        'alarms' as subject, 'all' as segment, level, unit_id, year_number, valid_from, valid_to, population
    from {{ ref('dim_population') }}
    union all
    select 'calls', segment, level, unit_id, year_number, valid_from, valid_to, population
    from {{ ref('dim_call_population') }}
),
covered_days as (
    {{ covered_days() }}
),
delivered_days as (
    -- Days for which a source that covers the unit delivered, or any source where none is known to.
    select distinct u.contract, u.level, u.unit_id, v.covered_on as delivered_on
    from {{ ref('dim_unit_source') }} as u
    inner join covered_days as v
        on v.contract = u.contract and v.source = u.source
        and v.covered_on >= u.valid_from and v.covered_on < u.valid_to
    where u.contract in ('alarm', 'call')
    union all
    select distinct v.contract, p.level, p.unit_id, v.covered_on
    from (select distinct subject, level, unit_id from populations) as p
    inner join covered_days as v
        on v.contract = case p.subject when 'alarms' then 'alarm' else 'call' end
    left join sourced_units as s
        on s.contract = v.contract and s.level = p.level and s.unit_id = p.unit_id
    where s.unit_id is null
),
population_days as (
    -- Days on each side of a move within the year count with the population of that side.
    select
        p.subject, p.segment, d.period_grain, d.period_start, p.level, p.unit_id, p.valid_from,
        p.population, y.days_in_year, count(*) as days
    from populations as p
    inner join delivered_days as v
        on v.contract = case p.subject when 'alarms' then 'alarm' else 'call' end
        and v.level = p.level and v.unit_id = p.unit_id
        and v.delivered_on >= p.valid_from and v.delivered_on < p.valid_to
    inner join {{ ref('period_days') }} as d
        on d.date_day = v.delivered_on and d.period_grain in ({{ quoted(counted_grains()) }})
    inner join {{ ref('dim_date') }} as y on y.date_day = v.delivered_on
    {%- if is_incremental() %}
    where v.delivered_on in (
        -- All months of touched longer periods, which are sums of them.
        select t.date_day
        from {{ ref('period_days') }} as t
        where {{ is_touched('t') }}
    )
    {%- endif %}
    group by
        p.subject, p.segment, d.period_grain, d.period_start, p.level, p.unit_id, p.valid_from,
        p.population, y.days_in_year
),
person_years as (
    select
        subject, segment, period_grain, period_start, level, unit_id,
        -- Sums of whole numbers, so that their order does not show.
        cast(sum(case when days_in_year = 365 then population * days else 0 end) as double) / 365
            + cast(sum(case when days_in_year = 366 then population * days else 0 end) as double) / 366
            as person_years
    from (
        select * from population_days
        union all
        select
            m.subject, m.segment, p.period_grain, p.period_start, m.level, m.unit_id, m.valid_from,
            m.population, m.days_in_year, m.days
        from population_days as m
        inner join {{ ref('period_days') }} as p
            on p.date_day = m.period_start and p.period_grain in ({{ quoted(summed_grains(none)) }})
        inner join spans as s
            on s.contract = case m.subject when 'alarms' then 'alarm' else 'call' end
            and {{ is_begun('p', 's') }}
        where m.period_grain = 'month'
    ) as d
    {%- if is_incremental() %}
    where (subject, period_grain, period_start) in (select family, period_grain, period_start from touched)
    {%- endif %}
    group by subject, segment, period_grain, period_start, level, unit_id
),
{#- Counts beside person-years. No events is a true zero where something was delivered. The people of
    the country are those of the centrals that have people: where too many events come from others,
    not registered or without a catchment, they are not divided by them. -#}
{%- for name in rated_families() %}
{%- set family = kpi_families()[name] %}
{{ name }}_outside as (
    select
        f.segment, f.period_grain, f.period_start,
        sum(f.{{ rated_measure(name) }}) as events,
        sum(case when y.unit_id is null then f.{{ rated_measure(name) }} else 0 end) as outside
    from {{ name }} as f
    left join person_years as y
        on y.subject = '{{ family.subject }}' and y.level = 'central'
        and y.segment = f.segment and y.period_grain = f.period_grain
        and y.period_start = f.period_start and y.unit_id = f.unit_id
    where f.level = 'central'
    group by f.segment, f.period_grain, f.period_start
),
{{ name }}_rates as (
    select
        coalesce(f.segment, y.segment) as segment,
        coalesce(f.period_grain, y.period_grain) as period_grain,
        coalesce(f.period_start, y.period_start) as period_start,
        coalesce(f.level, y.level) as level,
        coalesce(f.unit_id, y.unit_id) as unit_id,
        {%- for measure in family.measures %}
        coalesce(f.{{ measure }}, 0) as {{ measure }},
        {%- endfor %}
        case when coalesce(c.outside, 0) <= {{ outside_share() }} * coalesce(c.events, 0) then y.person_years end
            as person_years
    from (select * from person_years where subject = '{{ family.subject }}') as y
    full outer join {{ name }} as f
        on f.segment = y.segment and f.period_grain = y.period_grain
        and f.period_start = y.period_start and f.level = y.level and f.unit_id = y.unit_id
    left join {{ name }}_outside as c
        on c.segment = f.segment and c.period_grain = f.period_grain
        and c.period_start = f.period_start and f.level = 'national'
    {{ delivered_joins("'" ~ family.contract ~ "'", 'y') }}
    where f.unit_id is not null
        or ({{ is_delivered() }} and not (y.period_grain = 'day' and y.level in ({{ areas_without_days() }})))
),
{%- endfor %}
registered as (
    {%- for kpi in kpi_definitions() %}
    {{ kpi_branch(kpi) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),
expected as (
    select
        k.kpi_id, u.segment, p.period_grain, p.period_start, u.level, u.unit_id,
        k.version as kpi_version, k.measure = 'count' as is_count,
        coalesce(k.base_measures, '') = '' as is_always_known,
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
told as (
    -- Periods in which somebody tells what a count is made of.
    select distinct kpi_id, kpi_version, period_grain, period_start
    from registered
    where kind = 'count' and level = 'national' and coverage > 0
),
missing as (
    select
        e.*,
        e.is_count and {{ is_delivered() }} and (e.is_always_known or t.kpi_id is not null) as is_zero
    from expected as e
    left join told as t
        on t.kpi_id = e.kpi_id and t.kpi_version = e.kpi_version
        and t.period_grain = e.period_grain and t.period_start = e.period_start
    {{ delivered_joins('e.contract', 'e') }}
    left join registered as r
        on r.kpi_id = e.kpi_id and r.kpi_version = e.kpi_version and r.segment = e.segment and r.period_grain = e.period_grain
        and r.period_start = e.period_start and r.level = e.level and r.unit_id = e.unit_id
    where r.kpi_id is null
)
select
    kpi_id,
    cast(kpi_version as integer) as kpi_version,
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
    cast({{ count_limit('lower') }} as double) as lower,
    cast({{ count_limit('upper') }} as double) as upper,
    cast(coverage as double) as coverage,
    case
        when value is not null then 'ok'
        when kind = 'rate' and denominator is null then 'no_denominator'
        when kind = 'standardized' and denominator = 0 then 'no_denominator'
        else 'no_data'
    end as status
from registered
union all
select
    kpi_id,
    cast(kpi_version as integer),
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
    case when is_zero then cast({{ poisson_lower('0e0') }} as double) end,
    case when is_zero then cast({{ poisson_upper('0e0') }} as double) end,
    case when is_zero then cast(1 as double) end,
    case when is_zero then 'ok' else 'no_data' end
from missing
