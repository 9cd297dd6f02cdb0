{#- Codes changed in 2017, 2018, 2019, 2020, 2022, 2023 and 2024: seven steps reach the present. -#}
with changes as (
    select distinct old_code, new_code
    from {{ ref('municipality_changes') }}
    where old_code <> new_code
),
current_codes as (
    select municipality_id from {{ ref('dim_municipality') }}
),
step_0 as (
    select from_code, from_code as at_code
    from (
        select old_code as from_code from changes
        union
        select new_code from changes
        union
        select municipality_id from current_codes
    ) as codes
),
{%- for step in range(1, 8) %}
step_{{ step }} as (
    select distinct
        w.from_code,
        case when m.municipality_id is null then coalesce(c.new_code, w.at_code) else w.at_code end as at_code
    from step_{{ step - 1 }} as w
    left join current_codes as m on m.municipality_id = w.at_code
    left join changes as c on c.old_code = w.at_code
){{ ',' if not loop.last }}
{%- endfor %}
select w.from_code, w.at_code as municipality_id
from step_7 as w
inner join current_codes as m on m.municipality_id = w.at_code
