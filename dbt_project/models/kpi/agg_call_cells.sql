-- depends_on: {{ ref('dim_date') }}
{%- set follows = ['call', 'call_duplicate', 'call_recall'] -%}
{#- The call KPIs' counts in their smallest cells. There are ten calls to a cell and more: the counts
    of all periods, of clock hours and of home centrals are then sums of few rows, and a new day
    adds its own cells only. -#}
{{ config(
    incremental_strategy='keyed_changes',
    meta={
        'produces': 'call_cell',
        'scope': "event_date in ({{ touched_dates(['call', 'call_duplicate', 'call_recall']) }})",
        'change': {'first_date': 'event_date', 'last_date': 'event_date'},
    },
    pre_hook=[
        "{{ reset_load_log('call_cell') }}",
        "{{ reset_consumed(['call', 'call_duplicate', 'call_recall']) }}",
    ],
    post_hook=[
        "{{ log_derived('call_cell') }}",
        "{{ log_consumed(['call', 'call_duplicate', 'call_recall']) }}",
    ],
) }}
with recalls as (
    select source_system as recalled_system, source_id as recalled_id from {{ ref('fct_call_recalls') }}
),
calls as (
    select c.*, r.recalled_id is not null as is_recalled
    from {{ ref('fct_calls') }} as c
    left join recalls as r on r.recalled_system = c.source_system and r.recalled_id = c.source_id
    where c.is_in_scope
    {%- if is_incremental() %}
        and c.event_date in ({{ touched_dates(follows) }})
    {%- endif %}
)
select
    segment,
    event_date,
    date_trunc('hour', clock_start_at) as hour_start_at,
    central_id,
    region_id,
    home_central_id,
    {{ measure_columns('calls') }}
from calls
group by
    segment, event_date, date_trunc('hour', clock_start_at), central_id, region_id, home_central_id
