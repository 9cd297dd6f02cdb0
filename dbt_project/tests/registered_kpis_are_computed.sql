-- A row is an active KPI of the registry that kpi_values has no row for although its records exist.
with spans as (
    select contract from {{ state_table('load_log') }} where row_count > 0 group by contract
)
select k.kpi_id
from {{ ref('kpi_registry') }} as k
inner join spans as s on s.contract = k.contract
where k.status = 'active'
    and k.kpi_id not in (select distinct kpi_id from {{ ref('kpi_values') }})
