{{ config(materialized='table', contract={'enforced': true}) }}
with totals as (
    select contract, source, sum(rows_read) as rows_read, {{ count_if('not is_replay') }} as files
    from {{ ref('stg_lake__deliveries') }}
    group by contract, source
),
hits as (
    select
        h.*, r.level as rule_level, r.field, r.message_nb, r.message_en,
        case
            when r.contract = 'file' and r.level = 'file' then 'files_accepted'
            when r.level <> 'warning' then 'rows_accepted'
            when r.kind = 'missing' then 'present'
            when r.kind = 'order' then 'in_order'
            when r.kind = 'batch' then 'not_batch_pressed'
            else 'times_trusted'
        end as measure,
        row_number() over (
            partition by h.contract, h.source, h.code order by h.delivered_on desc, h.file_id desc
        ) as recency
    from {{ ref('stg_lake__rule_hits') }} as h
    inner join {{ ref('contract_rules') }} as r on r.code = h.code
    -- Other warnings say something of a file, not of the share of rows that can be used.
    where r.level <> 'warning' or r.kind in ('missing', 'order', 'batch', 'time')
),
by_rule as (
    select
        contract, source, code, field, measure, message_nb, message_en,
        case when measure = 'files_accepted' then count(*) else sum(row_count) end as affected,
        count(*) as file_count,
        min(delivered_on) as since,
        max(delivered_on) as last_seen,
        {%- for position in [1, 2, 3] %}
        max(case when recency = {{ position }} then file_id end) as example_{{ position }}_file,
        max(case when recency = {{ position }} then first_row end) as example_{{ position }}_row{{ ',' if not loop.last }}
        {%- endfor %}
    from hits
    group by contract, source, code, field, measure, message_nb, message_en
),
owed as (
    -- Rows in which a field should have had a value.
    select contract, source, field, sum(whole) as row_count
    from {{ ref('data_readiness') }}
    where level = 'source' and period_grain = 'month' and measure = 'present'
    group by contract, source, field
),
rule_findings as (
    select
        b.contract, b.source, b.code, b.field, b.measure, b.message_nb, b.message_en,
        b.affected,
        case when b.measure = 'files_accepted' then t.files else coalesce(o.row_count, t.rows_read) end as of_total,
        b.file_count, b.since, b.last_seen,
        {%- for position in [1, 2, 3] %}
        b.example_{{ position }}_file, b.example_{{ position }}_row{{ ',' if not loop.last }}
        {%- endfor %}
    from by_rule as b
    inner join totals as t on t.contract = b.contract and t.source = b.source
    left join owed as o
        on o.contract = b.contract and o.source = b.source and o.field = b.field
        and b.measure = 'present' and right(b.code, 7) = '_ABSENT'
),
months as (
    -- What no single rule says: the months in which a measure of the source was below grade A.
    select *, coalesce(grade, 'A') <> 'A' as is_low
    from {{ ref('data_readiness') }}
    where level = 'source' and period_grain = 'month'
        and measure in (
            'days_delivered', 'within_48h', 'present_wanted', 'unit_registered', 'place_known',
            'to_the_second', 'has_reference', 'is_linked', 'one_map'
        )
),
measure_findings as (
    select
        contract, source, measure as code, field, measure,
        cast(null as {{ dbt.type_string() }}) as message_nb, cast(null as {{ dbt.type_string() }}) as message_en,
        sum(whole - part) as affected, sum(whole) as of_total,
        cast(null as bigint) as file_count,
        min(case when is_low then period_start end) as since,
        max(case when is_low then period_start end) as last_seen,
        {%- for position in [1, 2, 3] %}
        cast(null as {{ dbt.type_string() }}) as example_{{ position }}_file, cast(null as bigint) as example_{{ position }}_row{{ ',' if not loop.last }}
        {%- endfor %}
    from months
    group by contract, source, measure, field
    having {{ count_if('is_low') }} > 0
),
findings as (
    select * from rule_findings
    union all
    select * from measure_findings
),
valued as (
    select
        f.*,
        {{ readiness_share('f.measure', '(f.of_total - f.affected)', 'f.of_total') }} as good_share
    from findings as f
)
select
    v.contract,
    v.source,
    v.code,
    v.field,
    m.dimension,
    v.measure,
    m.of_rows = 1 as is_of_rows,
    cast(v.affected as bigint) as affected,
    cast(v.of_total as bigint) as of_total,
    cast(v.good_share as double) as value,
    case when m.of_rows = 1 and v.of_total < 10 then null else {{ grade_of('v.good_share', 'm') }} end as grade,
    v.since,
    v.last_seen,
    cast(v.file_count as bigint) as file_count,
    {%- for position in [1, 2, 3] %}
    v.example_{{ position }}_file,
    v.example_{{ position }}_row,
    {%- endfor %}
    coalesce(v.message_nb, concat('For lav andel: ', m.name_nb)) as what_nb,
    coalesce(v.message_en, concat('Too low a share: ', m.name_en)) as what_en,
    m.action_nb,
    m.action_en
from valued as v
inner join {{ ref('readiness_measures') }} as m on m.measure = v.measure
