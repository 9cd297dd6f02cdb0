{{ config(materialized='table') }}
{%- set batches = ref('stg_lake__batches') -%}
{%- set paths = [] -%}
{%- if execute and load_relation(batches) is not none -%}
    {%- do paths.extend(run_query(
        'select withdrawal_path from ' ~ batches ~ ' where withdrawal_path is not null order by 1'
    ).columns[0].values()) -%}
{%- endif -%}
{%- set columns = {
    'contract': 'string', 'withdrawal_id': 'string', 'batch_id': 'string', 'file_id': 'string',
    'delivered_on': 'date',
} %}
select
{%- for name, type in columns.items() %}
    cast({{ name if paths else 'null' }} as {{ type }}) as {{ name }}{{ ',' if not loop.last }}
{%- endfor %}
{% if paths -%}
from {{ parquet_files(paths, columns.keys() | list) }} as w
{%- else -%}
where 1 = 0
{%- endif %}
