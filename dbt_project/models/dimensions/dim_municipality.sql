with trusts as (
    -- Where it belongs now; bridge_municipality_units has the moves.
    select p.municipality_code, p.health_trust_code, h.rhf_code
    from {{ ref('municipality_health_trust') }} as p
    inner join {{ ref('health_trusts') }} as h on h.health_trust_code = p.health_trust_code
    where p.valid_to is null
)
select
    m.municipality_code as municipality_id,
    m.municipality_name,
    m.name_unique,
    m.county_code as county_id,
    m.county_name,
    t.health_trust_code as health_trust_id,
    t.rhf_code as region_id,
    m.amk_code as amk_id,
    m.centrality_class,
    u.is_urban = 1 as is_urban,
    m.valid_from
from {{ ref('municipalities') }} as m
left join trusts as t on t.municipality_code = m.municipality_code
left join {{ ref('urban_municipalities') }} as u on u.municipality_code = m.municipality_code
