{%- set levels = {
    'municipality': 'municipality_id', 'county': 'county_id', 'health_trust': 'health_trust_id',
    'region': 'region_id', 'central': 'amk_id'
} -%}
select municipality_id, 'national' as level, 'NO' as unit_id
from {{ ref('dim_municipality') }}
{%- for level, column in levels.items() %}
union all
select municipality_id, '{{ level }}' as level, {{ column }} as unit_id
from {{ ref('dim_municipality') }}
{%- endfor %}
