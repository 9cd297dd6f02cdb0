{% test unique_rows(model, columns) %}
select {{ columns | join(', ') }}, count(*) as row_count
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}

{#- Every row of every listed batch was taken in exactly once, by the count of its files. -#}
{% test batches_taken_in(model, contract, staging) %}
{{ config(enabled=target.type == 'duckdb') }}
with listed as (
    select b.batch_id, coalesce(s.row_count, 0) as row_count
    from {{ ref('stg_lake__batches') }} as b
    left join (select _batch_id, count(*) as row_count from {{ staging }} group by _batch_id) as s
        on s._batch_id = b.batch_id
    where b.contract = '{{ contract }}'
),
taken_in as (
    select batch_id, sum(row_count) as row_count
    from {{ state_table('load_log') }}
    where contract = '{{ contract }}'
    group by batch_id
)
select l.batch_id, l.row_count, t.row_count as taken_in_count
from listed as l
left join taken_in as t on t.batch_id = l.batch_id
where t.batch_id is null or t.row_count <> l.row_count
{% endtest %}

{#- Periods of validity of a key follow each other without overlap or gap. -#}
{% test unbroken_periods(model, key) %}
with periods as (
    select
        {{ key }},
        valid_from,
        valid_to,
        lead(valid_from, 1) over (partition by {{ key }} order by valid_from) as next_from
    from {{ model }}
)
select {{ key }}, valid_from, valid_to, next_from
from periods
where valid_to <= valid_from
    or (next_from is not null and (valid_to is null or valid_to <> next_from))
{% endtest %}

{#- The hours of a week add up to the KPIs of the same unit and period.
      sums  KPI -> column -> the number of kpi_values that its sum is -#}
{% test week_is_whole(model, sums) %}
with weeks as (
    select
        segment, period_grain, period_start, level, unit_id, count(*) as hour_count
        {%- for name in ['calls', 'unanswered', 'answered_valid', 'handled', 'in_time', 'in_time_of'] %},
        sum({{ name }}) as {{ name }}
        {%- endfor %}
    from {{ model }}
    group by segment, period_grain, period_start, level, unit_id
)
{%- for kpi_id, columns in sums.items() %}
{%- set kpi = kpi_in_force(kpi_id) %}
select '{{ kpi_id }}' as kpi_id, w.*
from weeks as w
left join {{ ref('kpi_values') }} as k
    on k.kpi_id = '{{ kpi_id }}' and k.kpi_version = {{ kpi.version }} and k.segment = w.segment
    and k.period_grain = w.period_grain and k.period_start = w.period_start
    and k.level = w.level and k.unit_id = w.unit_id
where w.segment in ({{ quoted(kpi.segments) }}) and (
    w.hour_count <> 168
    {%- for column, number in columns.items() %}
    or coalesce(w.{{ column }}, -1) <> coalesce(k.{{ number }}, 0)
    {%- endfor %}
)
{{ 'union all' if not loop.last }}
{%- endfor %}
{% endtest %}

{#- The classes of a unit and period hold every time that the percentile of the KPI is taken of. -#}
{% test classes_are_whole(model, kpi) %}
{%- set found = kpi_in_force(kpi) %}
with classes as (
    select segment, period_grain, period_start, level, unit_id, sum(n) as n, max(total) as total
    from {{ model }}
    group by segment, period_grain, period_start, level, unit_id
)
select c.*, k.n as kpi_n
from classes as c
left join {{ ref('kpi_values') }} as k
    on k.kpi_id = '{{ found.id }}' and k.kpi_version = {{ found.version }} and k.segment = c.segment
    and k.period_grain = c.period_grain and k.period_start = c.period_start
    and k.level = c.level and k.unit_id = c.unit_id
where k.n is null or c.n <> k.n or c.total <> k.n
{% endtest %}
