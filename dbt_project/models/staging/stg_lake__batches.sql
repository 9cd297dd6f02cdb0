{{ config(materialized='table') }}
{%- set files = {'path': 'accepted.parquet', 'withdrawal_path': 'withdrawn.parquet'} -%}
{% for contract in contracts() %}
select
    '{{ contract }}' as contract,
    batch_id,
    {%- for column, file in files.items() %}
    max(case when path like '%/{{ file }}' then path end) as {{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
from ({{ lake_batch_files(contract) }}) as f
where substr(batch_id, 1, 1) not in ('.', '_')
    and ({% for file in files.values() %}path like '%/{{ file }}'{{ ' or ' if not loop.last }}{% endfor %})
group by batch_id
{{ 'union all' if not loop.last }}
{% endfor %}
