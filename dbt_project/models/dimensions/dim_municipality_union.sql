{{ config(contract={'enforced': true}) }}
with named as (
    select t.from_code, t.municipality_id, m.municipality_name
    from {{ ref('int_municipality_targets') }} as t
    inner join {{ ref('dim_municipality') }} as m on m.municipality_id = t.municipality_id
),
unions as (
    select
        from_code,
        {{ joined_text('municipality_id', '+') }} as union_id
    from named
    group by from_code
    having count(*) > 1
),
split_days as (
    -- The day from which the parts are told apart: the last split on the way to them.
    select u.union_id, max(c.change_date) as split_on
    from unions as u
    inner join {{ ref('municipality_changes') }} as c on c.old_code = u.from_code and c.kind = 'split'
    group by u.union_id
),
members as (
    select distinct u.union_id, n.municipality_id, n.municipality_name
    from unions as u
    inner join named as n on n.from_code = u.from_code
),
names as (
    select union_id, {{ joined_text('municipality_name', ' + ') }} as union_name
    from members
    group by union_id
)
select m.union_id, n.union_name, m.municipality_id, d.split_on
from members as m
inner join names as n on n.union_id = m.union_id
inner join split_days as d on d.union_id = m.union_id
