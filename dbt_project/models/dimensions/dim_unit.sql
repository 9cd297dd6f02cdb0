select
    unit_id,
    unit_name,
    unit_kind,
    case when unit_kind = 'LAT_BASE' then 'base' else 'central' end as level,
    health_trust_code as health_trust_id,
    rhf_code as region_id,
    municipality_code as municipality_id,
    base_kind,
    aircraft_count,
    valid_from,
    coalesce(valid_to, {{ open_end() }}) as valid_to,
    is_synthetic = 1 as is_synthetic
from {{ ref('units') }}
