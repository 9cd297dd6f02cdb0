{#- Compares what is released with what is released: nothing here reveals more than kpi_releasable. -#}
{{ config(contract={'enforced': true}) }}
{%- set key = ['kpi_id', 'kpi_version', 'segment', 'period_grain', 'period_start', 'level', 'unit_id'] -%}
{%- set group_key = ['kpi_id', 'kpi_version', 'segment', 'period_grain', 'period_start', 'level', 'group_id'] -%}
{%- set minimum_peers = 5 -%}
{%- set minimum_coverage = var('comparison_min_coverage', 0.7) -%}
with cells as (
    select
        v.*,
        k.measure,
        k.unit,
        k.direction,
        k.target,
        v.status = 'ok' and v.value is not null as is_visible,
        coalesce(v.n, 0) >= coalesce(k.min_denominator, 0) as is_enough,
        coalesce(v.coverage < {{ minimum_coverage }}, false) as is_low_coverage,
        k.measure in ('share', 'rate', 'standardized') and v.numerator is not null and v.denominator > 0
            and (k.measure <> 'share' or v.numerator <= v.denominator) as has_funnel,
        case v.period_grain
            when 'month' then cast({{ dbt.dateadd('month', 1, 'v.period_start') }} as date)
            when 'quarter' then cast({{ dbt.dateadd('month', 3, 'v.period_start') }} as date)
            else cast({{ dbt.dateadd('month', 12, 'v.period_start') }} as date)
        end as next_period_start
    from {{ ref('kpi_releasable') }} as v
    inner join {{ ref('kpi_registry') }} as k on k.kpi_id = v.kpi_id and k.version = v.kpi_version
    where v.period_grain in ('month', 'quarter', 'year')
        and v.status in ('ok', 'suppressed')
        and v.geography_version <> 'event'
),
broken as (
    select distinct {% for column in key %}c.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
    from cells as c
    inner join {{ ref('kpi_series_breaks') }} as b
        on b.kpi_id = c.kpi_id and b.kpi_version = c.kpi_version and b.segment = c.segment
        and b.level = c.level and b.unit_id = c.unit_id
    where b.break_date > c.period_start and b.break_date < c.next_period_start
),
unit_region as (
    select level, unit_id, parent_id as region_id, valid_from, valid_to
    from {{ ref('unit_hierarchy') }}
    where parent_level = 'region' and level <> 'municipality'
    union all
    select
        m.level, m.unit_id, t.parent_id,
        greatest(m.valid_from, t.valid_from), least(m.valid_to, t.valid_to)
    from {{ ref('unit_hierarchy') }} as m
    inner join {{ ref('unit_hierarchy') }} as t
        on t.level = 'health_trust' and t.parent_level = 'region' and t.unit_id = m.parent_id
        and m.valid_from < t.valid_to and t.valid_from < m.valid_to
    where m.level = 'municipality' and m.parent_level = 'health_trust'
),
placed as (
    select
        c.*,
        g.group_id,
        g.name_nb as group_name_nb,
        g.name_en as group_name_en,
        u.region_id,
        b.kpi_id is not null as is_broken,
        c.is_visible and c.is_enough and not c.is_low_coverage and not c.is_partial and b.kpi_id is null as is_peer
    from cells as c
    left join {{ ref('peer_groups') }} as g
        on g.level = c.level and g.unit_id = c.unit_id
        and g.scheme in ({{ default_peer_schemes() }})
        and c.period_start >= g.valid_from and c.period_start < g.valid_to
    left join unit_region as u
        on u.level = c.level and u.unit_id = c.unit_id
        and c.period_start >= u.valid_from and c.period_start < u.valid_to
    left join broken as b
        on {% for column in key %}b.{{ column }} = c.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
),
peers as (
    select
        {{ group_key | join(', ') }},
        count(*) as peer_count,
        {{ percentiles('value', [0.25, 0.5, 0.75]) }} as quartiles,
        count(case when has_funnel then 1 end) as funnel_count,
        case when min(measure) = 'standardized' then 1e0 else
            sum(case when has_funnel then numerator end) / nullif(sum(case when has_funnel then denominator end), 0)
        end as target_ratio,
        sum(case when has_funnel then 4e0 * denominator end) as sum_w,
        sum(case when has_funnel then 16e0 * denominator * denominator end) as sum_w2
    from placed
    where is_peer and group_id is not null
    group by {{ group_key | join(', ') }}
),
scores as (
    -- How many standard errors each peer lies from the group.
    select
        {% for column in group_key %}p.{{ column }}, {% endfor %}
        (
            {{ funnel_scale("p.measure = 'share'", 'p.numerator / p.denominator') }}
            - {{ funnel_scale("p.measure = 'share'", 'g.target_ratio') }}
        ) * 2e0 * sqrt(p.denominator) as z
    from placed as p
    inner join peers as g
        on {% for column in group_key %}g.{{ column }} = p.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
        and g.funnel_count >= {{ minimum_peers }}
    where p.is_peer and p.has_funnel
),
ends as (
    select {{ group_key | join(', ') }}, {{ percentiles('z', [0.1, 0.9]) }} as z_ends
    from scores
    group by {{ group_key | join(', ') }}
),
dispersion as (
    select
        {% for column in group_key %}s.{{ column }}, {% endfor %}
        avg(power(least(greatest(s.z, {{ list_item('e.z_ends', 1) }}), {{ list_item('e.z_ends', 2) }}), 2)) as phi
    from scores as s
    inner join ends as e
        on {% for column in group_key %}e.{{ column }} = s.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
    group by {% for column in group_key %}s.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
),
funnels as (
    select
        {% for column in group_key %}g.{{ column }}, {% endfor %}
        g.peer_count,
        {{ list_item('g.quartiles', 1) }} as peer_q1,
        {{ list_item('g.quartiles', 2) }} as peer_median,
        {{ list_item('g.quartiles', 3) }} as peer_q3,
        case when d.phi is not null then g.target_ratio end as target_ratio,
        {{ funnel_tau2('g.funnel_count', 'd.phi', 'g.sum_w', 'g.sum_w2') }} as tau2
    from peers as g
    left join dispersion as d
        on {% for column in group_key %}d.{{ column }} = g.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
),
wholes as (
    select kpi_id, kpi_version, segment, period_grain, period_start, level, unit_id, value
    from cells
    where is_visible and level in ('national', 'region')
),
compared as (
    select
        p.*,
        f.peer_count,
        f.peer_q1,
        f.peer_median,
        f.peer_q3,
        r.value as region_value,
        n.value as national_value,
        f.tau2,
        case when p.has_funnel and p.is_visible then f.target_ratio end as target_ratio,
        {{ funnel_scale("p.measure = 'share'", 'f.target_ratio') }} as target_y,
        {{ funnel_error('p.denominator', 'f.tau2') }} as funnel_se,
        case p.measure when 'share' then 1e2 when 'rate' then 1e3 else 1e0 end as funnel_factor
    from placed as p
    left join funnels as f
        on {% for column in group_key %}f.{{ column }} = p.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
    left join wholes as r
        on r.level = 'region' and r.unit_id = p.region_id
        and r.kpi_id = p.kpi_id and r.kpi_version = p.kpi_version and r.segment = p.segment
        and r.period_grain = p.period_grain and r.period_start = p.period_start
    left join wholes as n
        on n.level = 'national'
        and n.kpi_id = p.kpi_id and n.kpi_version = p.kpi_version and n.segment = p.segment
        and n.period_grain = p.period_grain and n.period_start = p.period_start
),
limited as (
    select
        c.*,
        c.funnel_factor * c.target_ratio as funnel_center,
        {%- for percent, name in [('95', '95'), ('99.8', '998')] %}
        {%- for sign, side in [('-', 'lower'), ('+', 'upper')] %}
        case when c.target_ratio is not null then c.funnel_factor * {{
            funnel_unscale("c.measure = 'share'", 'c.target_y ' ~ sign ~ ' ' ~ z_funnel(percent) ~ ' * c.funnel_se')
        }} end as funnel_{{ side }}_{{ name }},
        {%- endfor %}
        {%- endfor %}
        case
            when c.level = 'national' or c.measure in ('count', 'hours_count') or not c.is_visible then null
            when c.target_ratio is not null then 'funnel'
            when c.peer_count >= {{ minimum_peers }} then 'peers'
            when c.national_value is not null and c.lower is not null then 'national'
        end as comparator
    from compared as c
),
positioned as (
    -- 0 within what is expected; 1 and 2 above, -1 and -2 below, by the 95 and the 99.8 % limits.
    select
        l.*,
        case l.comparator when 'funnel' then l.funnel_center when 'peers' then l.peer_median when 'national' then l.national_value end as reference,
        case l.comparator
            when 'funnel' then
                case
                    when {{ sign_of('l.value - l.funnel_upper_998') }} > 0 then 2
                    when {{ sign_of('l.value - l.funnel_upper_95') }} > 0 then 1
                    when {{ sign_of('l.value - l.funnel_lower_998') }} < 0 then -2
                    when {{ sign_of('l.value - l.funnel_lower_95') }} < 0 then -1
                    else 0
                end
            when 'peers' then
                case
                    -- With an interval: outside the middle half, and not by chance.
                    when l.lower > l.peer_median and l.value > l.peer_q3 then 1
                    when l.upper < l.peer_median and l.value < l.peer_q1 then -1
                    -- Without: far outside the middle half (Tukey's fences).
                    when l.lower is null and l.value > l.peer_q3 + 1.5e0 * (l.peer_q3 - l.peer_q1) then 1
                    when l.upper is null and l.value < l.peer_q1 - 1.5e0 * (l.peer_q3 - l.peer_q1) then -1
                    else 0
                end
            when 'national' then
                case when l.lower > l.national_value then 1 when l.upper < l.national_value then -1 else 0 end
        end as position
    from limited as l
),
judged as (
    select
        p.*,
        case
            when p.level = 'national' then null
            when p.measure in ('count', 'hours_count') then 'not_comparable'
            when p.unit_id = 'UNKNOWN' then 'not_comparable'
            when not p.is_visible then 'hidden'
            when not p.is_enough then 'too_few'
            when p.is_broken or p.is_low_coverage or p.is_partial then 'not_comparable'
            when p.comparator is null then 'too_few'
            when p.position = 0 then 'as_expected'
            when p.direction = 'neutral' then case when p.position > 0 then 'higher' else 'lower' end
            when (p.position > 0) = (p.direction = 'up') then 'better'
            else 'worse'
        end as verdict,
        case
            when p.measure in ('ratio', 'standardized') then 2
            when abs(p.value - p.reference) < 5e-2 and p.value <> p.reference then 2
            else 1
        end as decimals
    from positioned as p
)
select
    {{ key | join(',\n    ') }},
    group_id as peer_group,
    cast(coalesce(peer_count, 0) as integer) as peer_count,
    peer_q1,
    peer_median,
    peer_q3,
    region_value,
    national_value,
    cast(target as double) as target,
    case when is_visible then value - target end as target_difference,
    funnel_center,
    funnel_lower_95,
    funnel_upper_95,
    funnel_lower_998,
    funnel_upper_998,
    case when funnel_center is not null then tau2 > 0 end as is_over_dispersed,
    case when verdict in ('better', 'as_expected', 'worse', 'higher', 'lower') then comparator end as comparator,
    verdict,
    {%- for language in ['nb', 'en'] %}
    {{ verdict_text(language) }} as verdict_{{ language }}{{ ',' if not loop.last }}
    {%- endfor %}
from judged
