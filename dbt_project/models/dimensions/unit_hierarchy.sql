{{ config(contract={'enforced': true}) }}
with areas as (
    select municipality_id, level, unit_id, valid_from, valid_to
    from {{ ref('bridge_municipality_units') }}
),
municipality_parents as (
    select
        m.unit_id, a.level as parent_level, a.unit_id as parent_id,
        greatest(m.valid_from, a.valid_from) as valid_from,
        least(m.valid_to, a.valid_to) as valid_to
    from areas as m
    inner join areas as a
        on a.municipality_id = m.municipality_id
        and a.valid_from < m.valid_to and a.valid_to > m.valid_from
    where m.level = 'municipality' and m.unit_id = m.municipality_id
        and (a.level in ('county', 'health_trust', 'national')
            or (a.level = 'municipality' and a.unit_id <> m.unit_id))
),
split_codes as (
    -- One code per union that leads to all its members: its place has what they share.
    select u.union_id, min(c.from_code) as from_code
    from {{ ref('dim_municipality_union') }} as u
    inner join (
        select from_code, min(municipality_id) as municipality_id
        from {{ ref('int_municipality_targets') }}
        group by from_code
        having count(*) > 1
    ) as c on c.municipality_id = u.municipality_id
    group by u.union_id
),
union_parents as (
    select c.union_id as unit_id, 'county' as parent_level, p.county_id as parent_id, p.valid_from, p.valid_to
    from split_codes as c
    inner join {{ ref('dim_scene_place') }} as p on p.from_code = c.from_code
    where p.county_id is not null
    union all
    select c.union_id, 'health_trust', p.health_trust_id, p.valid_from, p.valid_to
    from split_codes as c
    inner join {{ ref('dim_scene_place') }} as p on p.from_code = c.from_code
    where p.health_trust_id is not null
    union all
    select union_id, 'national', 'NO', {{ open_start() }}, {{ open_end() }}
    from split_codes
),
links as (
    select 'municipality' as level, unit_id, parent_level, parent_id, valid_from, valid_to
    from municipality_parents
    union all
    select 'municipality' as level, unit_id, parent_level, parent_id, valid_from, valid_to
    from union_parents
    union all
    select distinct
        'health_trust' as level, h.health_trust_code as unit_id, 'region' as parent_level,
        h.rhf_code as parent_id, {{ open_start() }} as valid_from, {{ open_end() }} as valid_to
    from {{ ref('health_trusts') }} as h
    inner join areas as a on a.level = 'health_trust' and a.unit_id = h.health_trust_code
    union all
    select distinct level, unit_id, 'national', 'NO', {{ open_start() }}, {{ open_end() }}
    from areas
    where level in ('county', 'health_trust', 'region')
    union all
    select level, unit_id, 'region', region_id, valid_from, valid_to
    from {{ ref('dim_unit') }}
    union all
    select level, unit_id, 'national', 'NO', valid_from, valid_to
    from {{ ref('dim_unit') }}
    {%- for level in ['municipality', 'county', 'health_trust', 'region', 'central', 'base'] %}
    union all
    select '{{ level }}', 'UNKNOWN', 'national', 'NO', {{ open_start() }}, {{ open_end() }}
    {%- endfor %}
),
marked as (
    -- Neighbouring periods with the same parent are one.
    select
        *,
        case when valid_from = lag(valid_to, 1) over (
            partition by level, unit_id, parent_level, parent_id order by valid_from
        ) then 0 else 1 end as is_start
    from links
),
numbered as (
    select
        *,
        sum(is_start) over (
            partition by level, unit_id, parent_level, parent_id order by valid_from
        ) as stretch
    from marked
)
select
    level, unit_id, parent_level, parent_id,
    min(valid_from) as valid_from,
    max(valid_to) as valid_to
from numbered
group by level, unit_id, parent_level, parent_id, stretch
