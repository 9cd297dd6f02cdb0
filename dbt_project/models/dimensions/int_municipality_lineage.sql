{#- Codes changed in 2017, 2018, 2019, 2020, 2022, 2023 and 2024: three doublings reach eight steps. -#}
with steps_1 as (
    select old_code as from_code, new_code as to_code
    from {{ ref('municipality_changes') }}
    union
    select municipality_code, municipality_code
    from {{ ref('dim_municipality_code') }}
),
{%- for steps in [2, 4, 8] %}
steps_{{ steps }} as (
    select distinct a.from_code, b.to_code
    from steps_{{ steps // 2 }} as a
    inner join steps_{{ steps // 2 }} as b on b.from_code = a.to_code
){{ ',' if not loop.last }}
{%- endfor %}
select from_code, to_code
from steps_8
