{{ config(contract={'enforced': true}) }}
with series as (
    select
        k.kpi_id, k.version, u.segment, u.level, u.unit_id,
        case when k.contract = 'segment' then u.segment else k.contract end as contract,
        min(u.valid_from) as first_on
    from {{ ref('kpi_registry') }} as k
    inner join {{ ref('dim_kpi_unit') }} as u
        on u.family = k.family
        and {{ in_list('u.segment', 'k.segments') }} and {{ in_list('u.level', 'k.levels') }}
    where k.status = 'active'
    group by
        k.kpi_id, k.version, u.segment, u.level, u.unit_id,
        case when k.contract = 'segment' then u.segment else k.contract end
)
select
    s.kpi_id,
    cast(s.version as integer) as kpi_version,
    s.segment,
    s.level,
    s.unit_id,
    b.break_date,
    b.kind,
    b.text_nb,
    b.text_en
from series as s
inner join {{ ref('kpi_breaks') }} as b
    on (b.kpi_id = s.kpi_id or (b.kpi_id is null and b.contract = s.contract))
    and (b.level is null or b.level = s.level)
    and (b.unit_id is null or b.unit_id = s.unit_id)
    and b.break_date >= s.first_on
