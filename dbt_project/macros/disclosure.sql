{#- What may be shown is decided outside dbt, between its two builds, and handed over in the tables
    of schema `disclosure`. They are created empty, and then nothing is releasable: a build of
    everything in one go shows no figure that has not been through disclosure control. -#}

{% macro disclosure_schema() %}{{ return('disclosure') }}{% endmacro %}

{% macro create_disclosure_schema() %}
{% if execute and flags.WHICH in ['build', 'run', 'test'] %}
create schema if not exists {{ disclosure_schema() }}
{% endif %}
{% endmacro %}

{#- Keys of kpi_values whose numbers are hidden, and why. -#}
{% macro create_kpi_hidden() %}
{% if execute and flags.WHICH in ['build', 'run', 'test'] %}
create table if not exists {{ disclosure_schema() }}.kpi_hidden (
    kpi_id {{ dbt.type_string() }}, kpi_version int, segment {{ dbt.type_string() }},
    period_grain {{ dbt.type_string() }}, period_start date, level {{ dbt.type_string() }},
    unit_id {{ dbt.type_string() }}, reason {{ dbt.type_string() }}
)
{% endif %}
{% endmacro %}

{#- Which periods are released per KPI, segment, level and grain: those that are over. -#}
{% macro create_kpi_scope() %}
{% if execute and flags.WHICH in ['build', 'run', 'test'] %}
create table if not exists {{ disclosure_schema() }}.kpi_scope (
    kpi_id {{ dbt.type_string() }}, segment {{ dbt.type_string() }},
    level {{ dbt.type_string() }}, is_unplaced boolean,
    period_grain {{ dbt.type_string() }}, last_period_start date
)
{% endif %}
{% endmacro %}

{#- From how many observations on the limits of a percentile may be seen. -#}
{% macro create_kpi_limits() %}
{% if execute and flags.WHICH in ['build', 'run', 'test'] %}
create table if not exists {{ disclosure_schema() }}.kpi_limits (
    kpi_id {{ dbt.type_string() }}, kpi_version int, level {{ dbt.type_string() }},
    lower_from bigint, upper_from bigint
)
{% endif %}
{% endmacro %}

{#- Parts of figures that are hidden: hours of the week, classes of times; item 0 is all of a unit's. -#}
{% macro create_part_hidden() %}
{% if execute and flags.WHICH in ['build', 'run', 'test'] %}
create table if not exists {{ disclosure_schema() }}.part_hidden (
    subject {{ dbt.type_string() }}, segment {{ dbt.type_string() }}, period_grain {{ dbt.type_string() }},
    period_start date, level {{ dbt.type_string() }}, unit_id {{ dbt.type_string() }}, item int
)
{% endif %}
{% endmacro %}

{#- Which periods of them are released per level and grain: those that are over. -#}
{% macro create_part_scope() %}
{% if execute and flags.WHICH in ['build', 'run', 'test'] %}
create table if not exists {{ disclosure_schema() }}.part_scope (
    subject {{ dbt.type_string() }}, level {{ dbt.type_string() }}, period_grain {{ dbt.type_string() }},
    last_period_start date
)
{% endif %}
{% endmacro %}
