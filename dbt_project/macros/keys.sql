{#- Keys. A record is known by source_system and source_id. A source whose ids are unique in itself
    only has a space of its own: its name stands after the system's, as in AMIS@region_nord. Every
    model joins and groups by source_system as it stands; the macros here are for the few that ask
    which system it is, or follow an id that another record names. -#}

{% macro key_space() -%}
case when _key_scope is null then source_system else concat(source_system, '@', _key_scope) end
{%- endmacro %}

{#- The system alone: of AMIS@region_nord, AMIS. -#}
{% macro system_name(column) -%}
{{ dbt.split_part(column, "'@'", 1) }}
{%- endmacro %}

{#- Predicate: an id that leads to this record may be taken at its word. An id that is unique only
    in its source says nothing elsewhere, so there it takes what the two records must have in common. -#}
{% macro may_be_named(source_system, common) -%}
({{ source_system }} not like '%@%' or {{ common }})
{%- endmacro %}
