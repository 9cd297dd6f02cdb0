{{ config(materialized='view', contract={'enforced': true}, tags=['reference']) }}
with links as (
    select * from {{ ref('fct_links') }} where method <> 'NONE'
),
direct as (
    select
        to_source_system as incident_source_system, to_source_id as incident_id,
        from_source_system as source_system, from_source_id as source_id, method, confidence
    from links
    where step = 'CALL'
),
-- The call that was passed on, or that one was passed on to, is of the same incident.
passed_on as (
    select
        d.incident_source_system, d.incident_id,
        t.from_source_system as source_system, t.from_source_id as source_id,
        case when 'TIME_WINDOW' in (d.method, t.method) then 'TIME_WINDOW' else 'PARENT' end as method,
        d.confidence * t.confidence as confidence
    from direct as d
    inner join links as t
        on t.step = 'TRANSFER'
        and t.to_source_system = d.source_system and t.to_source_id = d.source_id
    union all
    select
        d.incident_source_system, d.incident_id,
        t.to_source_system, t.to_source_id,
        case when 'TIME_WINDOW' in (d.method, t.method) then 'TIME_WINDOW' else 'PARENT' end,
        d.confidence * t.confidence
    from direct as d
    inner join links as t
        on t.step = 'TRANSFER'
        and t.from_source_system = d.source_system and t.from_source_id = d.source_id
),
-- A call is of one incident, by its surest link.
call_links as (
    select *
    from (
        select
            *,
            row_number() over (
                partition by incident_source_system, incident_id, source_system, source_id
                order by confidence desc, method
            ) as preference
        from (select * from direct union all select * from passed_on) as either
    ) as ranked
    where preference = 1
),
calls as (
    select
        l.incident_source_system,
        l.incident_id,
        count(*) as call_count,
        min(c.ring_start_at) as first_ring_at,
        min(case when c.segment = '113' and c.is_answered then c.answered_at end) as amk_answered_at,
        min(case when l.method = 'TIME_WINDOW' then 2 else 1 end) as method_rank,
        max(l.confidence) as confidence
    from call_links as l
    inner join {{ ref('fct_calls') }} as c
        on c.source_system = l.source_system and c.source_id = l.source_id
    group by l.incident_source_system, l.incident_id
),
videos as (
    select
        l.incident_source_system,
        l.incident_id,
        count(*) as video_count,
        min(s.connected_at) as connected_at,
        min(case when 'TIME_WINDOW' in (l.method, v.method) then 2 else 1 end) as method_rank,
        max(l.confidence * v.confidence) as confidence
    from links as v
    inner join call_links as l
        on l.source_system = v.to_source_system and l.source_id = v.to_source_id
    inner join {{ ref('fct_video_sessions') }} as s
        on s.source_system = v.from_source_system and s.source_id = v.from_source_id
    where v.step = 'VIDEO'
    group by l.incident_source_system, l.incident_id
),
flights as (
    select
        m.source_system as incident_source_system,
        m.incident_id,
        count(*) as lat_request_count,
        min(r.requested_at) as requested_at,
        min(r.airborne_at) as airborne_at,
        min(case when v.method = 'TIME_WINDOW' then 2 else 1 end) as method_rank,
        max(v.confidence) as confidence
    from links as v
    inner join {{ ref('fct_missions') }} as m
        on m.source_system = v.to_source_system and m.source_id = v.to_source_id
    inner join {{ ref('fct_lat_requests') }} as r
        on r.source_system = v.from_source_system and r.source_id = v.from_source_id
    where v.step = 'LAT'
    group by m.source_system, m.incident_id
),
scenes as (
    select source_system, incident_id, min(at_scene_at) as first_at_scene_at
    from {{ ref('fct_missions') }}
    where is_counted
    group by source_system, incident_id
)
select
    i.source_system,
    i.incident_id,
    i.event_date,
    i.central_id,
    i.municipality_id,
    i.region_id,
    i.urgency,
    c.first_ring_at,
    c.amk_answered_at,
    i.received_at,
    i.first_alerted_at,
    s.first_at_scene_at,
    v.connected_at as video_connected_at,
    f.requested_at as lat_requested_at,
    f.airborne_at as lat_airborne_at,
    cast(coalesce(c.call_count, 0) as integer) as call_count,
    cast(coalesce(v.video_count, 0) as integer) as video_count,
    cast(coalesce(f.lat_request_count, 0) as integer) as lat_request_count,
    case c.method_rank when 1 then 'IDENTIFIER' when 2 then 'TIME_WINDOW' end as call_method,
    case v.method_rank when 1 then 'IDENTIFIER' when 2 then 'TIME_WINDOW' end as video_method,
    case f.method_rank when 1 then 'IDENTIFIER' when 2 then 'TIME_WINDOW' end as lat_method,
    cast(c.confidence as double) as call_confidence,
    cast(v.confidence as double) as video_confidence,
    cast(f.confidence as double) as lat_confidence
from {{ ref('fct_incidents') }} as i
left join calls as c on c.incident_source_system = i.source_system and c.incident_id = i.incident_id
left join videos as v on v.incident_source_system = i.source_system and v.incident_id = i.incident_id
left join flights as f on f.incident_source_system = i.source_system and f.incident_id = i.incident_id
left join scenes as s on s.source_system = i.source_system and s.incident_id = i.incident_id
