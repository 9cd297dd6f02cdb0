{#- What readiness is measured on, per contract. unit = column with the reporting unit;
    anchor = the event that a row should be delivered within 48 hours of. -#}
{% macro readiness_sources() %}
{{ return({
    'call': {'latest': 'int_calls__latest', 'unit': 'central_id', 'level': 'central', 'anchor': 'ring_start_at'},
    'alarm': {'latest': 'int_alarms__latest', 'unit': 'central_id', 'level': 'central', 'anchor': 'coalesce(received_at, alerted_at)'},
    'video_session': {'latest': 'int_video_sessions__latest', 'unit': 'central_id', 'level': 'central', 'anchor': 'link_sent_at'},
    'lat_request': {'latest': 'int_lat_requests__latest', 'unit': 'base_id', 'level': 'base', 'anchor': 'requested_at'},
    'lat_readiness': {'latest': 'int_lat_readiness__latest', 'unit': 'base_id', 'level': 'base', 'anchor': 'start_at'},
}) }}
{% endmacro %}

{#- The warehouse keeps a hash of the caller's pseudonym, not the pseudonym. -#}
{% macro readiness_column(field) -%}
{{ return('caller_key' if field == 'caller_pseudonym' else field) }}
{%- endmacro %}

{#- Counted per day in one pass over a contract's rows: field, measure, part, whole (SQL). -#}
{% macro readiness_counts(contract) %}
{%- set anchor = readiness_sources()[contract]['anchor'] -%}
{%- set rows = 'count(*)' -%}
{%- set late = 'revision = 1 and ' ~ ms_between(anchor, 'extract_at') ~ ' > 172800000' -%}
{%- set measures = [
    ('*', 'within_48h', count_if('not (' ~ late ~ ')'), rows),
    ('*', 'times_trusted', count_if('not has_timing_warning'), rows),
] -%}
{%- if contract != 'lat_readiness' -%}
    {%- do measures.append(('*', 'in_order', count_if('not has_order_warning'), rows)) -%}
{%- endif -%}
{%- if contract == 'alarm' -%}
    {%- set pressed = 'at_scene_at is not null and available_at is not null and cancelled_at is null' -%}
    {%- do measures.append(('*', 'not_batch_pressed', count_if(pressed ~ ' and at_scene_at <> available_at'), count_if(pressed))) -%}
{%- endif -%}
{%- for field in readiness_fields()[contract] -%}
    {%- set column = readiness_column(field['name']) -%}
    {%- if field['expected'] -%}
        {%- do measures.append((
            field['name'], 'present_wanted' if field['is_wanted'] else 'present',
            count_if(field['expected'] ~ ' and ' ~ column ~ ' is not null'), count_if(field['expected']),
        )) -%}
    {%- endif -%}
    {#- Shifts of aircraft are planned and logged by the minute. -#}
    {%- if field['kind'] == 'timestamp' and contract != 'lat_readiness' -%}
        {%- do measures.append((
            field['name'], 'to_the_second',
            count_if('mod(' ~ epoch_ms(column) ~ ', 60000) <> 0'), 'count(' ~ column ~ ')',
        )) -%}
    {%- endif -%}
{%- endfor -%}
{{ return(measures) }}
{% endmacro %}

{#- contract, date_day: days whose readiness may have changed. A link may reach one day forth or
    back, so a change touches its neighbours and the records that refer to it. -#}
{% macro touched_readiness(margin=1) %}
select distinct m.contract, d.date_day
from {{ new_date_ranges(contracts() + ['chain_link']) }} as r
inner join (
    {%- for contract in contracts() %}
    select '{{ contract }}' as changed, '{{ contract }}' as contract union all
    {%- endfor %}
    select 'alarm', 'call' union all
    select 'chain_link', 'alarm' union all
    select 'call', 'video_session' union all
    select 'alarm', 'lat_request'
) as m on m.changed = r.contract
inner join {{ ref('dim_date') }} as d
    on d.date_day between {{ add_days('r.first_date', -margin) }} and {{ add_days('r.last_date', margin) }}
{% endmacro %}

{#- Predicate: the row's date is to be counted (again). -#}
{% macro in_touched_readiness(contract, column, margin=1) -%}
{%- if is_incremental() -%}
{{ column }} in (select date_day from ({{ touched_readiness(margin) }}) as t where t.contract = '{{ contract }}')
{%- else -%}
1 = 1
{%- endif -%}
{%- endmacro %}

{#- Predicate: two dates are at most one day apart. -#}
{% macro near(one, other) -%}
{{ one }} between {{ add_days(other, -1) }} and {{ add_days(other, 1) }}
{%- endmacro %}

{#- batch_id, source of every batch with accepted rows. -#}
{% macro batch_sources() %}
{%- if keeps_state() %}
select distinct batch_id, source from {{ state_table('load_log') }} where source is not null
{%- else %}
{%- for staging in stagings().values() %}
select distinct _batch_id as batch_id, _source as source from {{ ref(staging) }}
{{ 'union all' if not loop.last }}
{%- endfor %}
{%- endif %}
{% endmacro %}

{#- A small Parquet file in the lake folder, the named columns; empty and typed where there is none. -#}
{% macro lake_file(name, columns) %}
{%- set path = lake_path() ~ '/' ~ name -%}
{%- set exists = execute and lake_file_exists(path) -%}
select
{%- for column, type in columns.items() %}
    cast({{ column if exists else 'null' }} as {{ type }}) as {{ column }}{{ ',' if not loop.last }}
{%- endfor %}
{% if exists -%}
from {{ parquet_files([path], columns.keys() | list) }} as f
{%- else -%}
where 1 = 0
{%- endif %}
{% endmacro %}

{% macro lake_file_exists(path) %}{{ return(adapter.dispatch('lake_file_exists', 'akuttkjede')(path)) }}{% endmacro %}
{% macro default__lake_file_exists(path) %}
{{ return(run_query("select count(*) from glob('" ~ path | replace("'", "''") ~ "')").columns[0].values()[0] > 0) }}
{% endmacro %}
{#- Spark has no way to ask; the caller says whether the receipts were summed up. -#}
{% macro spark__lake_file_exists(path) %}{{ return(var('has_tallies', false)) }}{% endmacro %}

{#- Grade of a share given in per cent. -#}
{% macro grade_of(value, measures) -%}
case
    when {{ value }} is null then null
    when {{ value }} >= {{ measures }}.at_least_a then 'A'
    when {{ value }} >= {{ measures }}.at_least_b then 'B'
    when {{ value }} >= {{ measures }}.at_least_c then 'C'
    else 'D'
end
{%- endmacro %}

{#- Share of good in per cent. Times are expected to fall on a whole minute once in sixty. -#}
{% macro readiness_share(measure, part, whole) -%}
case
    when {{ measure }} = 'to_the_second' then least(1e2, 1e2 * {{ part }} / nullif({{ whole }}, 0) + 1e2 / 60)
    else 1e2 * {{ part }} / nullif({{ whole }}, 0)
end
{%- endmacro %}

{#- Why a grade was given, in words that repeat: the number stands in its own column. -#}
{% macro grade_reason(grade, m, language) -%}
{%- set words = {
    'nb': {'name': 'name_nb', 'none': 'for få rader til å si noe', 'least': 'minst', 'under': 'under'},
    'en': {'name': 'name_en', 'none': 'too few rows to say', 'least': 'at least', 'under': 'under'},
}[language] -%}
concat({{ m }}.{{ words['name'] }}, ': ', case
    when {{ grade }} is null then '{{ words['none'] }}'
    when {{ grade }} = 'A' then concat('{{ words['least'] }} ', {{ percent_text(m ~ '.at_least_a', language) }})
    when {{ grade }} = 'B' then concat('{{ words['under'] }} ', {{ percent_text(m ~ '.at_least_a', language) }})
    when {{ grade }} = 'C' then concat('{{ words['under'] }} ', {{ percent_text(m ~ '.at_least_b', language) }})
    else concat('{{ words['under'] }} ', {{ percent_text(m ~ '.at_least_c', language) }})
end)
{%- endmacro %}

{% macro percent_text(number, language) -%}
{%- set text = "replace(cast(" ~ number ~ " as " ~ dbt.type_string() ~ "), '.0', '')" -%}
concat({{ "replace(" ~ text ~ ", '.', ',')" if language == 'nb' else text }}, ' %')
{%- endmacro %}

{#- Unit and period grains of readiness. -#}
{% macro readiness_grains() %}{{ return(['month', 'quarter', 'year']) }}{% endmacro %}
