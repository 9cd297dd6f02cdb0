{{ config(materialized='view') }}
{#- Each round looks one call further back. -#}
{%- set rounds = 5 -%}
{%- set known = [
    'first_source_system', 'first_source_id', 'first_ring_start_at', 'first_central_id', 'first_region_id',
    'first_home_central_id', 'first_clock_start_at', 'is_first_timing_valid',
] -%}
with reached_0 as (
    select next_source_system, next_source_id, next_ring_start_at, {{ known | join(', ') }}
    from {{ ref('int_calls__passed_on') }}
)
{%- for round in range(1, rounds + 1) %},
reached_{{ round }} as (
    select
        n.next_source_system,
        n.next_source_id,
        n.next_ring_start_at,
        {%- for column in known %}
        coalesce(f.{{ column }}, n.{{ column }}) as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from reached_{{ round - 1 }} as n
    left join reached_0 as f
        on f.next_source_system = n.first_source_system and f.next_source_id = n.first_source_id
        and {{ rings_on('f.first_ring_start_at', 'n.next_ring_start_at') }}
)
{%- endfor %}
select next_source_system, next_source_id, {{ known | join(', ') }}
from reached_{{ rounds }}
