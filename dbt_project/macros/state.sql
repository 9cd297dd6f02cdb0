{#- Incremental state. Three small tables in schema `ops`:
      load_log  what a producing model has taken in, per batch, source, delivery date and event date;
      changes   which keys and event dates each load touched, before and after;
      consumed  how far in the changes each consuming model has come.
    A model writes its lines in the transaction that writes its rows, so after a crash its
    position and its content always agree. -#}

{#- Increments need transactions. Where there are none (Spark without a table format) every build
    is a full one: the incremental models are plain tables and nothing is logged. -#}
{% macro keeps_state() %}{{ return(adapter.dispatch('keeps_state', 'akuttkjede')()) }}{% endmacro %}
{% macro default__keeps_state() %}{{ return(true) }}{% endmacro %}
{% macro spark__keeps_state() %}{{ return(false) }}{% endmacro %}

{% macro state_schema() %}{{ return('ops') }}{% endmacro %}

{% macro state_table(name) %}{{ return(state_schema() ~ '.' ~ name) }}{% endmacro %}

{% macro create_state_tables() %}
{% if execute and keeps_state() and flags.WHICH in ['build', 'run', 'test'] %}
create schema if not exists {{ state_schema() }};
create table if not exists {{ state_table('load_log') }} (
    contract {{ dbt.type_string() }}, load_no bigint, batch_id {{ dbt.type_string() }},
    source {{ dbt.type_string() }}, delivered_on date, event_date date, row_count bigint
);
alter table {{ state_table('load_log') }} add column if not exists event_date date;
create table if not exists {{ state_table('changes') }} (
    contract {{ dbt.type_string() }}, load_no bigint,
    source_system {{ dbt.type_string() }}, source_id {{ dbt.type_string() }},
    group_id {{ dbt.type_string() }}, first_date date, last_date date
);
create table if not exists {{ state_table('consumed') }} (
    model {{ dbt.type_string() }}, contract {{ dbt.type_string() }}, load_no bigint
);
{% endif %}
{% endmacro %}

{#- Changes that every consumer has taken in are of no more use. -#}
{% macro prune_changes() %}
{% if execute and keeps_state() and flags.WHICH in ['build', 'run'] %}
delete from {{ state_table('changes') }} as c
where exists (
    select 1
    from (
        select contract, min(load_no) as load_no
        from (
            select model, contract, max(load_no) as load_no
            from {{ state_table('consumed') }}
            group by model, contract
        ) as position
        group by contract
    ) as slowest
    where slowest.contract = c.contract and c.load_no <= slowest.load_no
)
{% endif %}
{% endmacro %}

{% macro next_load_no(contract) -%}
(select coalesce(max(load_no), 0) + 1 from {{ state_table('load_log') }} where contract = '{{ contract }}')
{%- endmacro %}

{#- Producer, before it writes: a rebuild from nothing starts its log again. -#}
{% macro reset_load_log(contract) %}
{% if keeps_state() and not is_incremental() %}
delete from {{ state_table('changes') }} where contract = '{{ contract }}';
delete from {{ state_table('consumed') }} where contract = '{{ contract }}';
delete from {{ state_table('load_log') }} where contract = '{{ contract }}'
{% endif %}
{% endmacro %}

{#- Producer that reads the lake, after it has written. -#}
{% macro log_batches(contract, staging) %}
{% if keeps_state() %}
{% if has_newly_withdrawn(contract) -%}
update {{ state_table('load_log') }} as l
set row_count = coalesce((
    select count(*) from {{ staging }} as r
    where r._batch_id = l.batch_id and r._source = l.source and r._delivered_on = l.delivered_on
        and r.event_date = l.event_date
), 0)
where l.contract = '{{ contract }}' and l.source is not null
    and l.batch_id in (select batch_id from {{ newly_withdrawn(contract) }} as w);
{%- endif %}
insert into {{ state_table('load_log') }}
    (contract, load_no, batch_id, source, delivered_on, event_date, row_count)
select
    '{{ contract }}', {{ next_load_no(contract) }}, b.batch_id, r._source, r._delivered_on, r.event_date,
    coalesce(r.row_count, 0)
from ({{ pending_batches_sql(contract) }}) as b
left join (
    select _batch_id, _source, _delivered_on, event_date, count(*) as row_count
    from {{ staging }}
    where {{ is_logged_pending(contract) }}
    group by _batch_id, _source, _delivered_on, event_date
) as r on r._batch_id = b.batch_id
{% endif %}
{% endmacro %}

{#- As is_pending, but by the log alone: in a post hook the model itself exists already. -#}
{% macro is_logged_pending(contract) %}
{%- set ids = run_query(pending_batches_sql(contract)).columns[0].values() if execute else [] -%}
{%- if ids -%}
_batch_id in ({% for id in ids %}'{{ id }}'{{ ', ' if not loop.last }}{% endfor %})
{%- else -%}
1 = 0
{%- endif -%}
{% endmacro %}

{#- Producer that derives from other models, after it has written. -#}
{% macro log_derived(contract) %}
{% if keeps_state() %}
insert into {{ state_table('load_log') }} (contract, load_no)
select '{{ contract }}', {{ next_load_no(contract) }}
where exists (
        select 1 from {{ state_table('changes') }}
        where contract = '{{ contract }}' and load_no = {{ next_load_no(contract) }}
    )
    or not exists (select 1 from {{ state_table('load_log') }} where contract = '{{ contract }}')
{% endif %}
{% endmacro %}

{#- Consumer, before it writes. A rebuild from nothing forgets its positions. An increment needs
    one for everything it follows: without, a producer was rebuilt and this model was not. -#}
{% macro reset_consumed(contracts) %}
{%- if not keeps_state() -%}
{%- elif not is_incremental() -%}
delete from {{ state_table('consumed') }} where model = '{{ this.identifier }}'
{%- elif execute -%}
    {%- set known = run_query(
        "select distinct contract from " ~ state_table('consumed') ~ " where model = '" ~ this.identifier ~ "'"
    ).columns[0].values() -%}
    {%- for contract in contracts if contract not in known -%}
        {%- do exceptions.raise_compiler_error(
            this.identifier ~ " cannot follow the changes of '" ~ contract
            ~ "', which was rebuilt from nothing: build everything with --full-refresh"
        ) -%}
    {%- endfor -%}
{%- endif -%}
{% endmacro %}

{#- Consumer, after it has written: its position in everything it follows, zero included. -#}
{% macro log_consumed(contracts) %}
{% if keeps_state() %}
insert into {{ state_table('consumed') }} (model, contract, load_no)
{%- for contract in contracts %}
select '{{ this.identifier }}', '{{ contract }}', l.load_no
from (
    select coalesce(max(load_no), 0) as load_no
    from {{ state_table('load_log') }} where contract = '{{ contract }}'
) as l
where l.load_no > (
    select coalesce(max(load_no), -1) from {{ state_table('consumed') }}
    where model = '{{ this.identifier }}' and contract = '{{ contract }}'
)
{{ 'union all' if not loop.last }}
{%- endfor %}
{% endif %}
{% endmacro %}

{#- Changes of one contract that the current model has not taken in. -#}
{% macro new_changes(contract) -%}
(
    select * from {{ state_table('changes') }}
    where contract = '{{ contract }}'
        and load_no > (
            select coalesce(max(load_no), 0) from {{ state_table('consumed') }}
            where model = '{{ this.identifier }}' and contract = '{{ contract }}'
        )
)
{%- endmacro %}

{#- As new_changes, for several contracts at once: contract, first_date, last_date. -#}
{% macro new_date_ranges(contracts) -%}
(
    select distinct c.contract, c.first_date, c.last_date
    from {{ state_table('changes') }} as c
    left join (
        select contract, max(load_no) as load_no
        from {{ state_table('consumed') }}
        where model = '{{ this.identifier }}'
        group by contract
    ) as p on p.contract = c.contract
    where c.contract in ({% for contract in contracts %}'{{ contract }}'{{ ', ' if not loop.last }}{% endfor %})
        and c.load_no > coalesce(p.load_no, 0)
)
{%- endmacro %}

{#- Event dates touched by changes the current model has not taken in. -#}
{% macro touched_dates(contracts) %}
select distinct d.date_day
from {{ new_date_ranges(contracts) }} as r
inner join {{ ref('dim_date') }} as d on d.date_day between r.first_date and r.last_date
{% endmacro %}

{#- These dates, the day before and the day after each. -#}
{% macro neighbouring_dates(contracts) %}
select distinct n.date_day
from ({{ touched_dates(contracts) }}) as t
inner join {{ ref('dim_date') }} as n
    on n.date_day between {{ add_days('t.date_day', -1) }} and {{ add_days('t.date_day', 1) }}
{% endmacro %}

{#- contract, source, delivered_on, event_date of the rows of every delivery. -#}
{% macro arrivals() %}
{%- if keeps_state() %}
select distinct contract, source, delivered_on, event_date
from {{ state_table('load_log') }}
where row_count > 0
{%- else %}
{%- for contract, staging in stagings().items() %}
select distinct '{{ contract }}' as contract, _source as source, _delivered_on as delivered_on, event_date
from {{ ref(staging) }}
{{ 'union all' if not loop.last }}
{%- endfor %}
{%- endif %}
{% endmacro %}

{#- contract, source, covered_on: a file covers its delivery date, and one of several days the days of
    its records. -#}
{% macro covered_days() %}
select contract, source, delivered_on as covered_on from ({{ deliveries() }}) as d
union
select contract, source, covered_on from {{ ref('stg_lake__covered_days') }}
{% endmacro %}

{#- contract, source, delivered_on of every delivery with accepted rows. -#}
{% macro deliveries() %}
{%- if keeps_state() %}
select distinct contract, source, delivered_on
from {{ state_table('load_log') }}
where row_count > 0
{%- else %}
{%- for contract, staging in stagings().items() %}
select distinct '{{ contract }}' as contract, _source as source, _delivered_on as delivered_on
from {{ ref(staging) }}
{{ 'union all' if not loop.last }}
{%- endfor %}
{%- endif %}
{% endmacro %}
