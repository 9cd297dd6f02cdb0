{#- Exact percentiles (type 7) and their limits. Those of days, weeks and months are looked up in the
    sorted durations of each cell. Of longer periods, which overlap each other, every duration would be
    sorted two dozen times; there each rank is found in two steps instead: first which second it
    lies in, from counts per second and month, then which of the durations of that second it is. -#}

{#- What percentiles read of the sorted durations: the ranks on both sides of it, and its limits. -#}
{% macro percentile_ranks(percentiles, n) %}
{%- set ranks = [] -%}
{%- for name, p in percentiles.items() -%}
    {%- do ranks.extend([
        'cast(floor((' ~ n ~ ' - 1) * ' ~ p ~ 'e0) as bigint) + 1',
        'cast(ceil((' ~ n ~ ' - 1) * ' ~ p ~ 'e0) as bigint) + 1',
        'cast(' ~ percentile_rank(n, p, 'lower') ~ ' as bigint)',
        'cast(' ~ percentile_rank(n, p, 'upper') ~ ' as bigint)',
    ]) -%}
{%- endfor -%}
{{ return(ranks) }}
{% endmacro %}

{#- The durations of one column at every level: segment, month_start, level, unit_id, duration, second. -#}
{% macro durations_by_level(relation, contracts, levels, column, segment) %}
{%- set has_unions = levels.municipality == 'municipality_id' -%}
select *
from (
    select
        {{ 'f.' ~ segment if segment else "'all'" }} as segment,
        {{ start_of('month', 'f.event_date') }} as month_start,
        l.level,
        case l.part
            {%- for level, unit in levels.items() %}
            {%- if level == 'municipality' and has_unions %}
            when 'municipality' then nullif(f.municipality_id, coalesce(f.municipality_union_id, ''))
            when 'union' then f.municipality_union_id
            {%- else %}
            when '{{ level }}' then {{ 'f.' ~ unit if unit else "'NO'" }}
            {%- endif %}
            {%- endfor %}
        end as unit_id,
        f.{{ column }} as duration,
        cast(floor(f.{{ column }} / 1e3) as bigint) as second
    from {{ relation }} as f
    cross join (
        {%- for level in levels %}
        select '{{ level }}' as part, '{{ level }}' as level{{ ' union all' if not loop.last }}
        {%- endfor %}
        {%- if has_unions %} union all select 'union', 'municipality'{% endif %}
    ) as l
    where f.{{ column }} is not null
        {%- if is_incremental() %} and f.event_date in ({{ touched_month_dates(contracts) }}){% endif %}
) as v
where unit_id is not null
{% endmacro %}

{#- segment, period_grain, period_start, level, unit_id and the percentiles of one column over periods of
    whole months. -#}
{% macro percentiles_of_months(relation, contracts, levels, column, percentiles, segment) %}
{%- set cell = ['segment', 'level', 'unit_id'] -%}
{%- set key = ['segment', 'period_grain', 'period_start', 'level', 'unit_id'] -%}
{%- set ranks = percentile_ranks(percentiles, 'n') -%}
with months as (
    {%- for grain in summed_grains(contracts) %}
    select '{{ grain }}' as period_grain, period_start, date_day as month_start
    from ({{ period_dates(grain, contracts) }}) as d
    where extract(day from date_day) = 1
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),
seconds as (
    select {{ cell | join(', ') }}, month_start, second, count(*) as n
    from ({{ durations_by_level(relation, contracts, levels, column, segment) }}) as v
    group by {{ cell | join(', ') }}, month_start, second
),
summed as (
    select c.segment, m.period_grain, m.period_start, c.level, c.unit_id, c.second, sum(c.n) as n
    from seconds as c
    inner join months as m on m.month_start = c.month_start
    group by c.segment, m.period_grain, m.period_start, c.level, c.unit_id, c.second
),
counted as (
    select
        {{ key | join(', ') }}, second,
        cast(sum(n) over (partition by {{ key | join(', ') }} order by second) as bigint) as up_to,
        cast(sum(n) over (partition by {{ key | join(', ') }}) as bigint) as n
    from summed
),
ranked as (
    select
        *,
        {%- for rank in ranks %}
        {{ rank }} as rank_{{ loop.index }}{{ ',' if not loop.last }}
        {%- endfor %}
    from counted
),
placed as (
    -- The second that each rank lies in, and how many durations there are before it.
    select
        {{ key | join(', ') }},
        max(n) as n,
        {%- for rank in ranks %}
        max(rank_{{ loop.index }}) as rank_{{ loop.index }},
        min(case when up_to >= rank_{{ loop.index }} then second end) as second_{{ loop.index }},
        coalesce(max(case when up_to < rank_{{ loop.index }} then up_to end), 0) as before_{{ loop.index }}{{ ',' if not loop.last }}
        {%- endfor %}
    from ranked
    group by {{ key | join(', ') }}
),
wanted as (
    {%- for rank in ranks %}
    select {{ key | join(', ') }}, second_{{ loop.index }} as second from placed
    {{ 'union' if not loop.last }}
    {%- endfor %}
),
within as (
    select
        w.segment, w.period_grain, w.period_start, w.level, w.unit_id, w.second,
        {{ sorted_list('v.duration') }} as sorted
    from wanted as w
    inner join months as m on m.period_grain = w.period_grain and m.period_start = w.period_start
    inner join ({{ durations_by_level(relation, contracts, levels, column, segment) }}) as v
        on v.segment = w.segment and v.month_start = m.month_start and v.level = w.level
        and v.unit_id = w.unit_id and v.second = w.second
    group by w.segment, w.period_grain, w.period_start, w.level, w.unit_id, w.second
),
found as (
    select
        p.segment, p.period_grain, p.period_start, p.level, p.unit_id, p.n,
        {%- for rank in ranks %}
        max(case when w.second = p.second_{{ loop.index }} then
            {{ list_item('w.sorted', 'cast(greatest(0, p.rank_' ~ loop.index ~ ' - p.before_' ~ loop.index ~ ') as int)') }}
        end) as value_{{ loop.index }}{{ ',' if not loop.last }}
        {%- endfor %}
    from placed as p
    inner join within as w
        on w.segment = p.segment and w.period_grain = p.period_grain and w.period_start = p.period_start
        and w.level = p.level and w.unit_id = p.unit_id
    group by p.segment, p.period_grain, p.period_start, p.level, p.unit_id, p.n
)
select
    {{ key | join(', ') }}
    {%- for name, p in percentiles.items() %}
    {%- set first = 4 * loop.index0 %},
    value_{{ first + 1 }} + ((n - 1) * {{ p }}e0 - floor((n - 1) * {{ p }}e0)) * (value_{{ first + 2 }} - value_{{ first + 1 }})
        as {{ column }}_{{ name }},
    value_{{ first + 3 }} as {{ column }}_{{ name }}_lower,
    value_{{ first + 4 }} as {{ column }}_{{ name }}_upper
    {%- endfor %}
from found
{% endmacro %}
