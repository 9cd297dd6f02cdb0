{#- One branch of kpi_values per kind of measure. The branches name only the measures; version,
    levels and segments come from the registry.
    Columns: kpi_id, segment, period_grain, period_start, level, unit_id,
             numerator, denominator, n, value, coverage -#}

{% macro kpi_keys(kpi_id) %}
    '{{ kpi_id }}' as kpi_id, a.segment, a.period_grain, a.period_start, a.level, a.unit_id
{%- endmacro %}

{#- Share of a counted denominator, times the scale (100 for per cent). -#}
{% macro kpi_share(kpi_id, relation, numerator, denominator, base=none, scale='1e2') %}
select
    {{ kpi_keys(kpi_id) }},
    cast({{ numerator }} as double) as numerator,
    cast({{ denominator }} as double) as denominator,
    cast({{ denominator }} as bigint) as n,
    {{ scale }} * {{ numerator }} / nullif({{ denominator }}, 0) as value,
    {{ '1e0 * (' ~ denominator ~ ') / nullif(' ~ base ~ ', 0)' if base else 'cast(1 as double)' }} as coverage
from {{ relation }} as a
{% endmacro %}

{#- Percentile of an interval, already computed at the level, in the unit of the KPI. -#}
{% macro kpi_interval(kpi_id, relation, percentile_ms, count, base, ms_per_unit='1e3', numerator='null') %}
select
    {{ kpi_keys(kpi_id) }},
    cast({{ numerator }} as double) as numerator,
    cast(null as double) as denominator,
    cast({{ count }} as bigint) as n,
    {{ percentile_ms }} / {{ ms_per_unit }} as value,
    1e0 * {{ count }} / nullif({{ base }}, 0) as coverage
from {{ relation }} as a
{% endmacro %}

{#- A count: its own numerator. -#}
{% macro kpi_count(kpi_id, relation, count) %}
select
    {{ kpi_keys(kpi_id) }},
    cast({{ count }} as double) as numerator,
    cast(null as double) as denominator,
    cast({{ count }} as bigint) as n,
    cast({{ count }} as double) as value,
    cast(1 as double) as coverage
from {{ relation }} as a
{% endmacro %}

{#- Hours of one thing over hours of another; n is the number of resources. -#}
{% macro kpi_hours(kpi_id, relation, numerator_ms, denominator_ms, known_ms, count) %}
select
    {{ kpi_keys(kpi_id) }},
    {{ numerator_ms }} / 36e5 as numerator,
    {{ denominator_ms }} / 36e5 as denominator,
    cast({{ count }} as bigint) as n,
    1e2 * {{ numerator_ms }} / nullif({{ denominator_ms }}, 0) as value,
    1e0 * {{ known_ms }} / nullif({{ denominator_ms }}, 0) as coverage
from {{ relation }} as a
{% endmacro %}

{#- Is a text value one of a list separated by vertical bars? -#}
{% macro in_list(value, list) -%}
concat('|', {{ list }}, '|') like concat('%|', {{ value }}, '|%')
{%- endmacro %}

{#- Levels with so many units that days without events get no row of their own. -#}
{% macro areas_without_days() -%}
'health_trust', 'county', 'municipality'
{%- endmacro %}

{#- Changes that each KPI family follows. -#}
{% macro family_changes() %}
{{ return({
    'calls': ['call', 'call_duplicate'],
    'alarms': ['alarm', 'incident'],
    'chain': ['alarm', 'incident', 'chain_link'],
    'video': ['video_session', 'call', 'call_duplicate'],
    'lat': ['lat_request', 'lat_readiness', 'lat_readiness_day'],
    'data_quality': contracts() + ['record_quality'],
}) }}
{% endmacro %}

{% macro kpi_changes() %}
{%- set names = [] -%}
{%- for changes in family_changes().values() -%}
    {%- for name in changes if name not in names -%}{%- do names.append(name) -%}{%- endfor -%}
{%- endfor -%}
{{ return(names) }}
{% endmacro %}

{#- family, period_grain, period_start touched by new changes. -#}
{% macro touched_family_periods() %}
select distinct m.family, g.period_grain, {{ grain_start('g.period_grain', 'd') }} as period_start
from {{ new_date_ranges(kpi_changes()) }} as r
inner join (
    {%- for family, changes in family_changes().items() %}
    {%- set last_family = loop.last %}
    {%- for change in changes %}
    select '{{ change }}' as contract, '{{ family }}' as family{{ ' union all' if not (last_family and loop.last) }}
    {%- endfor %}
    {%- endfor %}
) as m on m.contract = r.contract
inner join {{ ref('dim_date') }} as d on d.date_day between r.first_date and r.last_date
cross join {{ grain_list() }} as g
{% endmacro %}

{% macro touched_kpi_periods() %}
select k.kpi_id, t.period_grain, t.period_start
from ({{ touched_family_periods() }}) as t
inner join {{ ref('kpi_registry') }} as k on k.family = t.family
{% endmacro %}

{#- Events per so many person-years; n is the number of events. -#}
{% macro kpi_rate(kpi_id, relation, events, person_years, scale) %}
select
    {{ kpi_keys(kpi_id) }},
    cast({{ events }} as double) as numerator,
    {{ person_years }} as denominator,
    cast({{ events }} as bigint) as n,
    {{ scale }} * {{ events }} / nullif({{ person_years }}, 0) as value,
    cast(1 as double) as coverage
from {{ relation }} as a
{% endmacro %}

{#- On an increment, only the periods of the family that were touched. -#}
{% macro touched_only(family) -%}
{%- if is_incremental() -%}
where (period_grain, period_start) in (
    select period_grain, period_start from touched where family = '{{ family }}'
)
{%- endif -%}
{%- endmacro %}


{#- Was anything delivered for a unit and period? By the sources that cover the unit where they are
    known, else by any source of the record type. -#}
{% macro delivered_joins(contract, keys) %}
left join contract_periods as dp
    on dp.contract = {{ contract }}
    and dp.period_grain = {{ keys }}.period_grain and dp.period_start = {{ keys }}.period_start
left join sourced_units as ds
    on ds.contract = {{ contract }} and ds.level = {{ keys }}.level and ds.unit_id = {{ keys }}.unit_id
left join unit_periods as du
    on du.contract = {{ contract }} and du.level = {{ keys }}.level and du.unit_id = {{ keys }}.unit_id
    and du.period_grain = {{ keys }}.period_grain and du.period_start = {{ keys }}.period_start
{% endmacro %}

{% macro is_delivered() -%}
coalesce(case when ds.unit_id is not null then du.unit_id is not null else dp.is_delivered end, false)
{%- endmacro %}
