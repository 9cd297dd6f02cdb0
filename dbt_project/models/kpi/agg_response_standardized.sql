{%- set follows = ['alarm', 'incident'] -%}
{{ config(
    meta={'consumes': ['alarm', 'incident']},
    pre_hook="{{ reset_consumed(['alarm', 'incident']) }}",
    post_hook="{{ log_consumed(['alarm', 'incident']) }}",
) }}
{%- set levels = {
    'national': none, 'region': 'region_id', 'health_trust': 'health_trust_id',
    'county': 'county_id', 'municipality': 'municipality_id', 'central': 'central_id',
} -%}
{%- set measures = {
    'observed': count_if('f.is_late'),
    'incidents': 'count(*)',
} -%}
with incidents as (
    select
        event_date, region_id, health_trust_id, county_id, municipality_id, municipality_union_id,
        central_id, is_late,
        -- The limit is that of the place, and so is the share over it.
        concat(cast(centrality_class as {{ dbt.type_string() }}), case when is_urban then ' 12' else ' 25' end) as stratum
    from {{ ref('fct_incidents') }}
    where is_standard_eligible and {{ in_touched_periods('event_date', follows) }}
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
