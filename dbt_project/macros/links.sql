{#- Links by time window: candidates are pairs of a subject and something near it in time; the best
    pair of both is a link when it is likelier right than wrong. -#}

{#- The steps that are linked, with what each window is. Times in milliseconds.
      gap       subject's time minus the candidate's, from and to
      prior     how likely a subject without an identifier has its counterpart in the extracts
    Measured on links by identifier; docs/chains.md says how to measure them again. -#}
{% macro link_windows() %}
{{ return({
    'CALL': {'gap': [5000, 85000], 'prior': 0.04},
    'TRANSFER': {'gap': [-10000, 2000], 'prior': 0.9},
    'VIDEO': {'gap': [15000, 245000], 'prior': 0.9},
    'LAT': {'gap': [-120000, 120000], 'prior': 0.05},
}) }}
{% endmacro %}

{#- A link by time window is kept from this confidence: below it about half were wrong when measured. -#}
{% macro least_link_confidence() %}{{ return(0.6) }}{% endmacro %}

{#- Dates at most so many days from one touched by changes not taken in. -#}
{% macro dates_near(contracts, days) %}
select distinct n.date_day
from ({{ touched_dates(contracts) }}) as t
inner join {{ ref('dim_date') }} as n
    on n.date_day between {{ add_days('t.date_day', -days) }} and {{ add_days('t.date_day', days) }}
{% endmacro %}

{#- Number of the time slot a moment lies in. -#}
{% macro time_slot(milliseconds, width) -%}
cast(floor(({{ milliseconds }}) / {{ width }}) as bigint)
{%- endmacro %}

{#- Pairs of subjects and candidates of a step in the same place and window.
      subjects    relation with subject_system, subject_id, place, subject_at
      candidates  relation with candidate_system, candidate_id, place, candidate_at, event_date,
                  kind (candidates of one kind are as likely as each other)
      where       more conditions on s and c; likelier: factor on how likely a pair is
    Slots of the window's width make the join one on equality: every window lies in two slots. -#}
{% macro pairs_in_window(step, subjects, candidates, where='1 = 1', likelier='1') %}
{%- set first, last = link_windows()[step]['gap'] -%}
{%- set width = last - first -%}
{%- set prior = link_windows()[step]['prior'] %}
select
    '{{ step }}' as step,
    s.subject_system, s.subject_id, c.candidate_system, c.candidate_id,
    {{ ms_between('c.candidate_at', 's.subject_at') }} as gap_ms,
    -- Odds of the pair, against no counterpart being there: those of a counterpart, over how many
    -- candidates of its kind chance alone puts into a window on that day, times how near it is.
    {{ likelier }} * {{ (prior / (1 - prior)) | round(6) }}e0 * 86400e3 / (d.candidate_count * {{ width }}e0)
        * (1 - abs({{ ms_between('c.candidate_at', 's.subject_at') }} - {{ (first + last) / 2 }}e0) / {{ width }}e0) / 75e-2 as odds
from (
    select *, {{ time_slot(epoch_ms('subject_at') ~ ' - ' ~ last, width) }} as slot from {{ subjects }}
    union all
    select *, {{ time_slot(epoch_ms('subject_at') ~ ' - ' ~ last, width) }} + 1 as slot from {{ subjects }}
) as s
inner join (
    select *, {{ time_slot(epoch_ms('candidate_at'), width) }} as slot from {{ candidates }}
) as c on c.place = s.place and c.slot = s.slot
inner join (
    select place, event_date, kind, count(*) as candidate_count from {{ candidates }}
    group by place, event_date, kind
) as d on d.place = c.place and d.event_date = c.event_date and d.kind = c.kind
where {{ ms_between('c.candidate_at', 's.subject_at') }} between {{ first }} and {{ last }}
    and {{ where }}
{% endmacro %}
