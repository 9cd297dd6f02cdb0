select
    from_code,
    case when count(*) = 1 then min(municipality_id) end as municipality_id,
    count(*) > 1 as is_ambiguous,
    cast(count(*) as integer) as target_count
from {{ ref('int_municipality_targets') }}
group by from_code
