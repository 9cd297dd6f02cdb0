-- depends_on: {{ ref('dim_date') }}
{#- Windows are minutes wide, so what changed on a date reaches to the dates beside it: those are
    written again, and read with the dates beside them. -#}
{%- set follows = ['call', 'call_duplicate', 'alarm', 'incident', 'chain_link', 'video_session', 'lat_request'] -%}
{{ config(
    incremental_strategy='keyed_changes',
    on_schema_change='fail',
    contract={'enforced': true},
    meta={
        'produces': 'link',
        'scope': "event_date in ({{ dates_near(['call', 'call_duplicate', 'alarm', 'incident', 'chain_link', 'video_session', 'lat_request'], 1) }})",
        'change': {'first_date': 'event_date', 'last_date': 'event_date'},
    },
    pre_hook=[
        "{{ reset_load_log('link') }}",
        "{{ reset_consumed(['call', 'call_duplicate', 'alarm', 'incident', 'chain_link', 'video_session', 'lat_request']) }}",
    ],
    post_hook=[
        "{{ log_derived('link') }}",
        "{{ log_consumed(['call', 'call_duplicate', 'alarm', 'incident', 'chain_link', 'video_session', 'lat_request']) }}",
    ],
) }}
{%- set read -%}
{%- if is_incremental() %} and event_date in (select date_day from read_dates){% endif -%}
{%- endset %}
with
{%- if is_incremental() %}
read_dates as (
    {{ dates_near(follows, 2) }}
),
written_dates as (
    {{ dates_near(follows, 1) }}
),
{%- endif %}
-- Identifiers are matched within a day, so that one used again later leads nowhere wrong.
kept_calls as (
    select removed_source_id, min(kept_source_id) as kept_source_id
    from {{ ref('int_calls__duplicates') }}
    group by removed_source_id
),

-- Calls to incidents.
incidents as (
    select
        source_system, incident_id, event_date, central_id, region_id, municipality_id, is_red,
        has_acute_mission, received_at
    from {{ ref('fct_incidents') }}
    where 1 = 1{{ read }}
),
chain_links as (
    select * from {{ ref('fct_chain_links') }} where 1 = 1{{ read }}
),
identified_incidents as (
    select incident_source_system, incident_id from chain_links
    group by incident_source_system, incident_id
),
open_incidents as (
    select
        i.source_system as subject_system, i.incident_id as subject_id, i.central_id as place,
        i.received_at as subject_at, i.municipality_id
    from incidents as i
    left join identified_incidents as l
        on l.incident_source_system = i.source_system and l.incident_id = i.incident_id
    where i.has_acute_mission and i.received_at is not null and i.central_id <> 'UNKNOWN'
        and l.incident_id is null
),
-- Answered here and passed on nowhere: the calls a mission can have come from.
open_calls as (
    select
        c.source_system as candidate_system, c.source_id as candidate_id, c.central_id as place,
        c.answered_at as candidate_at, c.event_date, coalesce(m.municipality_id, '') as kind
    from {{ ref('fct_calls') }} as c
    left join {{ ref('dim_scene_place') }} as m
        on m.from_code = c.caller_municipality_code
        and c.event_date >= m.valid_from and c.event_date < m.valid_to
    where c.is_in_scope and c.segment = '113' and c.is_answered_valid and c.chain_id is null
        and c.transfer_at is null and c.central_id <> 'UNKNOWN'{{ read }}
),

-- Transferred calls to the calls they led to.
transfers as (
    select
        source_system, source_id, event_date, central_id, region_id, transferred_to, transfer_at,
        caller_key, is_answered and segment = '116117' and is_transfer_to_amk as is_counted
    from {{ ref('fct_calls') }}
    where is_in_scope and transfer_at is not null and transferred_to is not null{{ read }}
),
children as (
    select
        c.source_system, c.source_id, c.event_date, c.ring_start_at,
        coalesce(k.kept_source_id, c.parent_call_id) as parent_id
    from {{ ref('fct_calls') }} as c
    left join kept_calls as k on k.removed_source_id = c.parent_call_id
    where c.parent_call_id is not null and not c.is_duplicate{{ read }}
),
identified_transfers as (
    select *
    from (
        select
            t.source_system, t.source_id,
            c.source_system as to_source_system, c.source_id as to_source_id,
            {{ ms_between('c.ring_start_at', 't.transfer_at') }} as gap_ms,
            row_number() over (
                partition by t.source_system, t.source_id
                order by c.ring_start_at, c.source_system, c.source_id
            ) as nearness
        from transfers as t
        inner join children as c
            on c.parent_id = t.source_id
            and {{ may_be_named('t.source_system', 'c.source_system = t.source_system') }}
        where c.event_date between {{ add_days('t.event_date', -1) }} and {{ add_days('t.event_date', 1) }}
    ) as ranked
    where nearness = 1
),
open_transfers as (
    select
        t.source_system as subject_system, t.source_id as subject_id, t.transferred_to as place,
        t.transfer_at as subject_at, t.caller_key
    from transfers as t
    left join identified_transfers as l on l.source_system = t.source_system and l.source_id = t.source_id
    where l.source_id is null
),
targets as (
    select transferred_to from transfers group by transferred_to
),
open_children as (
    select
        source_system as candidate_system, source_id as candidate_id, central_id as place,
        ring_start_at as candidate_at, event_date, 'CALL' as kind, caller_key
    from {{ ref('fct_calls') }}
    where is_in_scope and parent_call_id is null and central_id in (select place from open_transfers){{ read }}
),

-- Video sessions to the calls they were sent in.
sessions as (
    select source_system, source_id, event_date, central_id, region_id, call_source_id, link_sent_at
    from {{ ref('fct_video_sessions') }}
    where 1 = 1{{ read }}
),
identified_sessions as (
    select *
    from (
        select
            s.source_system, s.source_id,
            c.source_system as to_source_system, c.source_id as to_source_id,
            {{ ms_between('c.answered_at', 's.link_sent_at') }} as gap_ms,
            row_number() over (
                partition by s.source_system, s.source_id
                order by abs({{ ms_between('c.ring_start_at', 's.link_sent_at') }}), c.source_system, c.source_id
            ) as nearness
        from sessions as s
        left join kept_calls as k on k.removed_source_id = s.call_source_id
        inner join {{ ref('fct_calls') }} as c
            on c.source_id = coalesce(k.kept_source_id, s.call_source_id)
            and {{ may_be_named('c.source_system', 'c.central_id = s.central_id') }}
        where not c.is_duplicate
            and c.event_date between {{ add_days('s.event_date', -1) }} and {{ add_days('s.event_date', 1) }}
            {{- read | replace('event_date', 'c.event_date') }}
    ) as ranked
    where nearness = 1
),
open_sessions as (
    select
        s.source_system as subject_system, s.source_id as subject_id, s.central_id as place,
        s.link_sent_at as subject_at
    from sessions as s
    left join identified_sessions as l on l.source_system = s.source_system and l.source_id = s.source_id
    where l.source_id is null and s.central_id <> 'UNKNOWN'
),
calls_without_video as (
    select
        c.source_system as candidate_system, c.source_id as candidate_id, c.central_id as place,
        c.answered_at as candidate_at, c.event_date, 'CALL' as kind
    from {{ ref('fct_calls') }} as c
    left join identified_sessions as l
        on l.to_source_system = c.source_system and l.to_source_id = c.source_id
    where c.is_in_scope and c.is_answered_valid and l.source_id is null
        and c.central_id in (select place from open_sessions){{ read }}
),

-- Air ambulance requests to alarms.
requests as (
    select
        source_system, source_id, event_date, segment, base_id, region_id, requested_at,
        alarm_source_id, outcome
    from {{ ref('fct_lat_requests') }}
    where 1 = 1{{ read }}
),
alarms as (
    select
        source_system, source_id, event_date, incident_id, region_id, unit_type, mission_type,
        alerted_at
    from {{ ref('fct_missions') }}
    where 1 = 1{{ read }}
),
identified_requests as (
    select *
    from (
        select
            r.source_system, r.source_id,
            a.source_system as to_source_system, a.source_id as to_source_id,
            {{ ms_between('a.alerted_at', 'r.requested_at') }} as gap_ms,
            row_number() over (
                partition by r.source_system, r.source_id
                order by abs({{ ms_between('a.alerted_at', 'r.requested_at') }}), a.source_system, a.source_id
            ) as nearness
        from requests as r
        inner join alarms as a
            on a.source_id = r.alarm_source_id
            and {{ may_be_named('a.source_system', 'a.region_id = r.region_id') }}
        where a.event_date between {{ add_days('r.event_date', -1) }} and {{ add_days('r.event_date', 1) }}
    ) as ranked
    where nearness = 1
),
open_requests as (
    select
        r.source_system as subject_system, r.source_id as subject_id,
        concat(r.region_id, ' ', r.segment) as place, r.requested_at as subject_at
    from requests as r
    left join identified_requests as l on l.source_system = r.source_system and l.source_id = r.source_id
    where l.source_id is null and r.base_id <> 'UNKNOWN'
),
open_alarms as (
    select
        a.source_system as candidate_system, a.source_id as candidate_id,
        concat(
            a.region_id, ' ',
            case when a.unit_type = 'PLANE' then 'PLANE' when a.unit_type in ('HELI', 'SAR') then 'HELI' else 'CAR' end
        ) as place,
        a.alerted_at as candidate_at, a.event_date, 'ALARM' as kind
    from alarms as a
    left join identified_requests as l
        on l.to_source_system = a.source_system and l.to_source_id = a.source_id
    where a.unit_type in ('HELI', 'PLANE', 'SAR', 'DOCTOR') and a.mission_type <> 'EXERCISE'
        and l.source_id is null
),

pairs as (
    {{ pairs_in_window('CALL', 'open_incidents', 'open_calls',
        where="(c.kind = '' or s.municipality_id = 'UNKNOWN'
            -- The union of the parts of a split municipality is named by all of them.
            or s.municipality_id like concat('%', c.kind, '%') or c.kind like concat('%', s.municipality_id, '%'))") }}
    union all
    {{ pairs_in_window('TRANSFER', 'open_transfers', 'open_children',
        where='c.candidate_id <> s.subject_id',
        likelier='case when c.caller_key = s.caller_key then 1000 else 1 end') }}
    union all
    {{ pairs_in_window('VIDEO', 'open_sessions', 'calls_without_video') }}
    union all
    {{ pairs_in_window('LAT', 'open_requests', 'open_alarms') }}
),
ranked as (
    select
        *,
        sum(odds) over (partition by step, subject_system, subject_id) as subject_odds,
        sum(odds) over (partition by step, candidate_system, candidate_id) as candidate_odds,
        count(*) over (partition by step, subject_system, subject_id) as subject_pairs,
        count(*) over (partition by step, candidate_system, candidate_id) as candidate_pairs,
        row_number() over (
            partition by step, subject_system, subject_id
            order by odds desc, candidate_system, candidate_id
        ) as candidate_rank,
        row_number() over (
            partition by step, candidate_system, candidate_id
            order by odds desc, subject_system, subject_id
        ) as subject_rank
    from pairs
),
windowed as (
    -- The chance that this pair is the right one, of all that share one of its ends and none.
    select
        step, subject_system, subject_id, candidate_system, candidate_id, gap_ms,
        greatest(subject_pairs, candidate_pairs) as candidate_count,
        round(odds / (1 + greatest(subject_odds, candidate_odds)), 3) as confidence
    from ranked
    where candidate_rank = 1 and subject_rank = 1
        and round(odds / (1 + greatest(subject_odds, candidate_odds)), 3) >= {{ least_link_confidence() }}
),
links as (
    select
        'CALL' as step, i.event_date, i.central_id as unit_id, i.region_id, i.is_red as is_counted,
        'CALL' as from_kind,
        coalesce(l.call_source_system, w.candidate_system) as from_source_system,
        coalesce(l.call_source_id, w.candidate_id) as from_source_id,
        'INCIDENT' as to_kind, i.source_system as to_source_system, i.incident_id as to_source_id,
        coalesce(l.method, case when w.candidate_id is not null then 'TIME_WINDOW' end) as method,
        case when l.method is not null then 1e0 else w.confidence end as confidence,
        w.candidate_count,
        w.gap_ms
    from incidents as i
    left join chain_links as l
        on l.incident_source_system = i.source_system and l.incident_id = i.incident_id
    left join windowed as w
        on w.step = 'CALL' and w.subject_system = i.source_system and w.subject_id = i.incident_id
    -- Ordered missions begin with no emergency call; they are here when an identifier says so.
    where i.is_red or i.has_acute_mission or l.method is not null
    union all
    select
        'TRANSFER', t.event_date, t.central_id, t.region_id, t.is_counted,
        'CALL', t.source_system, t.source_id,
        'CALL', coalesce(l.to_source_system, w.candidate_system), coalesce(l.to_source_id, w.candidate_id),
        case when l.source_id is not null then 'PARENT' when w.candidate_id is not null then 'TIME_WINDOW' end,
        case when l.source_id is not null then 1e0 else w.confidence end,
        w.candidate_count, coalesce(l.gap_ms, w.gap_ms)
    from transfers as t
    left join identified_transfers as l on l.source_system = t.source_system and l.source_id = t.source_id
    left join windowed as w
        on w.step = 'TRANSFER' and w.subject_system = t.source_system and w.subject_id = t.source_id
    union all
    select
        'VIDEO', s.event_date, s.central_id, s.region_id, true,
        'VIDEO_SESSION', s.source_system, s.source_id,
        'CALL', coalesce(l.to_source_system, w.candidate_system), coalesce(l.to_source_id, w.candidate_id),
        case when l.source_id is not null then 'IDENTIFIER' when w.candidate_id is not null then 'TIME_WINDOW' end,
        case when l.source_id is not null then 1e0 else w.confidence end,
        w.candidate_count, coalesce(l.gap_ms, w.gap_ms)
    from sessions as s
    left join identified_sessions as l on l.source_system = s.source_system and l.source_id = s.source_id
    left join windowed as w
        on w.step = 'VIDEO' and w.subject_system = s.source_system and w.subject_id = s.source_id
    union all
    select
        'LAT', r.event_date, r.base_id, r.region_id, r.outcome <> 'DECLINED',
        'LAT_REQUEST', r.source_system, r.source_id,
        'ALARM', coalesce(l.to_source_system, w.candidate_system), coalesce(l.to_source_id, w.candidate_id),
        case when l.source_id is not null then 'IDENTIFIER' when w.candidate_id is not null then 'TIME_WINDOW' end,
        case when l.source_id is not null then 1e0 else w.confidence end,
        w.candidate_count, coalesce(l.gap_ms, w.gap_ms)
    from requests as r
    left join identified_requests as l on l.source_system = r.source_system and l.source_id = r.source_id
    left join windowed as w
        on w.step = 'LAT' and w.subject_system = r.source_system and w.subject_id = r.source_id
)
select
    step, event_date, unit_id, region_id, is_counted,
    from_kind, from_source_system, from_source_id, to_kind, to_source_system, to_source_id,
    coalesce(method, 'NONE') as method,
    cast(confidence as double) as confidence,
    cast(candidate_count as integer) as candidate_count,
    cast(gap_ms as bigint) as gap_ms
from links
{%- if is_incremental() %}
where event_date in (select date_day from written_dates)
{%- endif %}
