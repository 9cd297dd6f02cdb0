{#- What an installation says of itself, handed over in tables of schema `site`. They are created empty. -#}

{% macro site_schema() %}{{ return('site') }}{% endmacro %}

{% macro create_site_schema() %}
{% if execute and flags.WHICH in ['build', 'run', 'test'] %}
create schema if not exists {{ site_schema() }}
{% endif %}
{% endmacro %}

{#- Events that touch series; an empty KPI, level or unit means all. -#}
{% macro create_site_events() %}
{% if execute and flags.WHICH in ['build', 'run', 'test'] %}
create table if not exists {{ site_schema() }}.events (
    event_date date, kpi_id {{ dbt.type_string() }}, level {{ dbt.type_string() }},
    unit_id {{ dbt.type_string() }}, effect {{ dbt.type_string() }},
    text_nb {{ dbt.type_string() }}, text_en {{ dbt.type_string() }}
)
{% endif %}
{% endmacro %}
