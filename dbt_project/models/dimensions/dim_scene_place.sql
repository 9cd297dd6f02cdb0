{{ config(contract={'enforced': true}) }}
{%- set agreed = ['county_id', 'health_trust_id', 'region_id', 'is_urban', 'centrality_class'] -%}
with targets as (
    select t.from_code, t.municipality_id, u.union_id, u.split_on
    from {{ ref('int_municipality_targets') }} as t
    left join {{ ref('dim_municipality_union') }} as u on u.municipality_id = t.municipality_id
),
related as (
    -- Codes that a code came from or went into, itself included.
    select l.from_code as code, l.to_code as other_code from {{ ref('int_municipality_lineage') }} as l
    union
    select l.to_code, l.from_code from {{ ref('int_municipality_lineage') }} as l
),
cuts as (
    -- The days on which something about a code changes.
    select from_code, {{ open_start() }} as cut_on from targets
    union
    select from_code, split_on from targets where split_on is not null
    union
    select t.from_code, h.valid_from
    from targets as t
    inner join {{ ref('municipality_health_trust') }} as h on h.municipality_code = t.municipality_id
    union
    select r.code, c.valid_from
    from related as r
    inner join {{ ref('dim_municipality_code') }} as c on c.municipality_code = r.other_code
),
intervals as (
    select
        from_code,
        cut_on as valid_from,
        lead(cut_on, 1, {{ open_end() }}) over (partition by from_code order by cut_on) as valid_to
    from cuts
    where cut_on >= {{ open_start() }}
),
current_places as (
    -- What all the municipalities a code leads to have in common on a day.
    select
        i.from_code,
        i.valid_from,
        i.valid_to,
        min(t.municipality_id) as municipality_id,
        count(*) as target_count,
        min(t.union_id) as union_id,
        min(t.split_on) as split_on,
        {%- for column in agreed %}
        case when count({{ column }}) = count(*) and min({{ column }}) = max({{ column }})
            then min({{ column }}) end as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from intervals as i
    inner join targets as t on t.from_code = i.from_code
    inner join (
        select municipality_id, county_id, centrality_class, is_urban from {{ ref('dim_municipality') }}
    ) as m on m.municipality_id = t.municipality_id
    left join (
        select
            p.municipality_code, p.valid_from as member_from, p.valid_to as member_to,
            p.health_trust_code as health_trust_id, h.rhf_code as region_id
        from {{ ref('municipality_health_trust') }} as p
        inner join {{ ref('health_trusts') }} as h on h.health_trust_code = p.health_trust_code
    ) as p
        on p.municipality_code = t.municipality_id
        and p.member_from <= i.valid_from
        and (p.member_to is null or p.member_to > i.valid_from)
    group by i.from_code, i.valid_from, i.valid_to
),
event_candidates as (
    -- The code itself on days it is in force, else the relatives that are.
    select
        i.from_code,
        i.valid_from,
        count(*) as code_count,
        min(r.other_code) as municipality_id,
        count(distinct c.county_code) as county_count,
        min(c.county_code) as county_id
    from intervals as i
    inner join {{ ref('dim_municipality_code') }} as f on f.municipality_code = i.from_code
    inner join related as r on r.code = i.from_code
    inner join {{ ref('dim_municipality_code') }} as c
        on c.municipality_code = r.other_code
        and c.valid_from <= i.valid_from and c.valid_to > i.valid_from
    where r.other_code = i.from_code
        or f.valid_from > i.valid_from or f.valid_to <= i.valid_from
    group by i.from_code, i.valid_from
),
placed as (
    select
        p.from_code,
        p.valid_from,
        p.valid_to,
        -- A part has no history of its own before the split.
        case when p.target_count > 1 or p.valid_from < p.split_on then p.union_id
            else p.municipality_id end as municipality_id,
        p.union_id,
        p.county_id,
        p.health_trust_id,
        p.region_id,
        p.is_urban,
        p.centrality_class,
        case when e.code_count = 1 then e.municipality_id else 'UNKNOWN' end as event_municipality_id,
        case when e.county_count = 1 then e.county_id else 'UNKNOWN' end as event_county_id
    from current_places as p
    left join event_candidates as e on e.from_code = p.from_code and e.valid_from = p.valid_from
)
select
    from_code,
    valid_from,
    valid_to,
    municipality_id,
    union_id,
    county_id,
    health_trust_id,
    region_id,
    is_urban,
    cast(centrality_class as integer) as centrality_class,
    case when event_municipality_id <> municipality_id then event_municipality_id end as event_municipality_id,
    case when event_county_id <> coalesce(county_id, 'UNKNOWN') then event_county_id end as event_county_id
from placed
