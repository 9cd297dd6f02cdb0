{{ config(contract={'enforced': true}) }}
with trusts as (
    select
        p.municipality_code as municipality_id,
        p.health_trust_code as health_trust_id,
        h.rhf_code as region_id,
        p.valid_from,
        coalesce(p.valid_to, {{ open_end() }}) as valid_to
    from {{ ref('municipality_health_trust') }} as p
    inner join {{ ref('health_trusts') }} as h on h.health_trust_code = p.health_trust_code
),
unions as (
    select municipality_id, union_id, split_on from {{ ref('dim_municipality_union') }}
)
select
    municipality_id, 'national' as level, 'NO' as unit_id,
    {{ open_start() }} as valid_from, {{ open_end() }} as valid_to
from {{ ref('dim_municipality') }}
union all
select
    m.municipality_id, 'municipality' as level, m.municipality_id as unit_id,
    coalesce(u.split_on, {{ open_start() }}) as valid_from, {{ open_end() }} as valid_to
from {{ ref('dim_municipality') }} as m
left join unions as u on u.municipality_id = m.municipality_id
union all
select municipality_id, 'municipality' as level, union_id as unit_id, {{ open_start() }}, {{ open_end() }}
from unions
{%- for level, column in {'county': 'county_id', 'central': 'amk_id'}.items() %}
union all
select municipality_id, '{{ level }}' as level, {{ column }} as unit_id, {{ open_start() }}, {{ open_end() }}
from {{ ref('dim_municipality') }}
{%- endfor %}
{%- for level in ['health_trust', 'region'] %}
union all
select municipality_id, '{{ level }}' as level, {{ level }}_id as unit_id, valid_from, valid_to
from trusts
{%- endfor %}
