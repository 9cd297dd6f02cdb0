{#- What receipts say, per source and period. -#}
{{ config(materialized='table') }}
with deliveries as (
    select * from {{ ref('stg_lake__deliveries') }}
),
last_day as (
    select max(delivered_on) as last_on from deliveries where status = 'accepted'
),
covered as (
    select contract, source, min(valid_from) as valid_from, max(valid_to) as valid_to
    from {{ ref('int_readiness__units') }}
    group by contract, source
),
windows as (
    -- A source owes every day from its first delivery until it is replaced in every unit.
    select
        d.contract, d.source,
        min(d.delivered_on) as first_on,
        min(least(l.last_on, coalesce({{ add_days('c.valid_to', -1) }}, l.last_on))) as last_on
    from deliveries as d
    cross join last_day as l
    left join covered as c on c.contract = d.contract and c.source = d.source
    where d.status = 'accepted'
    group by d.contract, d.source
),
delivered_days as (
    select contract, source, delivered_on
    from deliveries
    where status = 'accepted'
    group by contract, source, delivered_on
),
owed_days as (
    select
        w.contract, w.source, d.date_day, d.month_start, d.quarter_start, d.year_start,
        v.delivered_on is not null as is_delivered
    from windows as w
    inner join {{ ref('dim_date') }} as d on d.date_day between w.first_on and w.last_on
    left join delivered_days as v
        on v.contract = w.contract and v.source = w.source and v.delivered_on = d.date_day
),
dated as (
    select h.*, d.month_start, d.quarter_start, d.year_start
    from deliveries as h
    inner join {{ ref('dim_date') }} as d on d.date_day = h.delivered_on
),
-- Rejected rows by the field their rule is about.
field_hits as (
    select
        h.contract, h.source, r.field, d.month_start, d.quarter_start, d.year_start,
        sum(h.row_count) as row_count
    from {{ ref('stg_lake__rule_hits') }} as h
    inner join {{ ref('contract_rules') }} as r on r.code = h.code
    inner join {{ ref('dim_date') }} as d on d.date_day = h.delivered_on
    where r.level = 'row' and r.field <> '*'
    group by h.contract, h.source, r.field, d.month_start, d.quarter_start, d.year_start
),
fields as (
    {%- for contract, fields in readiness_fields().items() %}
    {%- set last_contract = loop.last %}
    {%- for field in fields %}
    select '{{ contract }}' as contract, '{{ field['name'] }}' as field{{ ' union all' if not (last_contract and loop.last) }}
    {%- endfor %}
    {%- endfor %}
)
{%- for grain in readiness_grains() %}
, {{ grain }}_files as (
    select
        contract, source, {{ grain }}_start as period_start,
        sum(rows_read) as rows_read, sum(rejected) as rejected,
        sum(exact_duplicates) as exact_duplicates,
        {{ count_if('not is_replay') }} as files,
        {{ count_if("not is_replay and status = 'accepted'") }} as accepted_files
    from dated
    group by contract, source, {{ grain }}_start
),
{{ grain }}_maps as (
    select contract, source, period_start, max(file_count) as most, sum(file_count) as file_count
    from (
        select contract, source, {{ grain }}_start as period_start, map_version, count(*) as file_count
        from dated
        where status = 'accepted'
        group by contract, source, {{ grain }}_start, map_version
    ) as m
    group by contract, source, period_start
),
{{ grain }}_field_hits as (
    select contract, source, field, {{ grain }}_start as period_start, sum(row_count) as row_count
    from field_hits
    group by contract, source, field, {{ grain }}_start
)
{%- endfor %}
{%- for grain in readiness_grains() %}
select
    contract, source, 'source' as level, source as unit_id, '{{ grain }}' as period_grain,
    {{ grain }}_start as period_start, '*' as field, 'days_delivered' as measure,
    cast({{ count_if('is_delivered') }} as bigint) as part, cast(count(*) as bigint) as whole
from owed_days
group by contract, source, {{ grain }}_start
union all
select
    o.contract, o.source, u.level, u.unit_id, '{{ grain }}', o.{{ grain }}_start, '*', 'days_delivered',
    cast({{ count_if('o.is_delivered') }} as bigint), cast(count(*) as bigint)
from owed_days as o
inner join {{ ref('int_readiness__units') }} as u
    on u.contract = o.contract and u.source = o.source
    and o.date_day >= u.valid_from and o.date_day < u.valid_to
group by o.contract, o.source, u.level, u.unit_id, o.{{ grain }}_start
union all
select
    contract, source, 'source', source, '{{ grain }}', period_start, '*', 'rows_accepted',
    cast(rows_read - rejected as bigint), cast(rows_read as bigint)
from {{ grain }}_files
where rows_read > 0
union all
select
    contract, source, 'source', source, '{{ grain }}', period_start, '*', 'no_duplicates',
    cast(rows_read - exact_duplicates as bigint), cast(rows_read as bigint)
from {{ grain }}_files
where rows_read > 0
union all
select
    contract, source, 'source', source, '{{ grain }}', period_start, '*', 'files_accepted',
    cast(accepted_files as bigint), cast(files as bigint)
from {{ grain }}_files
where files > 0
union all
select
    contract, source, 'source', source, '{{ grain }}', period_start, '*', 'one_map',
    cast(most as bigint), cast(file_count as bigint)
from {{ grain }}_maps
union all
select
    f.contract, f.source, 'source', f.source, '{{ grain }}', f.period_start, k.field, 'valid',
    cast(f.rows_read - coalesce(h.row_count, 0) as bigint), cast(f.rows_read as bigint)
from {{ grain }}_files as f
inner join fields as k on k.contract = f.contract
left join {{ grain }}_field_hits as h
    on h.contract = f.contract and h.source = f.source and h.field = k.field
    and h.period_start = f.period_start
where f.rows_read > 0
{{ 'union all' if not loop.last }}
{%- endfor %}
