-- depends_on: {{ ref('dim_date') }}
{%- set follows = ['call', 'call_duplicate', 'call_passed_on', 'call_recall'] -%}
{#- The call KPIs' counts in their smallest cells. There are ten calls to a cell and more: the counts
    of all periods, of clock hours and of home centrals are then sums of few rows, and a new day
    adds its own cells only. -#}
{{ config(
    incremental_strategy='keyed_changes',
    meta={
        'produces': 'call_cell',
        'scope': "event_date in ({{ touched_dates(['call', 'call_duplicate', 'call_passed_on', 'call_recall']) }})",
        'change': {'first_date': 'event_date', 'last_date': 'event_date'},
    },
    pre_hook=[
        "{{ reset_load_log('call_cell') }}",
        "{{ reset_consumed(['call', 'call_duplicate', 'call_passed_on', 'call_recall']) }}",
    ],
    post_hook=[
        "{{ log_derived('call_cell') }}",
        "{{ log_consumed(['call', 'call_duplicate', 'call_passed_on', 'call_recall']) }}",
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
    c.segment,
    c.event_date,
    -- The hour and the date are of one clock, the ringing.
    date_trunc('hour', c.ring_start_at) as hour_start_at,
    c.counted_central_id as central_id,
    c.counted_region_id as region_id,
    c.home_central_id,
    -- Superseded: hours by the start of the wait, at the central of the row.
    date_trunc('hour', c.own_clock_start_at) as hour_start_at_v1,
    c.central_id as central_id_v1,
    {{ measure_columns('calls') }},
    {{ measure_columns('calls_v1') }}
from calls as c
group by
    c.segment, c.event_date, date_trunc('hour', c.ring_start_at), c.counted_central_id, c.counted_region_id,
    c.home_central_id, date_trunc('hour', c.own_clock_start_at), c.central_id
