{#- Incremental strategies. Both replace exactly what new batches touched, in one transaction. -#}

{#- keyed_changes: replace the rows of the touched keys and record which keys and dates changed.
    Model meta:
      produces  name the changes are recorded under
      change    SQL expressions for the recorded columns (source_system, source_id, group_id,
                first_date, last_date), rendered when the model runs; those left out are null
      key       columns that identify a row group, or
      scope     a predicate over the stored rows, rendered when the model runs -#}
{% macro get_incremental_keyed_changes_sql(arg_dict) %}
{%- set target = arg_dict['target_relation'] -%}
{%- set source = arg_dict['temp_relation'] -%}
{%- set columns = arg_dict['dest_columns'] | map(attribute='name') | join(', ') -%}
{%- set meta = config.get('meta') -%}
{%- set number = next_load_no(meta['produces']) -%}
{%- if meta.get('scope') -%}
    {%- set scope = render(meta['scope']) -%}
{%- else -%}
    {%- set keys = meta['key'] | join(', ') -%}
    {%- set scope = '(' ~ keys ~ ') in (select ' ~ keys ~ ' from ' ~ source ~ ')' -%}
    {%- if has_newly_withdrawn(meta['produces']) -%}
        {#- A key of which nothing is left in the lake has no row in the source. -#}
        {%- set scope = scope ~ ' or ' ~ is_unsettled(meta['produces']) -%}
    {%- endif -%}
{%- endif -%}

{%- set stored = target.identifier ~ '__stored' -%}
{%- set is_stored = 'rowid in (select stored_row from ' ~ stored ~ ')' -%}
-- The rows are looked up once: among millions of keys that takes longer than to write them.
create or replace temporary table {{ stored }} as select rowid as stored_row from {{ target }} where {{ scope }};
{{ record_changes(meta, number, target, is_stored) }};
{{ record_changes(meta, number, source, '1 = 1') }};
{% if meta.get('staging') -%}
{{ record_deliveries(meta, number) }};
{%- endif %}
delete from {{ target }} where {{ is_stored }};
insert into {{ target }} ({{ columns }}) select {{ columns }} from {{ source }};
drop table {{ stored }};
{% endmacro %}

{% macro record_changes(meta, number, relation, predicate) %}
insert into {{ state_table('changes') }}
    (contract, load_no, source_system, source_id, group_id, first_date, last_date)
select distinct
    '{{ meta['produces'] }}', {{ number }},
    {%- for name in ['source_system', 'source_id', 'group_id', 'first_date', 'last_date'] %}
    {{ render(meta['change'].get(name, 'null')) }}{{ ',' if not loop.last }}
    {%- endfor %}
from {{ relation }}
where {{ predicate }}
{% endmacro %}

{#- A delivery touches its own date even without rows for it (a true zero), and a later span of
    dates touches the days between, because they are expected from then on. So does its withdrawal. -#}
{% macro record_deliveries(meta, number) %}
{%- set withdrawn = has_newly_withdrawn(meta['produces']) %}
insert into {{ state_table('changes') }} (contract, load_no, first_date, last_date)
with delivered as (
    select distinct _delivered_on
    from {{ render(meta['staging']) }}
    where {{ is_pending(meta['produces']) }}
    {%- if withdrawn %}
    union
    select delivered_on from {{ newly_withdrawn(meta['produces']) }} as w where delivered_on is not null
    {%- endif %}
),
known as (
    select min(delivered_on) as first_on, max(delivered_on) as last_on
    from {{ state_table('load_log') }}
    where contract = '{{ meta['produces'] }}' and row_count > 0
),
present as (
    {%- if withdrawn %}
    select min(_delivered_on) as first_on, max(_delivered_on) as last_on
    from {{ render(meta['staging']) }}
    {%- else %}
    select least(d.first_on, k.first_on) as first_on, greatest(d.last_on, k.last_on) as last_on
    from (select min(_delivered_on) as first_on, max(_delivered_on) as last_on from delivered) as d
    cross join known as k
    {%- endif %}
)
select '{{ meta['produces'] }}', {{ number }}, d._delivered_on, d._delivered_on
from delivered as d
union all
select '{{ meta['produces'] }}', {{ number }}, least(p.first_on, k.first_on), greatest(p.first_on, k.first_on)
from present as p
cross join known as k
where p.first_on <> k.first_on
union all
select '{{ meta['produces'] }}', {{ number }}, least(p.last_on, k.last_on), greatest(p.last_on, k.last_on)
from present as p
cross join known as k
where p.last_on <> k.last_on
{% endmacro %}

{#- touched_periods: replace the periods that contain a touched date.
    Model meta: consumes = names of the changes the model follows, or
                scope    = a predicate over the stored rows, rendered when the model runs. -#}
{% macro get_incremental_touched_periods_sql(arg_dict) %}
{%- set target = arg_dict['target_relation'] -%}
{%- set columns = arg_dict['dest_columns'] | map(attribute='name') | join(', ') -%}
{%- set meta = config.get('meta') %}
delete from {{ target }}
where {% if meta.get('scope') -%}
{{ render(meta['scope']) }}
{%- else -%}
(period_grain, period_start) in ({{ touched_periods(meta['consumes']) }})
{%- endif %};
insert into {{ target }} ({{ columns }}) select {{ columns }} from {{ arg_dict['temp_relation'] }};
{% endmacro %}
