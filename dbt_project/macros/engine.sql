{#- What differs between DuckDB and Spark, and nothing else. -#}

{% macro row_hash(columns) %}{{ return(adapter.dispatch('row_hash', 'akuttkjede')(columns)) }}{% endmacro %}
{% macro default__row_hash(columns) %}hash({{ columns | join(', ') }}){% endmacro %}
{% macro spark__row_hash(columns) %}xxhash64({{ columns | join(', ') }}){% endmacro %}

{% macro hash_type() %}{{ return(adapter.dispatch('hash_type', 'akuttkjede')()) }}{% endmacro %}
{% macro default__hash_type() %}ubigint{% endmacro %}
{% macro spark__hash_type() %}bigint{% endmacro %}

{% macro epoch_ms(timestamp) %}{{ return(adapter.dispatch('epoch_ms', 'akuttkjede')(timestamp)) }}{% endmacro %}
{% macro default__epoch_ms(timestamp) %}epoch_ms({{ timestamp }}){% endmacro %}
{% macro spark__epoch_ms(timestamp) %}unix_millis({{ timestamp }}){% endmacro %}

{#- Whole milliseconds from one timestamp to a later one; null when either is missing. -#}
{% macro ms_between(earlier, later) -%}
({{ epoch_ms(later) }} - {{ epoch_ms(earlier) }})
{%- endmacro %}

{#- An interval of a row: as ms_between, and nothing where its stamps are in order only by the
    tolerance of their source. -#}
{% macro interval_ms(earlier, later) -%}
case when {{ later }} < {{ earlier }} then 0 else {{ ms_between(earlier, later) }} end
{%- endmacro %}

{% macro add_days(date, days) -%}
cast({{ dbt.dateadd('day', days, date) }} as date)
{%- endmacro %}

{#- Timestamps are naive UTC in every table. -#}
{% macro add_hours(timestamp, hours) -%}
cast({{ dbt.dateadd('hour', hours, timestamp) }} as timestamp)
{%- endmacro %}

{% macro start_of(grain, date) -%}
cast(date_trunc('{{ grain }}', {{ date }}) as date)
{%- endmacro %}

{#- Exact percentiles (continuous, type 7) of one column in one pass, as a list; null stays out. -#}
{% macro percentiles(column, shares) %}{{ return(adapter.dispatch('percentiles', 'akuttkjede')(column, shares)) }}{% endmacro %}
{% macro default__percentiles(column, shares) %}quantile_cont({{ column }}, [{{ shares | join(', ') }}]){% endmacro %}
{% macro spark__percentiles(column, shares) %}percentile({{ column }}, array({{ shares | join(', ') }})){% endmacro %}

{#- The item at a position from 1 on; null for 0 and beyond the end. -#}
{% macro list_item(list, position) %}{{ return(adapter.dispatch('list_item', 'akuttkjede')(list, position)) }}{% endmacro %}
{% macro default__list_item(list, position) %}list_extract({{ list }}, {{ position }}){% endmacro %}
{% macro spark__list_item(list, position) %}get({{ list }}, {{ position }} - 1){% endmacro %}

{#- The values of a group in order, without those that are missing; empty or null where none is left. -#}
{% macro sorted_list(column) %}{{ return(adapter.dispatch('sorted_list', 'akuttkjede')(column)) }}{% endmacro %}
{% macro default__sorted_list(column) %}list({{ column }} order by {{ column }}) filter (where {{ column }} is not null){% endmacro %}
{% macro spark__sorted_list(column) %}sort_array(collect_list({{ column }})){% endmacro %}

{% macro list_size(list) %}{{ return(adapter.dispatch('list_size', 'akuttkjede')(list)) }}{% endmacro %}
{% macro default__list_size(list) %}len({{ list }}){% endmacro %}
{% macro spark__list_size(list) %}array_size({{ list }}){% endmacro %}

{#- One select that lists the Parquet files of a contract's batches: batch_id, path. One listing, so
    that a folder is seen with all its files or not at all. -#}
{% macro lake_batch_files(contract) %}{{ return(adapter.dispatch('lake_batch_files', 'akuttkjede')(contract)) }}{% endmacro %}
{% macro default__lake_batch_files(contract) %}
select
    list_extract(string_split(replace(file, '\', '/'), '/'), -2) as batch_id,
    replace(file, '\', '/') as path
from glob('{{ lake_path() }}/{{ contract }}/*/*.parquet')
{% endmacro %}
{% macro spark__lake_batch_files(contract) %}
select distinct
    element_at(split(_metadata.file_path, '/'), -2) as batch_id,
    _metadata.file_path as path
from parquet.`{{ lake_path() }}/{{ contract }}/*/*.parquet`
{% endmacro %}

{#- A relation over the given Parquet files, columns found by name; null where a file lacks one. -#}
{% macro parquet_files(paths, columns) %}{{ return(adapter.dispatch('parquet_files', 'akuttkjede')(paths, columns)) }}{% endmacro %}
{% macro default__parquet_files(paths, columns) %}
read_parquet([
    {%- for path in paths %}
    '{{ path | replace("'", "''") }}'{{ ',' if not loop.last }}
    {%- endfor %}
], union_by_name = true)
{% endmacro %}
{% macro spark__parquet_files(paths, columns) %}
(
    {%- for path in paths %}
    {%- set there = parquet_columns([path]) %}
    select
        {%- for name in columns %}
        {{ name if name in there else 'null as ' ~ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from parquet.`{{ path }}`{{ ' union all' if not loop.last }}
    {%- endfor %}
)
{% endmacro %}

{#- Names of the columns that the files have, all together. -#}
{% macro parquet_columns(paths) %}{{ return(adapter.dispatch('parquet_columns', 'akuttkjede')(paths)) }}{% endmacro %}
{% macro default__parquet_columns(paths) %}
{{ return(run_query('select * from ' ~ parquet_files(paths, []) ~ ' limit 0').column_names) }}
{% endmacro %}
{% macro spark__parquet_columns(paths) %}
{%- set names = {} -%}
{%- for path in paths -%}
    {%- for name in run_query('select * from parquet.`' ~ path ~ '` limit 0').column_names -%}{%- do names.update({name: 1}) -%}{%- endfor -%}
{%- endfor -%}
{{ return(names.keys() | list) }}
{% endmacro %}

{#- dbt-spark binds seed values as text without escaping and writes an empty cell as 'None'. -#}
{% macro spark__load_csv_rows(model, agate_table) %}
{%- if not agate_table.rows -%}{{ return('') }}{%- endif -%}
{%- set types = model['config'].get('column_types', {}) -%}
{%- set statement -%}
insert into {{ this.render() }} values
{%- for row in agate_table.rows %}
({%- for name in agate_table.column_names -%}
    {%- set value = row[loop.index0] -%}
    cast({{ 'null' if value is none else "'" ~ (value | string | replace("\\", "\\\\") | replace("'", "\\'")) ~ "'" }} as {{ types.get(name, adapter.convert_type(agate_table, loop.index0)) }})
    {{- ', ' if not loop.last -}}
{%- endfor -%}){{ ',' if not loop.last }}
{%- endfor %}
{%- endset -%}
{%- do adapter.add_query(statement, abridge_sql_log=True) -%}
{{ return(statement) }}
{% endmacro %}

{#- Distinct texts of a group in order, with a separator between. -#}
{% macro joined_text(column, separator) %}{{ return(adapter.dispatch('joined_text', 'akuttkjede')(column, separator)) }}{% endmacro %}
{% macro default__joined_text(column, separator) %}string_agg(distinct {{ column }}, '{{ separator }}' order by {{ column }}){% endmacro %}
{% macro spark__joined_text(column, separator) %}array_join(sort_array(collect_set({{ column }})), '{{ separator }}'){% endmacro %}
