{{ config(contract={'enforced': true}) }}
{%- set levels = {
    'municipality': 'p.municipality_id', 'union': 'p.union_id', 'county': 'p.county_id',
    'health_trust': 'p.health_trust_id', 'region': 'p.region_id', 'central': 'a.amk_id',
    'national': "'NO'",
} -%}
with known_years as (
    select min(year) as first_year, max(year) as last_year from {{ ref('municipality_population') }}
),
years as (
    -- Years after the last counted one use its population.
    select
        d.year_number,
        least(d.year_number, k.last_year) as population_year,
        d.year_start,
        min(d.date_day) as first_day,
        {{ add_days('max(d.date_day)', 1) }} as next_year_start
    from {{ ref('dim_date') }} as d
    inner join known_years as k on d.year_number >= k.first_year
    group by d.year_number, least(d.year_number, k.last_year), d.year_start
),
centrals as (
    select
        t.from_code,
        case when min(m.amk_id) = max(m.amk_id) then min(m.amk_id) end as amk_id
    from {{ ref('int_municipality_targets') }} as t
    inner join {{ ref('dim_municipality') }} as m on m.municipality_id = t.municipality_id
    group by t.from_code
),
inhabited as (
    -- Each code's population on 1 January, and the areas the code belongs to through the year.
    select
        y.year_number,
        y.next_year_start,
        greatest(p.valid_from, y.first_day) as valid_from,
        least(p.valid_to, y.next_year_start) as valid_to,
        n.population,
        {%- for level, column in levels.items() %}
        {{ column }} as {{ level }}_unit{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('municipality_population') }} as n
    inner join years as y on y.population_year = n.year
    inner join {{ ref('dim_scene_place') }} as p
        on p.from_code = n.municipality_code
        and p.valid_from < y.next_year_start and p.valid_to > y.first_day
    inner join centrals as a on a.from_code = n.municipality_code
    where n.population is not null
),
memberships as (
    {%- for level in levels %}
    select
        '{{ 'municipality' if level == 'union' else level }}' as level, {{ level }}_unit as unit_id,
        year_number, next_year_start, valid_from, valid_to, population
    from inhabited
    where {{ level }}_unit is not null
        {%- if level == 'municipality' %} and municipality_unit <> coalesce(union_unit, ''){% endif %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),
cuts as (
    select level, unit_id, year_number, next_year_start, valid_from as cut_on
    from memberships
    union
    select level, unit_id, year_number, next_year_start, valid_to
    from memberships
    where valid_to < next_year_start
),
intervals as (
    select
        level, unit_id, year_number,
        cut_on as valid_from,
        lead(cut_on, 1, next_year_start) over (
            partition by level, unit_id, year_number order by cut_on
        ) as valid_to
    from cuts
),
counted as (
    select
        i.level, i.unit_id, i.year_number, i.valid_from, i.valid_to,
        cast(sum(m.population) as bigint) as population
    from intervals as i
    inner join memberships as m
        on m.level = i.level and m.unit_id = i.unit_id and m.year_number = i.year_number
        and m.valid_from <= i.valid_from and m.valid_to >= i.valid_to
    group by i.level, i.unit_id, i.year_number, i.valid_from, i.valid_to
),
marked as (
    -- A move within a unit leaves it as it was: neighbours with the same population are one.
    select
        *,
        case when population = lag(population, 1) over (
            partition by level, unit_id, year_number order by valid_from
        ) then 0 else 1 end as is_start
    from counted
),
numbered as (
    select
        *,
        sum(is_start) over (
            partition by level, unit_id, year_number order by valid_from
        ) as stretch
    from marked
)
select
    level,
    unit_id,
    year_number,
    min(valid_from) as valid_from,
    max(valid_to) as valid_to,
    population
from numbered
group by level, unit_id, year_number, population, stretch
