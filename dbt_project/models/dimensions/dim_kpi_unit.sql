{#- Which units a KPI family is expected to have figures for, whether or not anything arrived. -#}
with registered as (
    select 'calls' as family, '113' as segment, 'AMK' as unit_kind, cast(null as string) as base_kind
    union all select 'calls', '116117', 'LVS', null
    union all select 'alarms', 'all', 'AMK', null
    union all select 'chain', 'all', 'AMK', null
    union all select 'video', 'all', 'AMK', null
    union all select 'video', 'all', 'LVS', null
    union all select 'lat', 'HELI', 'LAT_BASE', 'HELI'
    union all select 'lat', 'CAR', 'LAT_BASE', 'HELI'
    union all select 'lat', 'PLANE', 'LAT_BASE', 'PLANE'
    union all select 'data_quality', 'call', 'AMK', null
    union all select 'data_quality', 'call', 'LVS', null
    union all select 'data_quality', 'alarm', 'AMK', null
    union all select 'data_quality', 'video_session', 'AMK', null
    union all select 'data_quality', 'video_session', 'LVS', null
    union all select 'data_quality', 'lat_request', 'LAT_BASE', 'HELI'
    union all select 'data_quality', 'lat_request', 'LAT_BASE', 'PLANE'
    union all select 'data_quality', 'lat_readiness', 'LAT_BASE', 'HELI'
    union all select 'data_quality', 'lat_readiness', 'LAT_BASE', 'PLANE'
),
units as (
    select
        r.family, r.segment, u.level, u.unit_id, u.region_id, u.valid_from, u.valid_to
    from registered as r
    inner join {{ ref('dim_unit') }} as u
        on u.unit_kind = r.unit_kind and (r.base_kind is null or u.base_kind = r.base_kind)
),
areas as (
    select
        f.family, b.level, b.unit_id,
        min(b.valid_from) as valid_from, max(b.valid_to) as valid_to
    from (select 'alarms' as family union all select 'chain') as f
    cross join {{ ref('bridge_municipality_units') }} as b
    where b.level in ('health_trust', 'county', 'municipality')
    group by f.family, b.level, b.unit_id
)
select family, segment, level, unit_id, valid_from, valid_to
from units
union all
select
    family, segment, 'region' as level, region_id as unit_id,
    min(valid_from) as valid_from, max(valid_to) as valid_to
from units
where family <> 'data_quality'
group by family, segment, region_id
union all
select
    family, segment, 'national' as level, 'NO' as unit_id,
    min(valid_from) as valid_from, max(valid_to) as valid_to
from units
group by family, segment
union all
select
    family, 'all' as segment, level, unit_id, valid_from, valid_to
from areas
where not (family = 'chain' and level = 'municipality')
