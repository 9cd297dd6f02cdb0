{#- Reading the lake: which batches there are, which of them a model has not taken in. -#}

{% macro contracts() %}
{{ return(['call', 'alarm', 'video_session', 'lat_request', 'lat_readiness']) }}
{% endmacro %}

{% macro stagings() %}
{{ return({
    'call': 'stg_lake__calls', 'alarm': 'stg_lake__alarms',
    'video_session': 'stg_lake__video_sessions', 'lat_request': 'stg_lake__lat_requests',
    'lat_readiness': 'stg_lake__lat_readiness',
}) }}
{% endmacro %}

{% macro lake_path() %}
{{ return(var('lake_path') or env_var('AKUTT_HOME', 'data') ~ '/lake') }}
{% endmacro %}

{#- Every accepted row of a contract, the named columns only, as an explicit list of files.
    Without a batch the relation is empty and typed, so everything downstream still builds. -#}
{% macro lake_rows(contract, columns) %}
{%- set batches = ref('stg_lake__batches') -%}
{%- set paths = [] -%}
{%- if execute and load_relation(batches) is not none -%}
    {%- set listed = run_query(
        "select path from " ~ batches ~ " where contract = '" ~ contract ~ "' order by batch_id"
    ) -%}
    {%- do paths.extend(listed.columns[0].values()) -%}
{%- endif -%}
select
{%- for name, type in columns.items() %}
    cast({{ name if paths else 'null' }} as {{ type }}) as {{ name }}{{ ',' if not loop.last }}
{%- endfor %}
{% if paths -%}
from {{ parquet_files(paths, columns.keys() | list) }} as r  -- {{ source('lake', contract) }}
{%- else -%}
where 1 = 0  -- {{ source('lake', contract) }}
{%- endif %}
{% endmacro %}

{#- Columns every staging model has: key, revision, warnings and lineage. -#}
{% macro record_columns() %}
{{ return({
    'source_system': 'string', 'source_id': 'string', 'revision': 'integer',
    'deleted': 'boolean', 'extract_at': 'timestamp', 'event_date': 'date',
}) }}
{% endmacro %}

{% macro lineage_columns() %}
{{ return({
    'has_order_warning': 'boolean', 'has_missing_warning': 'boolean',
    'has_timing_warning': 'boolean', '_source': 'string', '_file_id': 'string',
    '_row_number': 'bigint', '_batch_id': 'string', '_delivered_on': 'date',
}) }}
{% endmacro %}

{% macro pending_batches_sql(contract) %}
select batch_id from {{ ref('stg_lake__batches') }}
where contract = '{{ contract }}'
    and batch_id not in (
        select batch_id from {{ state_table('load_log') }}
        where contract = '{{ contract }}' and batch_id is not null
    )
{% endmacro %}

{#- Predicate that picks the rows of batches not taken in yet. Literal batch ids let the
    reader skip the row groups of every other batch. -#}
{% macro is_pending(contract) %}
{%- if not is_incremental() -%}
1 = 1
{%- else -%}
    {%- set ids = run_query(pending_batches_sql(contract) ~ ' order by batch_id').columns[0].values() if execute else [] -%}
    {%- if ids -%}
_batch_id in ({% for id in ids %}'{{ id }}'{{ ', ' if not loop.last }}{% endfor %})
    {%- else -%}
1 = 0
    {%- endif -%}
{%- endif -%}
{% endmacro %}

{% macro latest_first() -%}
revision desc, extract_at desc, _file_id desc, _row_number desc
{%- endmacro %}

{#- The latest revision of every business key among the pending rows, tombstones included.
    First load: only keys whose hash occurs more than once are windowed, so millions of rows
    with one revision are not sorted. Later: rows that an already stored revision beats fall away. -#}
{% macro latest_revisions(staging, contract) %}
{%- set key_hash = row_hash(['source_system', 'source_id']) -%}
{%- if not is_incremental() -%}
{#- The staging relation is named three times: as a CTE it would be held in memory. -#}
with repeated as (
    select {{ key_hash }} as key_hash
    from {{ staging }}
    group by 1
    having count(*) > 1
),
repeated_rows as (
    select * from {{ staging }} where {{ key_hash }} in (select key_hash from repeated)
),
latest as (
    select * from {{ staging }} where {{ key_hash }} not in (select key_hash from repeated)
    union all
    select * from repeated_rows
    qualify row_number() over (
        partition by source_system, source_id order by {{ latest_first() }}
    ) = 1
)
{%- else -%}
with ranked as (
    select * from {{ staging }}
    where {{ is_pending(contract) }}
    qualify row_number() over (
        partition by source_system, source_id order by {{ latest_first() }}
    ) = 1
),
stored as (
    select t.source_system, t.source_id, t.revision, t.extract_at, t._file_id, t._row_number
    from {{ this }} as t
    where (t.source_system, t.source_id) in (select source_system, source_id from ranked)
),
latest as (
    select r.*
    from ranked as r
    left join stored as s
        on s.source_system = r.source_system and s.source_id = r.source_id
    where s.source_id is null
        or r.revision > s.revision
        or (r.revision = s.revision and r.extract_at > s.extract_at)
        or (r.revision = s.revision and r.extract_at = s.extract_at and r._file_id > s._file_id)
        or (
            r.revision = s.revision and r.extract_at = s.extract_at
            and r._file_id = s._file_id and r._row_number > s._row_number
        )
)
{%- endif %}
{% endmacro %}
