{#- SQL from the KPI registry. `kpi_families` and `kpi_definitions` (generated from kpis/*.yaml) say
    which measures a family has and which KPIs are made of them; the macros here turn that into
    the aggregates and the branches of kpi_values. -#}

{#- The measures of a family over the rows of its fact, as select columns. -#}
{% macro measure_columns(family) -%}
{%- set columns = family_columns(family, ['rows']) -%}
{%- for name, expression in columns.items() %}
    {{ expression }} as {{ name }}{{ ',' if not loop.last }}
{%- endfor %}
{%- endmacro %}

{#- Column name to aggregate. Parts:
      rows    counts and sums over the rows of the fact
      summed  the same from rows that hold them for smaller cells or shorter periods already -#}
{% macro family_columns(family, parts) %}
{%- set definition = kpi_families()[family] -%}
{%- set columns = {} -%}
{%- if 'rows' in parts -%}
    {%- do columns.update(definition.measures) -%}
    {%- for name, column in definition.squares.items() -%}
        {%- do columns.update({name: sum_of_squares(column)}) -%}
    {%- endfor -%}
{%- endif -%}
{%- if 'summed' in parts -%}
    {%- for name in definition.measures -%}
        {%- do columns.update({name: whole_sum(name)}) -%}
    {%- endfor -%}
    {%- for name in definition.squares -%}
        {%- do columns.update({name: 'cast(sum(' ~ name ~ ') as decimal(38, 0))'}) -%}
    {%- endfor -%}
{%- endif -%}
{{ return(columns) }}
{% endmacro %}

{#- Whole numbers, so that the order of rows does not show; 18 digits hold the square of 11 days. -#}
{% macro sum_of_squares(column) -%}
cast(sum(cast({{ column }} as decimal(18, 0)) * cast({{ column }} as decimal(18, 0))) as decimal(38, 0))
{%- endmacro %}

{#- Every level and period of a family's measures; percentiles as columns of their own, with limits.
      rows   a table, or what is left of a view: the rows of touched periods, of touched weeks and months
             where no percentile reads them
      times  given when rows are cells, which hold counts only: what the percentiles read -#}
{% macro aggregate_family(family, rows, contracts, times=none, levels=none) %}
{%- set definition = kpi_families()[family] -%}
{%- set units = levels or definition.units -%}
{%- set measures = family_columns(family, ['summed' if times else 'rows']) -%}
{%- set names = measures.keys() | list -%}
select
    c.segment,
    c.period_grain,
    c.period_start,
    c.level,
    c.unit_id
    {%- for group in percentiles_by_levels(family, units) %}
    {%- for column, percentiles in group.percentiles.items() %}
    {%- for name in percentiles %},
    {%- for part in ['', '_lower', '_upper'] %}
    coalesce({{ group.alias }}.{{ column }}_{{ name }}{{ part }}, {{ column }}.{{ column }}_{{ name }}{{ part }}) as {{ column }}_{{ name }}{{ part }}{{ ',' if not loop.last }}
    {%- endfor %}
    {%- endfor %}
    {%- endfor %}
    {%- endfor %}
    {%- for name in names %},
    c.{{ name }}
    {%- endfor %}
from (
    {%- if adds_up(family) %}
    {{ add_up_periods(rows, contracts, units, measures, family_columns(family, ['summed']), segment=definition.segment) }}
    {%- else %}
    {{ aggregate_periods(rows, contracts, units, measures, segment=definition.segment) }}
    {%- endif %}
) as c
{%- for group in percentiles_by_levels(family, units) %}
left join (
    -- Before the join, so that no list of durations is kept longer than it takes to read it.
    select
        segment, period_grain, period_start, level, unit_id
        {%- for column, percentiles in group.percentiles.items() %}
        {%- for name, p in percentiles.items() %},
        {{ percentile_columns(column, name, p) }}
        {%- endfor %}
        {%- endfor %}
    from (
        {{ aggregate_periods(times or rows, contracts, group.units, group.sorted, definition.segment, counted_grains()) }}
    ) as a
) as {{ group.alias }}
    on {{ group.alias }}.segment = c.segment and {{ group.alias }}.period_grain = c.period_grain
    and {{ group.alias }}.period_start = c.period_start
    and {{ group.alias }}.level = c.level and {{ group.alias }}.unit_id = c.unit_id
{%- for column, percentiles in group.percentiles.items() %}
left join (
    {{ percentiles_of_months(times or rows, contracts, group.units, column, percentiles, definition.segment) }}
) as {{ column }}
    on {{ column }}.segment = c.segment and {{ column }}.period_grain = c.period_grain
    and {{ column }}.period_start = c.period_start
    and {{ column }}.level = c.level and {{ column }}.unit_id = c.unit_id
{%- endfor %}
{%- endfor %}
{% endmacro %}

{#- The percentiles of a family, together where KPIs ask for them at the same levels of the units:
    sorting is what takes the time, and a superseded definition is kept for the country alone. -#}
{% macro percentiles_by_levels(family, units) %}
{%- set found = {} -%}
{%- for column, asked in kpi_families()[family].percentiles.items() -%}
    {%- set places = {} -%}
    {%- for level, unit in units.items() if level in asked.levels -%}
        {%- do places.update({level: unit}) -%}
    {%- endfor -%}
    {%- set key = places.keys() | join(' ') -%}
    {%- if places and key not in found -%}
        {%- do found.update({key: {
            'units': places, 'percentiles': {}, 'sorted': {}, 'alias': 'p' ~ (found | length or '')
        }}) -%}
    {%- endif -%}
    {%- if places -%}
        {%- do found[key].percentiles.update({column: asked.at}) -%}
        {%- do found[key].sorted.update({column ~ '_sorted': sorted_list(column)}) -%}
    {%- endif -%}
{%- endfor -%}
{{ return(found.values() | list) }}
{% endmacro %}

{#- Are a family's measures of a year the sums of those of its months? -#}
{% macro adds_up(family) -%}
{{ return('distinct' not in kpi_families()[family].measures.values() | join(' ')) }}
{%- endmacro %}

{#- A percentile and its limits, out of the sorted durations of a cell. -#}
{% macro percentile_columns(column, name, p) -%}
{%- set sorted = column ~ '_sorted' -%}
{{ sorted_percentile(sorted, p) }} as {{ column }}_{{ name }},
    {{ rank_limit(sorted, p, 'lower') }} as {{ column }}_{{ name }}_lower,
    {{ rank_limit(sorted, p, 'upper') }} as {{ column }}_{{ name }}_upper
{%- endmacro %}

{#- A linear form (measure, coefficient pairs) as SQL. -#}
{% macro linear(terms, alias='a') -%}
{%- if terms -%}
({% for name, coefficient in terms -%}
{{ ' - ' if coefficient < 0 else (' + ' if not loop.first) }}
{{- coefficient | abs ~ ' * ' if coefficient | abs != 1 }}{{ alias }}.{{ name }}
{%- endfor %})
{%- else -%}
null
{%- endif -%}
{%- endmacro %}

{#- The relation a KPI reads: its family, or the family beside person-years or another family. -#}
{% macro kpi_relation(kpi) -%}
{%- if kpi.kind == 'rate' -%}{{ kpi.family }}_rates
{%- elif kpi.other -%}{{ kpi.family }}_with_{{ kpi.other }}
{%- else -%}{{ kpi.family }}
{%- endif -%}
{%- endmacro %}

{#- family, other family, KPIs: families with a KPI whose denominator is of another family. -#}
{% macro paired_families() %}
{%- set pairs = {} -%}
{%- for kpi in kpi_definitions() if kpi.other -%}
    {%- do pairs.update({(kpi.family, kpi.other): 1}) -%}
{%- endfor -%}
{{ return(pairs.keys() | list) }}
{% endmacro %}

{#- Families with a KPI per person-years. -#}
{% macro rated_families() %}
{%- set names = {} -%}
{%- for kpi in kpi_definitions() if kpi.kind == 'rate' -%}{%- do names.update({kpi.family: 1}) -%}{%- endfor -%}
{{ return(names.keys() | list) }}
{% endmacro %}

{#- The measure that the first KPI per person-years of a family counts. -#}
{% macro rated_measure(family) %}
{%- set found = [] -%}
{%- for kpi in kpi_definitions() if kpi.kind == 'rate' and kpi.family == family -%}
    {%- do found.append(kpi.numerator[0][0]) -%}
{%- endfor -%}
{{ return(found[0]) }}
{% endmacro %}

{#- Share of a country's events that may come from centrals without people of their own. -#}
{% macro outside_share() -%}
0.1e0
{%- endmacro %}

{#- One KPI of the registry for every segment, period, level and unit that its relation holds. -#}
{% macro kpi_branch(kpi) %}
{%- set is_duration = kpi.kind in ('interval', 'mean') -%}
{%- set is_hours = kpi.kind in ('hours', 'hours_count') -%}
{%- set numerator = linear(kpi.numerator) -%}
{%- set denominator = linear(kpi.denominator) -%}
{%- set n = linear(kpi.n) -%}
{%- if kpi.base and kpi.kind in ('count', 'hours_count') -%}
    {#- Nothing counted of what is not known is not zero. -#}
    {%- set numerator = '(case when ' ~ linear(kpi.known) ~ ' > 0 or ' ~ linear(kpi.base) ~ ' = 0 then ' ~ numerator ~ ' end)' -%}
{%- endif -%}
select
    '{{ kpi.id }}' as kpi_id,
    {{ kpi.version }} as kpi_version,
    '{{ kpi.kind }}' as kind,
    cast({{ kpi.factor }} as double) as factor,
    a.segment,
    a.period_grain,
    a.period_start,
    a.level,
    a.unit_id,
    {% if kpi.kind == 'interval' -%}
    cast(null as double) as numerator,
    cast(null as double) as denominator,
    {%- elif kpi.kind == 'mean' -%}
    cast({{ numerator }} / {{ kpi.ms_per_unit }}e0 as double) as numerator,
    cast(null as double) as denominator,
    {%- elif is_hours -%}
    {{ numerator }} / 36e5 as numerator,
    {{ denominator ~ ' / 36e5' if kpi.denominator else 'cast(null as double)' }} as denominator,
    {%- else -%}
    cast({{ numerator }} as double) as numerator,
    cast({{ denominator }} as double) as denominator,
    {%- endif %}
    cast({{ n }} as bigint) as n,
    {% if kpi.kind == 'interval' -%}
    a.{{ kpi.column }} / {{ kpi.ms_per_unit }}e0
    {%- elif kpi.kind == 'mean' -%}
    1e0 * {{ numerator }} / nullif({{ n }}, 0) / {{ kpi.ms_per_unit }}e0
    {%- elif kpi.kind == 'count' -%}
    cast({{ numerator }} as double)
    {%- elif kpi.kind == 'hours_count' -%}
    {{ numerator }} / 36e5
    {%- elif kpi.kind == 'excess' -%}
    {{ kpi.factor }}e0 * (1e0 * {{ numerator }} / nullif({{ denominator }}, 0) - {{ chance_of_whole_minute() }})
    {%- else -%}
    {{ kpi.factor }}e0 * {{ numerator }} / nullif({{ denominator }}, 0)
    {%- endif %} as value,
    {% if not kpi.base -%}
    cast(1 as double)
    {%- elif kpi.kind in ('count', 'hours_count') -%}
    case when {{ linear(kpi.base) }} = 0 then 1e0 else 1e0 * {{ linear(kpi.known) }} / {{ linear(kpi.base) }} end
    {%- else -%}
    1e0 * {{ linear(kpi.known) }} / nullif({{ linear(kpi.base) }}, 0)
    {%- endif %} as coverage,
    {% if kpi.kind == 'interval' -%}
    a.{{ kpi.column }}_lower / {{ kpi.ms_per_unit }}e0 as lower,
    a.{{ kpi.column }}_upper / {{ kpi.ms_per_unit }}e0 as upper
    {%- elif kpi.kind == 'mean' -%}
    {{ mean_limit(kpi, '-') }} as lower,
    {{ mean_limit(kpi, '+') }} as upper
    {%- else -%}
    cast(null as double) as lower,
    cast(null as double) as upper
    {%- endif %}
from {{ kpi_relation(kpi) }} as a
where a.segment in ({{ quoted(kpi.segments) }}) and a.level in ({{ quoted(kpi.levels) }})
{% endmacro %}

{% macro quoted(values) -%}
{% for value in values %}'{{ value }}'{{ ', ' if not loop.last }}{% endfor %}
{%- endmacro %}

{% macro chance_of_whole_minute() -%}
1e0 / 60e0
{%- endmacro %}

{#- The percentile of sorted values, between the two around it (type 7; Hyndman & Fan 1996). -#}
{% macro sorted_percentile(sorted, p) -%}
{%- set place -%}({{ list_size(sorted) }} - 1) * {{ p }}e0{%- endset -%}
{%- set below -%}{{ list_item(sorted, 'cast(floor(' ~ place ~ ') as int) + 1') }}{%- endset -%}
{%- set above -%}{{ list_item(sorted, 'cast(ceil(' ~ place ~ ') as int) + 1') }}{%- endset -%}
{{ below }} + ({{ place }} - floor({{ place }})) * ({{ above }} - {{ below }})
{%- endmacro %}

{#- 95 % limit of a percentile: the observation at the rank that the binomial distribution gives.
    Null where there are too few observations for one. -#}
{% macro rank_limit(sorted, p, side) -%}
{{ list_item(sorted, 'greatest(0, cast(' ~ percentile_rank(list_size(sorted), p, side) ~ ' as int))') }}
{%- endmacro %}

{#- 95 % limits of a mean, from the sum and the sum of squares: normal approximation, 30 at least. -#}
{% macro mean_limit(kpi, sign) -%}
{%- set n = linear(kpi.n) -%}
{%- set total = 'cast(' ~ linear(kpi.numerator) ~ ' as double)' -%}
{%- set squares = 'cast(a.' ~ kpi.numerator[0][0] ~ '_squares as double)' -%}
(case when {{ n }} >= 30 then (
    {{ total }} / {{ n }} {{ sign }} {{ z_95() }} * sqrt(greatest(0e0,
        ({{ squares }} - {{ total }} * {{ total }} / {{ n }}) / ({{ n }} - 1)
    ) / {{ n }})
) / {{ kpi.ms_per_unit }}e0 end)
{%- endmacro %}

{#- 95 % limits of what is made of counts: Wilson for shares, Poisson for numbers of events. -#}
{% macro count_limit(side) -%}
{%- set wilson = wilson_lower if side == 'lower' else wilson_upper -%}
{%- set poisson = poisson_lower if side == 'lower' else poisson_upper -%}
case
    when value is null then null
    when kind in ('interval', 'mean') then {{ side }}
    when kind = 'share' then factor * {{ wilson('numerator', 'denominator') }}
    when kind = 'excess' then factor * ({{ wilson('numerator', 'denominator') }} - {{ chance_of_whole_minute() }})
    when kind = 'count' then {{ poisson('numerator') }}
    when kind in ('rate', 'ratio', 'standardized') then factor * {{ poisson('numerator') }} / denominator
end
{%- endmacro %}

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
    'calls': ['call', 'call_duplicate', 'call_recall', 'call_cell'],
    'alarms': ['alarm', 'incident'],
    'chain': ['alarm', 'incident', 'chain_link'],
    'video': ['video_session', 'call', 'call_duplicate', 'call_passed_on'],
    'lat': ['lat_request', 'lat_readiness', 'lat_readiness_day'],
    'data_quality': contracts() + ['call_duplicate', 'record_quality'],
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
select distinct m.family, p.period_grain, p.period_start
from {{ new_date_ranges(kpi_changes()) }} as r
inner join (
    {%- for family, changes in family_changes().items() %}
    {%- set last_family = loop.last %}
    {%- for change in changes %}
    select '{{ change }}' as contract, '{{ family }}' as family{{ ' union all' if not (last_family and loop.last) }}
    {%- endfor %}
    {%- endfor %}
) as m on m.contract = r.contract
inner join {{ ref('period_days') }} as p on p.date_day between r.first_date and r.last_date
{% endmacro %}

{% macro touched_kpi_periods() %}
select k.kpi_id, k.version, t.period_grain, t.period_start
from ({{ touched_family_periods() }}) as t
inner join {{ ref('kpi_registry') }} as k on k.family = t.family
{% endmacro %}

{#- On an increment, only the periods of the family that were touched. -#}
{% macro touched_only(family) -%}
{%- if is_incremental() -%}
where (period_grain, period_start) in (
    select period_grain, period_start from touched where family = '{{ family }}'
)
{%- endif -%}
{%- endmacro %}

{#- As touched_only, for the periods of any family. -#}
{% macro is_touched(period) -%}
{%- if is_incremental() -%}
({{ period }}.period_grain, {{ period }}.period_start) in (select period_grain, period_start from touched)
{%- else -%}
1 = 1
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
