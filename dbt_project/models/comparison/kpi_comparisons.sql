{#- Compares what is released with what is released: nothing here reveals more than kpi_releasable. -#}
{{ config(contract={'enforced': true}) }}
{%- set key = ['kpi_id', 'kpi_version', 'segment', 'period_grain', 'period_start', 'level', 'unit_id'] -%}
{%- set group_key = ['kpi_id', 'kpi_version', 'segment', 'period_grain', 'period_start', 'level', 'group_id'] -%}
{%- set minimum_peers = 5 -%}
{#- So few are each held against the three others: the health regions. -#}
{%- set group_of_four = 4 -%}
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
        -- Running periods are named by the first day of their last month.
        case v.period_grain
            when 'ytd' then {{ start_of('year', 'v.period_start') }}
            when 'rolling12' then cast({{ dbt.dateadd('month', -11, 'v.period_start') }} as date)
            else v.period_start
        end as first_day,
        case v.period_grain
            when 'quarter' then cast({{ dbt.dateadd('month', 3, 'v.period_start') }} as date)
            when 'tertial' then cast({{ dbt.dateadd('month', 4, 'v.period_start') }} as date)
            when 'year' then cast({{ dbt.dateadd('month', 12, 'v.period_start') }} as date)
            else cast({{ dbt.dateadd('month', 1, 'v.period_start') }} as date)
        end as next_period_start
    from {{ ref('kpi_releasable') }} as v
    inner join {{ ref('kpi_registry') }} as k on k.kpi_id = v.kpi_id and k.version = v.kpi_version
    where v.period_grain not in ('day', 'week')
        and v.status in ('ok', 'suppressed')
        and v.geography_version <> 'event'
),
broken as (
    select distinct {% for column in key %}c.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
    from cells as c
    inner join {{ ref('kpi_series_breaks') }} as b
        on b.kpi_id = c.kpi_id and b.kpi_version = c.kpi_version and b.segment = c.segment
        and b.level = c.level and b.unit_id = c.unit_id
    where b.break_date > c.first_day and b.break_date < c.next_period_start
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
        count(case when has_funnel then 1 end) >= {{ minimum_peers }} as is_funnel,
        case when min(measure) = 'standardized' then 1e0 else
            sum(case when has_funnel then numerator end) / nullif(sum(case when has_funnel then denominator end), 0)
        end as target_ratio
    from placed
    where is_peer and group_id is not null
    group by {{ group_key | join(', ') }}
),
groups as (
    select
        {{ group_key | join(', ') }},
        peer_count,
        is_funnel,
        {{ list_item('quartiles', 1) }} as peer_q1,
        {{ list_item('quartiles', 2) }} as peer_median,
        {{ list_item('quartiles', 3) }} as peer_q3,
        case when is_funnel then target_ratio end as target_ratio
    from peers
),
measured as (
    -- Where a unit lies, where its group does, and the unit's standard error: on the scale of the
    -- funnel, or by that side of its interval that faces the median.
    select
        p.*,
        g.peer_count, g.is_funnel, g.peer_q1, g.peer_median, g.peer_q3,
        case when p.has_funnel and p.is_visible then g.target_ratio end as target_ratio,
        case when g.is_funnel then {{ funnel_scale("p.measure = 'share'", 'p.numerator / p.denominator') }} else p.value end as y,
        case when g.is_funnel then {{ funnel_scale("p.measure = 'share'", 'g.target_ratio') }} else g.peer_median end as target_y,
        case
            when g.is_funnel then 1e0 / (2e0 * sqrt(p.denominator))
            else {{ facing_error('p.value', 'p.lower', 'p.upper', 'g.peer_median') }}
        end as se
    from placed as p
    left join groups as g
        on {% for column in group_key %}g.{{ column }} = p.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
),
scores as (
    -- How many standard errors each peer lies from the group.
    select {{ group_key | join(', ') }}, (y - target_y) / se as z, 1e0 / (se * se) as w
    from measured
    where is_peer and peer_count >= {{ minimum_peers }} and se > 0
),
ends as (
    select {{ group_key | join(', ') }}, {{ percentiles('z', [0.1, 0.9]) }} as z_ends
    from scores
    group by {{ group_key | join(', ') }}
),
dispersion as (
    select
        {% for column in group_key %}s.{{ column }}, {% endfor %}
        count(*) as k,
        avg(power(least(greatest(s.z, {{ list_item('e.z_ends', 1) }}), {{ list_item('e.z_ends', 2) }}), 2)) as phi,
        sum(s.w) as sum_w,
        sum(s.w * s.w) as sum_w2
    from scores as s
    inner join ends as e
        on {% for column in group_key %}e.{{ column }} = s.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
    group by {% for column in group_key %}s.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
),
pairs as (
    -- With four units, each beside the three others, weighted by their size.
    select
        {% for column in key %}p.{{ column }}, {% endfor %}
        o.value,
        {{ facing_error('o.value', 'o.lower', 'o.upper', 'p.value') }} as se,
        o.weight / sum(o.weight) over (partition by {% for column in key %}p.{{ column }}{{ ', ' if not loop.last }}{% endfor %}) as share
    from measured as p
    inner join (select *, coalesce(denominator, n) as weight from measured where is_peer) as o
        on {% for column in group_key %}o.{{ column }} = p.{{ column }} and {% endfor %}o.unit_id <> p.unit_id
    where p.is_peer and p.peer_count = {{ group_of_four }} and p.level <> 'national'
),
centered as (
    select *, sum(share * value) over (partition by {{ key | join(', ') }}) as other_value
    from pairs
),
others as (
    select
        {{ key | join(', ') }},
        max(other_value) as other_value,
        sum(power(share * coalesce(se, 0), 2)) as chance_variance,
        sum(power(value - other_value, 2)) / (count(*) - 1) as variance
    from centered
    group by {{ key | join(', ') }}
),
wholes as (
    select kpi_id, kpi_version, segment, period_grain, period_start, level, unit_id, value
    from cells
    where is_visible and level in ('national', 'region')
),
compared as (
    select
        m.*,
        r.value as region_value,
        n.value as national_value,
        o.other_value,
        coalesce({{ funnel_tau2('d.k', 'd.phi', 'd.sum_w', 'd.sum_w2') }}, 0) as tau2,
        {{ facing_error('m.value', 'm.lower', 'm.upper', 'o.other_value') }} as others_se,
        o.chance_variance as others_chance_variance,
        o.variance as others_variance,
        case m.measure when 'share' then 1e2 when 'rate' then 1e3 else 1e0 end as funnel_factor
    from measured as m
    left join dispersion as d
        on {% for column in group_key %}d.{{ column }} = m.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
    left join others as o
        on {% for column in key %}o.{{ column }} = m.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
    left join wholes as r
        on r.level = 'region' and r.unit_id = m.region_id
        and r.kpi_id = m.kpi_id and r.kpi_version = m.kpi_version and r.segment = m.segment
        and r.period_grain = m.period_grain and r.period_start = m.period_start
    left join wholes as n
        on n.level = 'national'
        and n.kpi_id = m.kpi_id and n.kpi_version = m.kpi_version and n.segment = m.segment
        and n.period_grain = m.period_grain and n.period_start = m.period_start
),
limited as (
    select
        c.*,
        sqrt(c.se * c.se + c.tau2) as error,
        {%- for percent, name in [('95', '95'), ('99.8', '998')] %}
        {{ others_limit('coalesce(c.others_se, 0)', 'c.others_chance_variance', 'c.others_variance', percent) }} as others_limit_{{ name }},
        {%- endfor %}
        c.funnel_factor * c.target_ratio as funnel_center,
        {%- for percent, name in [('95', '95'), ('99.8', '998')] %}
        {%- for sign, side in [('-', 'lower'), ('+', 'upper')] %}
        case when c.target_ratio is not null then c.funnel_factor * {{
            funnel_unscale("c.measure = 'share'", 'c.target_y ' ~ sign ~ ' ' ~ z_funnel(percent) ~ ' * sqrt(c.se * c.se + c.tau2)')
        }} end as funnel_{{ side }}_{{ name }},
        {%- endfor %}
        {%- endfor %}
        case
            when c.level = 'national' or c.measure in ('count', 'hours_count') or not c.is_visible then null
            when c.target_ratio is not null then 'funnel'
            when c.peer_count >= {{ minimum_peers }} and not c.is_funnel and (c.se is not null or c.measure = 'hours') then 'peers'
            when c.other_value is not null then 'others'
        end as comparator
    from compared as c
),
positioned as (
    -- 0 within what is expected; 1 and 2 above, -1 and -2 below, by the 95 and the 99.8 % limits.
    select
        l.*,
        case l.comparator when 'funnel' then l.funnel_center when 'peers' then l.peer_median when 'others' then l.other_value end as reference,
        case
            when l.comparator is null then null
            when l.comparator = 'others' then {{ position_of('l.value - l.other_value', 'l.others_limit_95', 'l.others_limit_998') }}
            when l.se is not null then
                {{ position_of('l.y - l.target_y', z_funnel('95') ~ ' * l.error', z_funnel('99.8') ~ ' * l.error') }}
            -- Without an interval: far outside the middle half (Tukey's fences).
            when l.value > l.peer_q3 + 1.5e0 * (l.peer_q3 - l.peer_q1) then 1
            when l.value < l.peer_q1 - 1.5e0 * (l.peer_q3 - l.peer_q1) then -1
            else 0
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
            -- Two figures that are not the same do not read the same.
            when p.value <> p.reference
                and cast(p.value as decimal(18, 1)) = cast(p.reference as decimal(18, 1)) then 2
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
    case when comparator = 'funnel' or (comparator = 'peers' and se is not null) then tau2 > 0 end as is_over_dispersed,
    case when verdict in ('better', 'as_expected', 'worse', 'higher', 'lower') then comparator end as comparator,
    verdict,
    {%- for language in ['nb', 'en'] %}
    {{ verdict_text(language) }} as verdict_{{ language }}{{ ',' if not loop.last }}
    {%- endfor %}
from judged
