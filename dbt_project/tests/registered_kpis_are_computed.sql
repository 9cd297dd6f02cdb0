-- depends_on: {{ ref('stg_lake__calls') }}, {{ ref('stg_lake__alarms') }}, {{ ref('stg_lake__video_sessions') }}
-- depends_on: {{ ref('stg_lake__lat_requests') }}, {{ ref('stg_lake__lat_readiness') }}
-- A row is an active KPI of the registry that kpi_values has no row for although its records exist.
with spans as (
    select distinct contract from ({{ deliveries() }}) as d
)
select k.kpi_id
from {{ ref('kpi_registry') }} as k
inner join spans as s on s.contract = k.contract
where k.status = 'active'
    and k.kpi_id not in (select distinct kpi_id from {{ ref('kpi_values') }})
