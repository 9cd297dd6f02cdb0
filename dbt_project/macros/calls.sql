{#- What the calls' own columns say, once: the service, whether the public called it, and from when
    the caller waits. -#}

{% macro call_segment(alias) -%}
case when {{ alias }}.service_line = '113' then '113' when {{ alias }}.service_line in ('116117', 'LOCAL8') then '116117' end
{%- endmacro %}

{% macro is_public_call(alias, channel) -%}
({{ alias }}.service_line in ('113', '116117', 'LOCAL8') and {{ alias }}.direction = 'INBOUND'
    and {{ alias }}.channel = '{{ channel }}' and not {{ alias }}.is_test and {{ alias }}.outcome <> 'TECHNICAL')
{%- endmacro %}

{#- Announcement and menu of 116117 do not count as waiting. -#}
{% macro waits_from(alias) -%}
case when {{ alias }}.service_line = '113' then {{ alias }}.ring_start_at
    else coalesce({{ alias }}.menu_end_at, {{ alias }}.ring_start_at) end
{%- endmacro %}

{#- May a call be what became of one that was passed on? It rings later, so that no calls continue each
    other in a ring, and within a day. -#}
{% macro rings_on(first, later) -%}
{{ interval_ms(first, later) }} between 1 and 86400000
{%- endmacro %}

{#- Ids that calls passed on may be named by: those of changed calls, and those that changed calls name
    or named. All pairs of such an id are looked at again. -#}
{% macro touched_parents() %}
select source_id from {{ new_changes('call') }} as c where source_id is not null
union
select source_id from {{ new_changes('call_duplicate') }} as c where source_id is not null
{%- for contract in ['call', 'call_duplicate'] %}
union
select n.parent_call_id
from {{ ref('int_calls__latest') }} as n
where n.parent_call_id is not null
    and (n.source_system, n.source_id) in (
        select source_system, source_id from {{ new_changes(contract) }} as c where source_id is not null
    )
union
select p.parent_call_id
from {{ this }} as p
where (p.next_source_system, p.next_source_id) in (
        select source_system, source_id from {{ new_changes(contract) }} as c where source_id is not null
    )
{%- endfor %}
{% endmacro %}
