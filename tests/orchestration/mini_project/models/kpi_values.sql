select
    'calls_offered' as kpi_id, 2 as kpi_version, '113' as segment, 'day' as period_grain,
    event_date as period_start, 'national' as level, 'NO' as unit_id, '2024' as geography_version,
    cast(null as double) as numerator, cast(null as double) as denominator, count(*) as n,
    cast(count(*) as double) as value, cast(null as double) as lower, cast(null as double) as upper,
    cast(1 as double) as coverage, 'ok' as status
from {{ ref('stg_lake__calls') }}
group by event_date
