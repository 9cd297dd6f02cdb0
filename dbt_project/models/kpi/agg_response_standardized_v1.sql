{%- set follows = ['alarm', 'incident'] -%}
{{ config(
    meta={'consumes': ['alarm', 'incident']},
    pre_hook="{{ reset_consumed(['alarm', 'incident']) }}",
    post_hook="{{ log_consumed(['alarm', 'incident']) }}",
) }}
{%- set levels = {'national': none, 'region': 'region_id'} -%}
{%- set measures = {
    'observed': count_if('f.is_late_v1'),
    'incidents': 'count(*)',
} -%}
with incidents as (
    select
        event_date, region_id, is_late_v1,
        concat(cast(centrality_class as {{ dbt.type_string() }}), ' ', urgency) as stratum
    from {{ ref('fct_incidents') }}
    where is_standard_eligible_v1 and {{ in_touched_periods('event_date', follows) }}
),
strata as (
    select period_grain, period_start, level, unit_id, segment as stratum, observed, incidents
    from (
        {{ aggregate_periods('incidents', follows, levels, measures, segment='stratum') }}
    ) as a
)
select
    'all' as segment, s.*
from (
    {{ indirectly_standardized('strata', ['period_grain', 'period_start']) }}
) as s
