{#- Incidents whose links to calls may have changed: the incident itself, a call that names it
    (before or after), or a call that a linked one names as parent. -#}
{% macro touched_chains() %}
select source_system, group_id from {{ new_changes('incident') }} as c
union
select i.source_system, i.incident_id
from {{ ref('fct_incidents') }} as i
where i.incident_id in (
    select group_id from {{ new_changes('call') }} as c where group_id is not null
    union
    select group_id from {{ new_changes('call_duplicate') }} as c where group_id is not null
)
union
select l.incident_source_system, l.incident_id
from {{ this }} as l
where l.parent_call_id in (
    select source_id from {{ new_changes('call') }} as c where source_id is not null
    union
    select source_id from {{ new_changes('call_duplicate') }} as c
)
{% endmacro %}
