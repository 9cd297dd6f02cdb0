{#- What is compared with what. A unit's group of a year follows its population on 1 January; before
    the first year known and after the last, those years' groups stand. -#}
{{ config(contract={'enforced': true}) }}
with municipality_years as (
    select
        m.municipality_id as unit_id, m.centrality_class, p.population, p.year_number
    from {{ ref('dim_municipality') }} as m
    inner join {{ ref('dim_population') }} as p
        on p.level = 'municipality' and p.unit_id = m.municipality_id
        and p.valid_from = {{ january_first('p.year_number') }}
),
catchment_years as (
    select
        c.central_id as unit_id,
        y.year_number,
        sum(y.population) as population,
        1e0 * sum(y.population * y.centrality_class) / nullif(sum(y.population), 0) as mean_class
    from {{ ref('central_catchments') }} as c
    inner join municipality_years as y
        on y.unit_id = c.municipality_code
        and c.valid_from <= {{ january_first('y.year_number') }}
        and coalesce(c.valid_to, {{ open_end() }}) > {{ january_first('y.year_number') }}
    group by c.central_id, y.year_number
),
bands as (
    {%- for class, bands in municipality_bands().items() %}
    {%- set last_class = loop.last %}
    {%- for first in bands %}
    select
        'municipality' as level, {{ class }} as zone, {{ first }} as first_population,
        {{ bands[loop.index0 + 1] if not loop.last else 'null' }} as end_population,
        'centrality_{{ class }}{{ '_from_' ~ first if bands | length > 1 }}' as group_id,
        'Sentralitetsklasse {{ class }}{{ band_name(bands, loop.index0, 'nb') }}' as name_nb,
        'Centrality class {{ class }}{{ band_name(bands, loop.index0, 'en') }}' as name_en
    union all
    {%- endfor %}
    {%- endfor %}
    {%- for zone in catchment_zones() %}
    {%- set last_zone = loop.last %}
    {%- for first in zone.bands %}
    select
        'central', {{ zone.zone }}, {{ first }},
        {{ zone.bands[loop.index0 + 1] if not loop.last else 'null' }},
        'catchment_{{ zone.zone }}_from_{{ first }}',
        '{{ zone.nb }}{{ band_name(zone.bands, loop.index0, 'nb') }}',
        '{{ zone.en }}{{ band_name(zone.bands, loop.index0, 'en') }}'
    {{ 'union all' if not (last_zone and loop.last) }}
    {%- endfor %}
    {%- endfor %}
),
placed as (
    select 'municipality' as level, unit_id, year_number, population, centrality_class as zone
    from municipality_years
    union all
    select
        'central', unit_id, year_number, population,
        case
            {%- for zone in catchment_zones() %}
            when mean_class < {{ zone.below }} then {{ zone.zone }}
            {%- endfor %}
        end
    from catchment_years
),
yearly as (
    select
        p.level, p.unit_id, p.year_number, b.group_id, b.name_nb, b.name_en,
        lag(b.group_id) over (partition by p.level, p.unit_id order by p.year_number) as earlier_group_id
    from placed as p
    inner join bands as b
        on b.level = p.level and b.zone = p.zone
        and p.population >= b.first_population
        and (b.end_population is null or p.population < b.end_population)
),
changed as (
    select
        level, unit_id, group_id, name_nb, name_en,
        case when earlier_group_id is null then {{ open_start() }} else {{ january_first('year_number') }} end as valid_from
    from yearly
    where earlier_group_id is null or earlier_group_id <> group_id
),
banded as (
    select
        level, unit_id,
        case level when 'municipality' then 'centrality_population' else 'catchment_centrality' end as scheme,
        group_id, name_nb, name_en, valid_from,
        coalesce(lead(valid_from) over (partition by level, unit_id order by valid_from), {{ open_end() }}) as valid_to
    from changed
),
kostra as (
    -- A code that was split later leads to several municipalities: theirs are not guessed.
    select
        t.municipality_id as unit_id,
        min(k.group_code) as group_code,
        min(k.group_name) as group_name,
        k.valid_from,
        min(coalesce(k.valid_to, {{ open_end() }})) as valid_to
    from {{ ref('kostra_groups') }} as k
    inner join (
        select from_code, min(municipality_id) as municipality_id
        from {{ ref('int_municipality_targets') }}
        group by from_code
        having count(*) = 1
    ) as t on t.from_code = k.municipality_code
    group by t.municipality_id, k.valid_from
    having count(distinct k.group_code) = 1
),
areas as (
    select distinct level, unit_id
    from {{ ref('bridge_municipality_units') }}
    where level in ('region', 'health_trust', 'county') and unit_id is not null
)
select level, unit_id, scheme, group_id, name_nb, name_en, valid_from, valid_to
from banded
union all
select
    'municipality', unit_id, 'kostra', concat('kostra_', group_code), group_name, group_name, valid_from, valid_to
from kostra
union all
select
    level, unit_id, 'funnel', 'amk', 'AMK-sentralene', 'the AMK centrals', valid_from, valid_to
from {{ ref('dim_unit') }}
where unit_kind = 'AMK'
union all
select
    level, unit_id, 'aircraft', concat('aircraft_', lower(base_kind)),
    case base_kind when 'HELI' then 'Legehelikopterbaser' when 'PLANE' then 'Ambulanseflybaser' else 'Redningshelikopterbaser' end,
    case base_kind when 'HELI' then 'Helicopter bases' when 'PLANE' then 'Aeroplane bases' else 'Rescue helicopter bases' end,
    valid_from, valid_to
from {{ ref('dim_unit') }}
where unit_kind = 'LAT_BASE' and base_kind is not null
union all
select
    level, unit_id, 'level', level,
    case level when 'region' then 'Helseregionene' when 'health_trust' then 'Helseforetakene' else 'Fylkene' end,
    case level when 'region' then 'Health regions' when 'health_trust' then 'Health trusts' else 'Counties' end,
    {{ open_start() }}, {{ open_end() }}
from areas
