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
