with resolved as (
    -- A code that was split later has several targets: it counts at the levels where they agree.
    select
        p.municipality_code,
        b.level,
        cast(p.year as integer) as year_number,
        max(p.population) as population,
        min(b.unit_id) as unit_id,
        count(distinct b.unit_id) as unit_count
    from {{ ref('municipality_population') }} as p
    inner join {{ ref('int_municipality_targets') }} as t on t.from_code = p.municipality_code
    inner join {{ ref('bridge_municipality_units') }} as b on b.municipality_id = t.municipality_id
    where p.population is not null
    group by p.municipality_code, b.level, p.year
)
select level, unit_id, year_number, cast(sum(population) as bigint) as population
from resolved
where unit_count = 1
group by level, unit_id, year_number
