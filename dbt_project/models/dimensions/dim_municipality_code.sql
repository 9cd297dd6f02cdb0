{{ config(contract={'enforced': true}) }}
with codes as (
    select old_code as municipality_code, old_name as municipality_name, change_date, 1 as is_old, 0 as is_new
    from {{ ref('municipality_changes') }}
    union all
    select new_code, new_name, change_date, 0, 1
    from {{ ref('municipality_changes') }}
),
appearances as (
    -- A merger that keeps a code lists the code both as an old and as a new one.
    select
        municipality_code, change_date,
        max(is_old) as is_old, max(is_new) as is_new, max(municipality_name) as municipality_name
    from codes
    group by municipality_code, change_date
),
ranked as (
    select
        *,
        row_number() over (partition by municipality_code order by change_date) as from_start,
        row_number() over (partition by municipality_code order by change_date desc) as from_end
    from appearances
),
changed as (
    -- Codes are never used again: in force before the first change unless that one made the code,
    -- and after the last unless that one ended it.
    select
        municipality_code,
        max(case when from_end = 1 then municipality_name end) as municipality_name,
        max(case when from_start = 1 and is_old = 0 then change_date end) as started_on,
        max(case when from_end = 1 and is_new = 0 then change_date end) as ended_on
    from ranked
    group by municipality_code
)
select
    coalesce(m.municipality_code, c.municipality_code) as municipality_code,
    coalesce(m.municipality_name, c.municipality_name) as municipality_name,
    -- The first two digits of a Norwegian code; a municipality says which county it is in.
    coalesce(m.county_code, substr(c.municipality_code, 1, 2)) as county_code,
    coalesce(c.started_on, {{ open_start() }}) as valid_from,
    coalesce(c.ended_on, {{ open_end() }}) as valid_to
from changed as c
full outer join {{ ref('municipalities') }} as m on m.municipality_code = c.municipality_code
