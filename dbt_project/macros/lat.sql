{#- Resource and local day whose readiness hours a changed interval can alter. An interval also
    decides where the one before it ends, and that one may have run on for days: the range reaches
    to the last end among the intervals that start before the changed one ends. -#}
{% macro touched_resource_days() %}
select r.resource_id, d.date_day
from (
    select
        c.group_id as resource_id,
        min(c.first_date) as first_date,
        greatest(max(c.last_date), coalesce(max(i.last_date), max(c.last_date))) as last_date
    from (
        select group_id, min(first_date) as first_date, max(last_date) as last_date
        from {{ new_changes('lat_readiness') }} as n
        where group_id is not null
        group by group_id
    ) as c
    left join {{ ref('int_lat_readiness__latest') }} as i
        on i.resource_id = c.group_id and i.event_date <= c.last_date
    group by c.group_id
) as r
inner join {{ ref('dim_date') }} as d on d.date_day between r.first_date and r.last_date
{% endmacro %}

{#- The times a flight is told from: take-off and landing of each leg, in their order. -#}
{% macro flight_stamps() %}
{{ return([
    'airborne_at', 'at_scene_at', 'left_scene_at', 'at_destination_at', 'left_destination_at', 'landed_at',
]) }}
{% endmacro %}

{#- Time on the ground between two legs; nothing where the aircraft did not land. -#}
{% macro ground_ms(landed, left) -%}
coalesce({{ interval_ms(landed, left) }}, 0)
{%- endmacro %}
