{{ config(
    materialized='view' if target.type == 'duckdb' else 'table',
    contract={'enforced': true},
    tags=['reference'],
) }}
{#- A view: nothing is computed until somebody asks, and loads leave it alone. Families whose facts
    have a scene; rates are left out, because populations are known for the present division only.
    On Spark a table: the text of the view is longer than its metastore takes. -#}
{%- set families = {'incidents': 'fct_incidents', 'missions': 'fct_missions'} -%}
{%- set levels = {'municipality': 'event_municipality_id', 'county': 'event_county_id'} -%}
with last_change as (
    select max(change_date) as changed_on
    from {{ ref('municipality_changes') }}
    where old_code <> new_code
),
{%- for family, fact in families.items() %}
{{ family }}_facts as (
    -- The week of the last change is whole: its first days may lie before it.
    select f.*
    from {{ ref(fact) }} as f
    cross join last_change as c
    where f.event_date < {{ add_days('c.changed_on', 7) }}
        {%- if family == 'missions' %} and f.is_counted{% endif %}
),
{{ family }} as (
    {{ aggregate_family(family, family ~ '_facts', [], levels=levels) }}
),
{%- endfor %}
results as (
    {%- for kpi in kpi_definitions() if kpi.family in families and kpi.kind != 'rate' and not kpi.other
        and kpi.levels | select('in', levels.keys() | list) | list %}
    {{ kpi_branch(kpi) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)
select
    kpi_id,
    cast(kpi_version as integer) as kpi_version,
    segment,
    period_grain,
    period_start,
    level,
    unit_id,
    'event' as geography_version,
    numerator,
    denominator,
    n,
    cast(value as double) as value,
    cast({{ count_limit('lower') }} as double) as lower,
    cast({{ count_limit('upper') }} as double) as upper,
    cast(coverage as double) as coverage,
    case when value is null then 'no_data' else 'ok' end as status
from results
cross join last_change as c
where period_start < c.changed_on
