select l.from_code, l.to_code as municipality_id
from {{ ref('int_municipality_lineage') }} as l
inner join {{ ref('dim_municipality') }} as m on m.municipality_id = l.to_code
