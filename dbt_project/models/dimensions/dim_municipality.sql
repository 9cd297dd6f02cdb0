select
    m.municipality_code as municipality_id,
    m.municipality_name,
    m.name_unique,
    m.county_code as county_id,
    m.county_name,
    m.health_trust_code as health_trust_id,
    m.rhf_code as region_id,
    m.amk_code as amk_id,
    m.centrality_class,
    u.is_urban = 1 as is_urban,
    m.valid_from
from {{ ref('municipalities') }} as m
left join {{ ref('urban_municipalities') }} as u using (municipality_code)
