-- depends_on: {{ ref('stg_lake__calls') }}, {{ ref('stg_lake__alarms') }}, {{ ref('stg_lake__video_sessions') }}
-- depends_on: {{ ref('stg_lake__lat_requests') }}, {{ ref('stg_lake__lat_readiness') }}
{{ config(materialized='table', contract={'enforced': true}) }}
with covered_days as (
    {{ covered_days() }}
),
deliveries as (
    select contract, source, min(covered_on) as first_on, max(covered_on) as last_on
    from covered_days
    group by contract, source
),
latest as (
    select contract, max(last_on) as last_on from deliveries group by contract
),
day_lateness as (
    -- How long after a day the last of its rows came.
    select
        a.contract, a.source, a.event_date,
        max(greatest({{ dbt.datediff('a.event_date', 'a.delivered_on', 'day') }}, 0)) as days_late
    from ({{ arrivals() }}) as a
    inner join covered_days as c
        on c.contract = a.contract and c.source = a.source and c.covered_on = a.event_date
    group by a.contract, a.source, a.event_date
),
lateness as (
    -- Days so recent that rows may still come say nothing about when they stop coming.
    select
        l.contract, l.source,
        count(case when l.event_date <= {{ add_days('d.last_on', -var('settling_window')) }} then 1 end) as day_count,
        {{ percentile('case when l.event_date <= ' ~ add_days('d.last_on', -var('settling_window')) ~ ' then l.days_late end', 0.95) }} as settled_after,
        {{ percentile('l.days_late', 0.95) }} as settled_after_yet
    from day_lateness as l
    inner join deliveries as d on d.contract = l.contract and d.source = l.source
    group by l.contract, l.source
),
sources as (
    select
        d.contract, d.source, d.first_on, d.last_on, t.last_on as contract_last_on,
        cast(ceil(case
            when l.day_count >= {{ var('settling_days') }} then greatest(l.settled_after, {{ var('settling_floor') }})
            else greatest(coalesce(l.settled_after_yet, 0), {{ var('settling_unknown') }})
        end) as integer) as settling_days
    from deliveries as d
    inner join latest as t on t.contract = d.contract
    left join lateness as l on l.contract = d.contract and l.source = d.source
),
registered as (
    select contract, source, level, unit_id, valid_from, valid_to from {{ ref('dim_unit_source') }}
),
covering as (
    select contract, source, level, unit_id, valid_from, valid_to from registered
    union all
    select r.contract, r.source, 'region', u.region_id, r.valid_from, r.valid_to
    from registered as r
    inner join {{ ref('dim_unit') }} as u on u.level = r.level and u.unit_id = r.unit_id
    where r.level in ('central', 'base')
    union all
    select contract, source, 'national', 'NO', valid_from, valid_to from registered
    union all
    -- Sources that the register does not tie to units deliver for the country, for as long as they do.
    select s.contract, s.source, 'national', 'NO', s.first_on, {{ add_days('s.last_on', 1) }}
    from sources as s
    left join registered as r on r.contract = s.contract and r.source = s.source
    where r.source is null
    union all
    select distinct contract, source, 'source_system', source_system, {{ open_start() }}, {{ open_end() }}
    from {{ ref('readiness_days') }}
),
members as (
    -- A source owes every day from its first one until it is replaced in the unit.
    select
        c.contract, c.level, c.unit_id, c.source, s.settling_days,
        greatest(min(c.valid_from), s.first_on) as owes_from,
        max(c.valid_to) as owes_before,
        case when max(c.valid_to) > s.contract_last_on then s.last_on else s.contract_last_on end as known_to
    from covering as c
    inner join sources as s on s.contract = c.contract and s.source = c.source
    group by c.contract, c.level, c.unit_id, c.source, s.settling_days, s.first_on, s.last_on, s.contract_last_on
    having max(c.valid_to) > s.first_on and min(c.valid_from) <= s.contract_last_on
),
bases as (
    {%- for contract in contracts() %}
    select '{{ contract }}' as basis, '{{ contract }}' as contract, 1 as is_main union all
    {%- endfor %}
    {%- for basis, parts in joint_bases().items() %}
    {%- set last_basis = loop.last %}
    {%- for contract in parts %}
    select '{{ basis }}', '{{ contract }}', {{ 1 if loop.first else 0 }}{{ ' union all' if not (last_basis and loop.last) }}
    {%- endfor %}
    {%- endfor %}
),
units as (
    select distinct b.basis, m.level, m.unit_id
    from bases as b
    inner join members as m on m.contract = b.contract
    where b.is_main = 1
),
of_units as (
    select u.basis, u.level, u.unit_id, m.contract, m.source, m.owes_from, m.owes_before, m.known_to, m.settling_days
    from units as u
    inner join bases as b on b.basis = u.basis
    inner join members as m on m.contract = b.contract and m.level = u.level and m.unit_id = u.unit_id
    union all
    -- Where no source of the other record type is known for a unit, it rests on all of them.
    select u.basis, u.level, u.unit_id, n.contract, n.source, n.owes_from, n.owes_before, n.known_to, n.settling_days
    from units as u
    inner join bases as b on b.basis = u.basis and b.is_main = 0
    inner join members as n on n.contract = b.contract and n.level = 'national'
    left join (select distinct contract, level, unit_id from members) as m
        on m.contract = b.contract and m.level = u.level and m.unit_id = u.unit_id
    where m.unit_id is null
),
sets as (
    select
        basis, level, unit_id,
        {{ joined_text("concat(contract, ':', source, ' ', owes_from, '..', owes_before)", ', ') }} as source_set,
        min({{ add_days('known_to', '-settling_days') }}) as settled_to
    from of_units
    group by basis, level, unit_id
)
select
    o.basis, o.level, o.unit_id, o.contract, o.source, o.owes_from, o.owes_before, o.settling_days,
    s.source_set, s.settled_to
from of_units as o
inner join sets as s on s.basis = o.basis and s.level = o.level and s.unit_id = o.unit_id
