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

{#- Columns that a contract did not have from the beginning. -#}
{% macro later_columns() %}
{{ return({'lat_request': [
    'left_scene_at', 'at_destination_at', 'left_destination_at', 'landed_at', 'mission_type', 'patients',
]}) }}
{% endmacro %}

{#- Every accepted row of a contract that has not been withdrawn, the named columns only, as an
    explicit list of files. `source_system` is the space the ids are unique in (macros/keys.sql).
    Without a batch the relation is empty and typed, so everything downstream still builds. -#}
{% macro lake_rows(contract, columns) %}
{%- set batches = ref('stg_lake__batches') -%}
{%- set withdrawn = ref('stg_lake__withdrawn') -%}
{%- set paths = [] -%}
{#- Batches of earlier versions do not have these. -#}
{%- set optional = ['_key_scope', '_unmapped'] + later_columns().get(contract, []) -%}
{%- set expressions = {} -%}
{%- set has_withdrawn = false -%}
{%- if execute and load_relation(batches) is not none -%}
    {%- set listed = run_query(
        "select path from " ~ batches ~ " where contract = '" ~ contract ~ "' and path is not null order by batch_id"
    ) -%}
    {%- do paths.extend(listed.columns[0].values()) -%}
    {%- set there = parquet_columns(paths) if paths else [] -%}
    {%- for name in optional if name not in there -%}{%- do expressions.update({name: 'null'}) -%}{%- endfor -%}
    {%- if '_key_scope' in there -%}{%- do expressions.update({'source_system': key_space()}) -%}{%- endif -%}
    {%- set has_withdrawn = run_query(
        "select count(*) from " ~ withdrawn ~ " where contract = '" ~ contract ~ "'"
    ).columns[0].values()[0] > 0 -%}
{%- endif -%}
select
{%- for name, type in columns.items() %}
    cast({{ expressions.get(name, name) if paths else 'null' }} as {{ type }}) as {{ name }}{{ ',' if not loop.last }}
{%- endfor %}
{% if paths -%}
from {{ parquet_files(paths, columns.keys() | list + ['_key_scope']) }} as r  -- {{ source('lake', contract) }}
{%- if has_withdrawn %}
where (_batch_id, _file_id) not in (
    select batch_id, file_id from {{ withdrawn }} where contract = '{{ contract }}'
)
{%- endif %}
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
    '_row_number': 'bigint', '_batch_id': 'string', '_delivered_on': 'date', '_unmapped': 'string',
}) }}
{% endmacro %}

{#- Predicate: the row's source has all of these columns, so that an empty one means no. -#}
{% macro is_mapped(columns) -%}
({% for name in columns %}coalesce(_unmapped, '') not like '%|{{ name }}|%'{{ ' and ' if not loop.last }}{% endfor %})
{%- endmacro %}

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

{#- What the withdrawals not taken in yet take back: file_id of batch_id. -#}
{% macro newly_withdrawn(contract) -%}
(
    select batch_id, file_id, delivered_on from {{ ref('stg_lake__withdrawn') }}
    where contract = '{{ contract }}' and withdrawal_id in ({{ pending_batches_sql(contract) }})
)
{%- endmacro %}

{% macro has_newly_withdrawn(contract) %}
{%- set withdrawn = ref('stg_lake__withdrawn') -%}
{{ return(
    execute and keeps_state() and load_relation(withdrawn) is not none
    and run_query('select count(*) from ' ~ newly_withdrawn(contract) ~ ' as w').columns[0].values()[0] > 0
) }}
{% endmacro %}

{#- The latest revision of every business key among the pending rows, tombstones included, with the
    sources that have delivered rows of the key (`_sources`, more than one is a matter for the
    release). First load: only keys whose hash occurs more than once are windowed, so millions of
    rows with one revision are not sorted. Later: rows that an already stored revision beats fall
    away. A key is judged anew, from every row the lake has of it, when rows of it were withdrawn or
    when a source delivers it that has not before. -#}
{% macro latest_revisions(staging, contract) %}
{%- set key_hash = row_hash(['source_system', 'source_id']) -%}
{%- set first_of_key -%}
qualify row_number() over (
        partition by source_system, source_id order by {{ latest_first() }}
    ) = 1
{%- endset -%}
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
sources as (
    {{ sources_of_keys('repeated_rows') }}
),
latest as (
    select *, _source as _sources
    from {{ staging }} where {{ key_hash }} not in (select key_hash from repeated)
    union all
    select r.*, s._sources
    from (select * from repeated_rows {{ first_of_key }}) as r
    inner join sources as s
        on s.source_system = r.source_system and s.source_id = r.source_id
)
{%- else -%}
with arrived as (
    select * from {{ staging }}
    where {{ is_pending(contract) }}
),
ranked as (
    select * from arrived
    {{ first_of_key }}
),
sources as (
    {{ sources_of_keys('arrived') }}
),
stored as (
    select t.source_system, t.source_id, t.revision, t.extract_at, t._file_id, t._row_number, t._sources
    from {{ this }} as t
    where (t.source_system, t.source_id) in (select source_system, source_id from ranked)
),
renewed as (
    select a.source_system, a.source_id
    from arrived as a
    inner join stored as s
        on s.source_system = a.source_system and s.source_id = a.source_id
    where {{ dbt.position("concat(',', a._source, ',')", "concat(',', s._sources, ',')") }} = 0
    {%- if has_newly_withdrawn(contract) %}
    union
    select source_system, source_id
    from {{ this }}
    where {{ is_unsettled(contract) }}
    {%- endif %}
),
renewed_rows as (
    select * from {{ staging }}
    where (source_system, source_id) in (select source_system, source_id from renewed)
),
renewed_sources as (
    {{ sources_of_keys('renewed_rows') }}
),
latest as (
    select r.*, coalesce(s._sources, n._sources) as _sources
    from ranked as r
    inner join sources as n
        on n.source_system = r.source_system and n.source_id = r.source_id
    left join stored as s
        on s.source_system = r.source_system and s.source_id = r.source_id
    where (r.source_system, r.source_id) not in (select source_system, source_id from renewed)
        and (
            s.source_id is null
            or r.revision > s.revision
            or (r.revision = s.revision and r.extract_at > s.extract_at)
            or (r.revision = s.revision and r.extract_at = s.extract_at and r._file_id > s._file_id)
            or (
                r.revision = s.revision and r.extract_at = s.extract_at
                and r._file_id = s._file_id and r._row_number > s._row_number
            )
        )
    union all
    select r.*, s._sources
    from (select * from renewed_rows {{ first_of_key }}) as r
    inner join renewed_sources as s
        on s.source_system = r.source_system and s.source_id = r.source_id
)
{%- endif %}
{% endmacro %}

{% macro sources_of_keys(rows) -%}
select source_system, source_id, {{ joined_text('_source', ',') }} as _sources
    from {{ rows }}
    group by source_system, source_id
{%- endmacro %}

{#- Predicate over stored rows: one that was withdrawn, or of a key to which several sources have
    contributed, of which one may have been withdrawn. -#}
{% macro is_unsettled(contract) -%}
(_batch_id, _file_id) in (select batch_id, file_id from {{ newly_withdrawn(contract) }} as w)
        or _sources like '%,%'
{%- endmacro %}
