{#- Whose latest three periods differ from those before by more than chance. So many series are tried
    that 1 in 20 would be news by chance alone: the share of false ones is controlled over the release
    (Benjamini & Hochberg 1995), per kind of period. -#}
{{ config(contract={'enforced': true}) }}
{%- set series_key = ['kpi_id', 'kpi_version', 'segment', 'period_grain', 'level', 'unit_id'] -%}
{%- set key = series_key + ['period_start'] -%}
with judged as (
    select
        t.*,
        -- Moves with the season, in half-widths too.
        t.xmr_center / (t.xmr_upper - t.xmr_center) as season,
        v.value, k.direction, k.measure, k.unit
    from {{ ref('kpi_trends') }} as t
    inner join {{ ref('kpi_releasable') }} as v
        on {% for column in key %}v.{{ column }} = t.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
        and v.geography_version <> 'event'
    inner join {{ ref('kpi_registry') }} as k on k.kpi_id = t.kpi_id and k.version = t.kpi_version
    where t.xmr_distance is not null
),
compared as (
    -- Distances are in half-widths of the chart, so days of the period and its season are taken out.
    select
        {{ series_key | join(', ') }}, phase_start,
        max(direction) as direction,
        max(measure) as measure,
        max(unit) as unit,
        max(period_start) as period_start,
        count(case when is_recent then 1 end) as recent_count,
        count(case when not is_recent then 1 end) as earlier_count,
        avg(case when is_recent then value end) as recent_value,
        avg(case when is_recent then xmr_center end) as recent_center,
        avg(case when is_recent then xmr_upper - xmr_center end) as half_width,
        avg(case when is_recent then xmr_distance end) as recent_distance,
        avg(case when not is_recent then xmr_distance end) as earlier_distance,
        var_samp(case when not is_recent then xmr_distance end) as variance,
        avg(case when is_recent then season end) - avg(case when not is_recent then season end) as season_difference,
        var_samp(case when not is_recent then season end) as season_variance
    from judged
    group by {{ series_key | join(', ') }}, phase_start
),
seasoned as (
    -- The season was taken out by a regression: it costs a degree of freedom, and the further the three
    -- periods lie from the earlier ones in the season, the less is known of them.
    select
        *,
        recent_center + earlier_distance * half_width as expected_value,
        case when season_variance > 1e-9
            then power(season_difference, 2) / (season_variance * (earlier_count - 1)) else 0e0 end as leverage,
        earlier_count - case when season_variance > 1e-9 then 2 else 1 end as degrees
    from compared
    where recent_count = {{ recent_periods() }}
        and recent_count + earlier_count >= {{ xmr_settled_points() }}
        and variance > 1e-12
),
scored as (
    -- Student's t of the mean of three new observations.
    select
        *,
        (recent_distance - earlier_distance) / sqrt(
            variance * (earlier_count - 1) / degrees * (1e0 / recent_count + 1e0 / earlier_count + leverage)
        ) as t
    from seasoned
),
tested as (
    select *, {{ two_sided_p('t', 'degrees') }} as p_value
    from scored
),
ranked as (
    select
        *,
        row_number() over (partition by period_grain order by p_value, {{ series_key | join(', ') }}) as place,
        count(*) over (partition by period_grain) as series_count
    from tested
),
controlled as (
    select
        *,
        least(1e0, min(p_value * series_count / place) over (
            partition by period_grain order by place desc rows between unbounded preceding and current row
        )) as q_value
    from ranked
),
told as (
    select
        *,
        q_value <= {{ false_discovery_rate() }} as is_news,
        case
            when direction = 'neutral' then case when t > 0 then 'higher' else 'lower' end
            when (t > 0) = (direction = 'up') then 'better'
            else 'worse'
        end as change,
        case
            when measure in ('ratio', 'standardized') then 2
            when abs(recent_value - expected_value) < 5e-2 then 2
            else 1
        end as decimals
    from controlled
)
select
    {{ series_key | join(',\n    ') }},
    period_start,
    recent_value,
    expected_value,
    p_value,
    q_value,
    is_news,
    change,
    {%- for language in ['nb', 'en'] %}
    case when is_news then {{ news_text(language) }} end as news_{{ language }}{{ ',' if not loop.last }}
    {%- endfor %}
from told
