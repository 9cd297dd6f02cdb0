{{ config(contract={'enforced': true}) }}
{#- KPIs of other record types that are computed from calls too. -#}
{%- set also_from_calls = [
    'video_per_100_calls', 'chain_ring_to_scene_p90', 'chain_handover_delay',
    'chain_contacts_per_incident', 'chain_link_rate',
] -%}
with platforms as (
    select
        central_id,
        cutover_on,
        case from_system when 'LIFEX' then 'LifeX' else from_system end as from_name,
        case to_system when 'LIFEX' then 'LifeX' else to_system end as to_name
    from {{ ref('platform_cutovers') }}
),
affected as (
    select cast(null as string) as kpi_id
    union all
    select distinct kpi_id
    from {{ ref('kpi_registry') }}
    where kpi_id in ('{{ also_from_calls | join("', '") }}')
),
split_codes as (
    select
        u.union_id, u.split_on,
        {{ joined_text("concat(c.old_name, ' (', c.old_code, ')')", ', ') }} as old_names
    from {{ ref('municipality_changes') }} as c
    inner join {{ ref('int_municipality_targets') }} as t on t.from_code = c.old_code
    inner join {{ ref('dim_municipality_union') }} as u
        on u.municipality_id = t.municipality_id and u.split_on = c.change_date
    where c.kind = 'split'
    group by u.union_id, u.split_on
),
merged_codes as (
    -- The unit that has the figures of the old codes: a municipality, or a union.
    select distinct c.change_date, p.municipality_id as unit_id, c.old_code, c.old_name
    from {{ ref('municipality_changes') }} as c
    inner join {{ ref('dim_scene_place') }} as p
        on p.from_code = c.old_code
        and p.valid_from < c.change_date and p.valid_to >= c.change_date
    where c.kind in ('merge', 'split')
),
merged as (
    select
        change_date, unit_id,
        {{ joined_text("concat(old_name, ' (', old_code, ')')", ', ') }} as old_names
    from merged_codes
    group by change_date, unit_id
    having count(*) > 1
),
memberships as (
    select
        p.municipality_code,
        m.municipality_name,
        p.health_trust_code as to_trust,
        h.rhf_code as to_region,
        p.valid_from as moved_on,
        lag(p.health_trust_code, 1) over (partition by p.municipality_code order by p.valid_from) as from_trust,
        lag(h.rhf_code, 1) over (partition by p.municipality_code order by p.valid_from) as from_region
    from {{ ref('municipality_health_trust') }} as p
    inner join {{ ref('health_trusts') }} as h on h.health_trust_code = p.health_trust_code
    inner join {{ ref('dim_municipality') }} as m on m.municipality_id = p.municipality_code
),
moves as (
    {%- for level, area in {'health_trust': 'trust', 'region': 'region'}.items() %}
    {%- for side in ['to', 'from'] %}
    select
        moved_on, '{{ level }}' as level, {{ side }}_{{ area }} as unit_id, '{{ side }}' as side,
        {{ joined_text('municipality_name', ', ') }} as names
    from memberships
    where from_{{ area }} is not null and from_{{ area }} <> to_{{ area }}
    group by moved_on, {{ side }}_{{ area }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)
select
    p.cutover_on as break_date,
    'platform_cutover' as kind,
    'central' as level,
    p.central_id as unit_id,
    a.kpi_id,
    'call' as contract,
    concat(
        'Sentralen byttet telefoniplattform fra ', p.from_name, ' til ', p.to_name,
        '. Ringetid, kø og frafall kan være målt på en annen måte enn før.'
    ) as text_nb,
    concat(
        'The central changed telephony platform from ', p.from_name, ' to ', p.to_name,
        '. Ringing, queueing and abandonment may be measured differently from before.'
    ) as text_en
from platforms as p
cross join affected as a
union all
select
    valid_from, 'definition', cast(null as string), cast(null as string), kpi_id, contract,
    concat('Versjon ', cast(version as string), ' av definisjonen gjelder fra denne dagen.'),
    concat('Version ', cast(version as string), ' of the definition applies from this day.')
from {{ ref('kpi_registry') }} as k
where version > 1 and status = 'active'
    -- A correction has the date of what it corrects: it counts for all periods, and nothing breaks.
    and valid_from > (select min(o.valid_from) from {{ ref('kpi_registry') }} as o where o.kpi_id = k.kpi_id)
union all
select
    u.split_on, 'geography', 'municipality', u.municipality_id, cast(null as string), 'alarm',
    concat(
        s.old_names, ' ble delt. ', m.municipality_name, ' har egne tall fra denne dagen; tidligere tall finnes bare samlet for ',
        u.union_name, '.'
    ),
    concat(
        s.old_names, ' was split. ', m.municipality_name, ' has figures of its own from this day; earlier ones exist only for ',
        u.union_name, ' together.'
    )
from {{ ref('dim_municipality_union') }} as u
inner join split_codes as s on s.union_id = u.union_id and s.split_on = u.split_on
inner join {{ ref('dim_municipality') }} as m on m.municipality_id = u.municipality_id
union all
select
    change_date, 'geography', 'municipality', unit_id, cast(null as string), 'alarm',
    concat('Ny kommuneinndeling. Tall før denne dagen er summen av ', old_names, '.'),
    concat('New municipalities. Figures before this day are the sum of ', old_names, '.')
from merged
union all
select
    moved_on, 'geography', level, unit_id, cast(null as string), 'alarm',
    case side
        when 'to' then concat('Kommuner som kom inn i området denne dagen: ', names, '. Tidligere tall er uten dem.')
        else concat('Kommuner som gikk ut av området denne dagen: ', names, '. Tidligere tall er med dem.')
    end,
    case side
        when 'to' then concat('Municipalities that joined the area this day: ', names, '. Earlier figures are without them.')
        else concat('Municipalities that left the area this day: ', names, '. Earlier figures are with them.')
    end
from moves
