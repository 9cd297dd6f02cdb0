{%- set tolerance_ms = 3000 -%}
{%- set same_call -%}
{{ ref('int_calls__latest') }}
{%- endset -%}
{{ config(
    incremental_strategy='keyed_changes',
    meta={
        'produces': 'call_duplicate',
        'scope': "(from_source_system, from_source_id) in (select source_system, source_id from {{ new_changes('call') }} as c where source_id is not null)
            or (to_source_system, to_source_id) in (select source_system, source_id from {{ new_changes('call') }} as c where source_id is not null)",
        'change': {
            'source_system': 'removed_source_system', 'source_id': 'removed_source_id',
            'group_id': 'removed_chain_id',
            'first_date': 'removed_event_date', 'last_date': 'removed_event_date',
        },
    },
    pre_hook=["{{ reset_load_log('call_duplicate') }}", "{{ reset_consumed(['call']) }}"],
    post_hook=["{{ log_derived('call_duplicate') }}", "{{ log_consumed(['call']) }}"],
) }}
{#- A delivery is a change without a key. A list with a null in it, sought with `or` between two
    lists, costs the engine a comparison of every row with every key: such changes are left out. -#}
{#- Both platforms report a central only around its cutover. Looking at calls of a central on
    days when both systems have rows there (or a neighbouring day, for calls at midnight)
    keeps the join away from the other millions of rows. -#}
with cutovers as (
    select central_id, from_system, to_system, cutover_on from {{ ref('platform_cutovers') }}
),
{%- if is_incremental() %}
changed as (
    select distinct source_system, source_id, first_date as event_date from {{ new_changes('call') }} as c
),
{%- endif %}
system_days as (
    select c.central_id, c.event_date, {{ system_name('c.source_system') }} as platform, x.from_system, x.to_system
    from {{ same_call }} as c
    inner join cutovers as x
        on x.central_id = c.central_id and {{ system_name('c.source_system') }} in (x.from_system, x.to_system)
    where not c.is_deleted and c.caller_key is not null
    {%- if is_incremental() %}
        and c.event_date in (
            select distinct d.date_day
            from changed as g
            inner join {{ ref('dim_date') }} as d
                on d.date_day between {{ add_days('g.event_date', -1) }} and {{ add_days('g.event_date', 1) }}
        )
    {%- endif %}
    group by c.central_id, c.event_date, {{ system_name('c.source_system') }}, x.from_system, x.to_system
),
overlap_days as (
    select distinct d.central_id, n.date_day as event_date
    from system_days as d
    inner join system_days as e
        on e.central_id = d.central_id
        and e.platform = d.to_system
        and e.event_date between {{ add_days('d.event_date', -1) }} and {{ add_days('d.event_date', 1) }}
    inner join {{ ref('dim_date') }} as n
        on n.date_day between {{ add_days('d.event_date', -1) }} and {{ add_days('d.event_date', 1) }}
    where d.platform = d.from_system
),
candidates as (
    select
        c.source_system, c.source_id, c.event_date, c.central_id, c.service_line, c.caller_key,
        c.chain_id, c.ring_start_at
    from {{ same_call }} as c
    inner join overlap_days as o on o.central_id = c.central_id and o.event_date = c.event_date
    where not c.is_deleted and c.caller_key is not null
),
pairs as (
    select
        x.central_id,
        x.cutover_on,
        f.service_line,
        f.source_system as from_source_system,
        f.source_id as from_source_id,
        f.event_date as from_event_date,
        f.chain_id as from_chain_id,
        t.source_system as to_source_system,
        t.source_id as to_source_id,
        t.event_date as to_event_date,
        t.chain_id as to_chain_id,
        {{ ms_between('f.ring_start_at', 't.ring_start_at') }} as ring_difference_ms,
        -- A pair around midnight belongs to the day on which the first of the two began to ring.
        case when t.ring_start_at < f.ring_start_at then t.event_date else f.event_date end >= x.cutover_on as keeps_to_system
    from candidates as f
    inner join cutovers as x on x.central_id = f.central_id and x.from_system = {{ system_name('f.source_system') }}
    inner join candidates as t
        on t.central_id = f.central_id
        and t.service_line = f.service_line
        and t.caller_key = f.caller_key
        and {{ system_name('t.source_system') }} = x.to_system
    where abs({{ ms_between('f.ring_start_at', 't.ring_start_at') }}) <= {{ tolerance_ms }}
)
select
    central_id,
    service_line,
    cutover_on,
    from_source_system,
    from_source_id,
    to_source_system,
    to_source_id,
    cast(ring_difference_ms as bigint) as ring_difference_ms,
    case when keeps_to_system then from_source_system else to_source_system end as removed_source_system,
    case when keeps_to_system then from_source_id else to_source_id end as removed_source_id,
    case when keeps_to_system then from_event_date else to_event_date end as removed_event_date,
    case when keeps_to_system then from_chain_id else to_chain_id end as removed_chain_id,
    case when keeps_to_system then to_source_system else from_source_system end as kept_source_system,
    case when keeps_to_system then to_source_id else from_source_id end as kept_source_id
from pairs
{%- if is_incremental() %}
where (from_source_system, from_source_id) in (select source_system, source_id from changed where source_id is not null)
    or (to_source_system, to_source_id) in (select source_system, source_id from changed where source_id is not null)
{%- endif %}
