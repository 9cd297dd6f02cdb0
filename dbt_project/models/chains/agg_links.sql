{%- set follows = ['link'] -%}
{{ config(
    incremental_strategy='touched_periods',
    meta={'consumes': ['link']},
    pre_hook="{{ reset_consumed(['link']) }}",
    post_hook="{{ log_consumed(['link']) }}",
) }}
{%- set levels = {'national': none, 'region': 'region_id', 'unit': 'unit_id'} -%}
{%- set measures = {
    'subjects': 'count(*)',
    'by_identifier': count_if('f.is_identified'),
    'by_time_window': count_if('f.is_windowed and not f.is_identified'),
} -%}
with subjects as (
    -- An incident may have several calls; every other record is in one row.
    select
        step, event_date, unit_id, region_id,
        max(case when method in ('IDENTIFIER', 'PARENT') then 1 else 0 end) = 1 as is_identified,
        max(case when method = 'TIME_WINDOW' then 1 else 0 end) = 1 as is_windowed
    from {{ ref('fct_links') }}
    where is_counted and {{ in_touched_periods('event_date', follows, 'month') }}
    group by
        step, event_date, unit_id, region_id,
        case when step = 'CALL' then to_source_system else from_source_system end,
        case when step = 'CALL' then to_source_id else from_source_id end
)
select * from (
    {{ add_up_periods('subjects', follows, levels, measures, segment='step') }}
) as a
