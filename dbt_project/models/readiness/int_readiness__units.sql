{{ config(materialized='table') }}
with covered as (
    -- Out-of-hours centrals run no ambulance missions.
    select s.contract, s.source, s.level, s.unit_id, s.valid_from, s.valid_to
    from {{ ref('dim_unit_source') }} as s
    left join {{ ref('dim_unit') }} as u
        on u.unit_id = s.unit_id and u.level = s.level and u.unit_kind = 'LVS'
    where s.level in ('central', 'base') and not (s.contract = 'alarm' and u.unit_id is not null)
),
delivering as (
    select distinct contract, source from {{ ref('stg_lake__deliveries') }}
)
select contract, source, level, unit_id, valid_from, valid_to
from covered
union all
-- A record type with no coverage of its own in the register: each of its sources covers every base.
select d.contract, d.source, u.level, u.unit_id, u.valid_from, u.valid_to
from delivering as d
inner join {{ ref('dim_unit') }} as u
    on u.level = case when d.contract in ('call', 'alarm', 'video_session') then 'central' else 'base' end
    and (u.level = 'central' or u.base_kind in ('HELI', 'PLANE'))
where d.contract not in (select contract from covered)
