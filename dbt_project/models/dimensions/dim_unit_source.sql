with coverage as (
    select * from {{ ref('source_coverage') }}
),
platforms as (
    select
        central_id, from_system as platform,
        {{ open_start() }} as valid_from, cutover_on as valid_to
    from {{ ref('platform_cutovers') }}
    union all
    select central_id, to_system, cutover_on, {{ open_end() }}
    from {{ ref('platform_cutovers') }}
),
units as (
    select
        c.contract, c.source, u.level, u.unit_id,
        coalesce(p.valid_from, {{ open_start() }}) as valid_from,
        coalesce(p.valid_to, {{ open_end() }}) as valid_to
    from coverage as c
    inner join {{ ref('dim_unit') }} as u
        on (c.unit_kind is null or u.unit_kind = c.unit_kind)
        and (c.region_id is null or u.region_id = c.region_id)
        and u.level = case when c.contract in ('call', 'alarm', 'video_session') then 'central' else 'base' end
    left join platforms as p on p.central_id = u.unit_id and p.platform = c.platform
    where c.platform is null or p.platform is not null
),
regional as (
    select contract, source, region_id from coverage
    where region_id is not null and unit_kind is null and platform is null
)
select contract, source, level, unit_id, valid_from, valid_to
from units
union all
select
    r.contract, r.source, b.level, b.unit_id,
    min(greatest(b.valid_from, m.valid_from)) as valid_from,
    max(least(b.valid_to, m.valid_to)) as valid_to
from regional as r
inner join {{ ref('bridge_municipality_units') }} as m on m.level = 'region' and m.unit_id = r.region_id
inner join {{ ref('bridge_municipality_units') }} as b
    on b.municipality_id = m.municipality_id
    and b.level in ('region', 'health_trust', 'county', 'municipality')
    and b.valid_from < m.valid_to and b.valid_to > m.valid_from
group by r.contract, r.source, b.level, b.unit_id
