{{ config(contract={'enforced': true}) }}
{#- Calls by hour of the week, as far as they may be seen. -#}
{%- set numbers = ['calls', 'answered', 'unanswered', 'answered_valid', 'in_time', 'in_time_of'] -%}
{%- set shown = 'w.item is null and h.item is null' -%}
select
    a.segment,
    a.period_grain,
    a.period_start,
    a.level,
    a.unit_id,
    a.weekday,
    a.hour,
    a.hours,
    {%- for name in numbers %}
    case when {{ shown }} then a.{{ name }} end as {{ name }},
    {%- endfor %}
    -- Where some of the calls came on days not delivered in full, to the nearest ten of the others: the
    -- difference to all calls would tell single hours of those days.
    case when {{ shown }} then
        case when a.calls = a.calls_covered then 1e0 * a.calls else 1e1 * round(a.calls_covered / 1e1) end / nullif(a.hours, 0)
    end as calls_per_hour,
    case when {{ shown }} then 1e2 * a.in_time / nullif(a.in_time_of, 0) end as in_time_share,
    case when {{ shown }} then 1e2 * a.unanswered / nullif(a.calls, 0) end as unanswered_share,
    case when {{ shown }} then a.answer_median end as answer_median,
    case when {{ shown }} then a.answer_p90 end as answer_p90,
    case when {{ shown }} then a.talk_median end as talk_median,
    case when {{ shown }} then 1e0 * a.answered_valid / nullif(a.answered, 0) end as coverage,
    case when not ({{ shown }}) then 'suppressed' when a.calls is null then 'no_data' else 'ok' end as status,
    {{ period_of_parts() }}
from {{ ref('agg_hour_profiles') }} as a
{{ parts_in_scope('a', "'hour_profile'", 'a.weekday * 100 + a.hour', 'call') }}
