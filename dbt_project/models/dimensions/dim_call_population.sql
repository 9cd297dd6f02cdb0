{{ config(contract={'enforced': true}) }}
{#- People each call central answers to: an emergency central by its municipalities, an out-of-hours
    central by the catchments in force on 1 January. -#}
with years as (
    select distinct year_number, valid_from as first_day
    from {{ ref('dim_population') }}
    where level = 'national' and valid_from = {{ start_of('year', 'valid_from') }}
),
known_years as (
    select max(year) as last_year from {{ ref('municipality_population') }}
),
catchments as (
    -- A code that was split counts where all its parts have the same central.
    select
        n.municipality_code,
        y.year_number,
        y.first_day,
        max(n.population) as population,
        min(c.central_id) as central_id
    from years as y
    cross join known_years as k
    inner join {{ ref('municipality_population') }} as n on n.year = least(y.year_number, k.last_year)
    inner join {{ ref('int_municipality_targets') }} as t on t.from_code = n.municipality_code
    inner join {{ ref('central_catchments') }} as c
        on c.municipality_code = t.municipality_id
        and c.valid_from <= y.first_day and (c.valid_to is null or c.valid_to > y.first_day)
    where n.population is not null
    group by n.municipality_code, y.year_number, y.first_day
    having min(c.central_id) = max(c.central_id)
)
select
    s.segment,
    p.level,
    p.unit_id,
    p.year_number,
    p.valid_from,
    p.valid_to,
    p.population
from {{ ref('dim_population') }} as p
inner join (select '113' as segment union all select '116117') as s
    on p.level in ('national', 'region') or (p.level = 'central' and s.segment = '113')
union all
select
    '116117' as segment,
    'central' as level,
    central_id as unit_id,
    year_number,
    first_day as valid_from,
    cast({{ dbt.dateadd('year', 1, 'first_day') }} as date) as valid_to,
    cast(sum(population) as bigint) as population
from catchments
group by central_id, year_number, first_day
