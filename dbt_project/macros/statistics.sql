{#- Formulas of the comparisons, each with its source. They are plain expressions over columns, equal
    on DuckDB and Spark, so that a test can hold each against published numbers.
    Sources in full: docs/comparison.md. -#}

{#- Two-sided 95 % of the normal distribution. -#}
{% macro z_95() -%}
1.959963984540054e0
{%- endmacro %}

{#- Limits of a funnel: 95 and 99.8 %, rounded as in Spiegelhalter (2005). -#}
{% macro z_funnel(percent) -%}
{{ {'95': '1.96e0', '99.8': '3.09e0'}[percent] }}
{%- endmacro %}

{#- Wilson's score interval of a proportion x / n, as a fraction. Wilson (1927); Newcombe (1998),
    method 3. -#}
{% macro wilson_limit(x, n, sign) -%}
((2e0 * ({{ x }}) + {{ z_95() }} * {{ z_95() }} {{ sign }} {{ z_95() }} * sqrt(greatest(
    {{ z_95() }} * {{ z_95() }} + 4e0 * ({{ x }}) * (1e0 - 1e0 * ({{ x }}) / nullif({{ n }}, 0)), 0e0
))) / (2e0 * (nullif({{ n }}, 0) + {{ z_95() }} * {{ z_95() }})))
{%- endmacro %}

{% macro wilson_lower(x, n) -%}
greatest(0e0, {{ wilson_limit(x, n, '-') }})
{%- endmacro %}

{% macro wilson_upper(x, n) -%}
least(1e0, {{ wilson_limit(x, n, '+') }})
{%- endmacro %}

{#- 95 % limits of a number of events: the exact Poisson limits of 0 to 9 (Garwood 1936: half the
    2.5 % point of chi-squared on 2x degrees of freedom, half the 97.5 % point on 2x + 2), Byar's
    approximation to them from 10 on, where it is within 0.2 %. -#}
{% macro poisson_lower(x) -%}
{%- set exact = [
    '0.0000000000e0', '0.0253178080e0', '0.2422092785e0', '0.6186721229e0', '1.0898653736e0',
    '1.6234863901e0', '2.2018942535e0', '2.8143630515e0', '3.4538321767e0', '4.1153730974e0',
] -%}
{{ exact_below_ten(x, exact, byar_lower(x)) }}
{%- endmacro %}

{% macro poisson_upper(x) -%}
{%- set exact = [
    '3.6888794541e0', '5.5716433909e0', '7.2246876677e0', '8.7672730697e0', '10.2415886754e0',
    '11.6683320793e0', '13.0594740225e0', '14.4226753617e0', '15.7631892202e0', '17.0848034514e0',
] -%}
{{ exact_below_ten(x, exact, byar_upper(x)) }}
{%- endmacro %}

{% macro exact_below_ten(x, exact, beyond) -%}
(case {{ x }}{% for limit in exact %} when {{ loop.index0 }} then {{ limit }}{% endfor %} else {{ beyond }} end)
{%- endmacro %}

{#- Byar's approximation to the exact Poisson limits of a count above 0. Breslow & Day (1987),
    vol. II, eq. 2.13; APHO technical briefing 3 (2008). -#}
{% macro byar_lower(x) -%}
(({{ x }}) * power(1e0 - 1e0 / (9e0 * ({{ x }})) - {{ z_95() }} / (3e0 * sqrt({{ x }})), 3))
{%- endmacro %}

{% macro byar_upper(x) -%}
((({{ x }}) + 1e0) * power(
    1e0 - 1e0 / (9e0 * (({{ x }}) + 1e0)) + {{ z_95() }} / (3e0 * sqrt(({{ x }}) + 1e0)), 3
))
{%- endmacro %}

{#- Rank among n sorted observations of the 95 % limit of percentile p: the ranks r and s between
    which the percentile lies unless a binomial count (n, p) falls below r or from s on, each less
    often than 2.5 %. Conover (1999), section 3.2. The quantile of the binomial is taken with the
    first term of its Cornish-Fisher expansion, which corrects the normal for skewness: for no n is
    the rank nearer than the exact one, and for 1 in 50 (of 99th percentiles 1 in 18) it is the next
    one out. -#}
{% macro percentile_rank(n, p, side) -%}
{%- set sign = '-' if side == 'lower' else '+' -%}
{%- set middle = (3.841458820694124 - 1) * (1 - 2 * p) / 6 - 0.5 -%}
ceil({{ n }} * {{ p }}e0 {{ sign }} {{ z_95() }} * sqrt({{ n }} * {{ (p * (1 - p)) | round(8) }}e0) {{ '+' if middle > 0 else '-' }} {{ middle | abs | round(12) }}e0)
{%- if side == 'upper' %} + 1{% endif %}
{%- endmacro %}

{#- The scale on which a funnel is drawn: arcsine of the root for proportions, root for rates and
    for observed / expected. On both the standard error is 1 / (2 sqrt(denominator)).
    Spiegelhalter (2005), appendix A. -#}
{% macro funnel_scale(is_proportion, ratio) -%}
(case when {{ is_proportion }} then asin(sqrt(least(1e0, greatest(0e0, {{ ratio }})))) else sqrt(greatest(0e0, {{ ratio }})) end)
{%- endmacro %}

{#- Back from that scale; beyond its ends the limit stays at the end. -#}
{% macro funnel_unscale(is_proportion, y) -%}
(case
    when {{ is_proportion }} then power(sin(least(pi() / 2e0, greatest(0e0, {{ y }}))), 2)
    else power(greatest(0e0, {{ y }}), 2)
end)
{%- endmacro %}

{#- Variance between units beyond chance, by the method of moments. DerSimonian & Laird (1986);
    Spiegelhalter (2005), section 4. k units, phi the mean of the squared (winsorised) z-scores,
    weights w = 1 / s². -#}
{% macro funnel_tau2(k, phi, sum_w, sum_w2) -%}
(case
    when {{ k }} < 2 or {{ k }} * {{ phi }} < {{ k }} - 1e0 then 0e0
    else ({{ k }} * {{ phi }} - ({{ k }} - 1e0)) / nullif({{ sum_w }} - {{ sum_w2 }} / {{ sum_w }}, 0)
end)
{%- endmacro %}

{#- Standard error of a figure by that side of its 95 % interval that faces another figure, the other
    side where there is none: skewed intervals are as they are, and no scale has to be chosen. -#}
{% macro facing_error(value, lower, upper, other) -%}
{%- set below -%}nullif({{ value }} - {{ lower }}, 0){%- endset -%}
{%- set above -%}nullif({{ upper }} - {{ value }}, 0){%- endset -%}
(coalesce(
    case when {{ value }} > {{ other }} then coalesce({{ below }}, {{ above }}) else coalesce({{ above }}, {{ below }}) end,
    case when coalesce({{ lower }}, {{ upper }}) is not null then 0e0 end
) / {{ z_95() }})
{%- endmacro %}

{#- How far one of four may lie from the three others taken together: as far as chance takes the
    difference of two independent figures (Zou & Donner 2008), and as far as Student's t on 2 degrees
    of freedom lets a fourth lie from three. -#}
{% macro others_limit(se, others_chance_variance, others_variance, percent) -%}
greatest(
    {{ z_funnel(percent) }} * sqrt({{ se }} * {{ se }} + {{ others_chance_variance }}),
    {{ {'95': '4.302652729749464e0', '99.8': '22.327124770119875e0'}[percent] }} * sqrt({{ others_variance }} * (1e0 + 1e0 / 3e0))
)
{%- endmacro %}

{#- 2 and 1 above, -1 and -2 below what is expected, by two limits; else 0. -#}
{% macro position_of(difference, limit_95, limit_998) -%}
(case
    when {{ sign_of('abs(' ~ difference ~ ') - ' ~ limit_998) }} > 0 then 2
    when {{ sign_of('abs(' ~ difference ~ ') - ' ~ limit_95) }} > 0 then 1
    else 0
end * {{ sign_of(difference) }})
{%- endmacro %}

{#- Expected events by indirect standardization: in each stratum the unit's cases at the standard's
    rate. Breslow & Day (1987), vol. II, section 2.3.
      relation  observed and incidents per stratum, keys, level and unit_id
      keys      columns of a period; the standard is the row of level national -#}
{% macro indirectly_standardized(relation, keys) %}
select
    {%- for key in keys %}
    u.{{ key }},
    {%- endfor %}
    u.level,
    u.unit_id,
    cast(sum(u.observed) as bigint) as observed,
    -- Rounded, so that the order in which strata are added does not show.
    round(sum(1e0 * u.incidents * s.observed / s.incidents), 9) as expected,
    cast(sum(u.incidents) as bigint) as incidents
from {{ relation }} as u
inner join {{ relation }} as s
    on s.level = 'national' and s.stratum = u.stratum
    {%- for key in keys %} and s.{{ key }} = u.{{ key }}{% endfor %}
group by {% for key in keys %}u.{{ key }}, {% endfor %}u.level, u.unit_id
{% endmacro %}

{#- XmR charts: limits at the mean and 2.66 times the mean moving range (3 / d2, d2 = 1.128 for
    ranges of two), where moving ranges above 3.267 (D4) times their mean were screened out once.
    Shewhart; Wheeler (2000); NHS England, Making Data Count. -#}
{% macro xmr_limit_factor() -%}
2.66e0
{%- endmacro %}

{% macro xmr_screening_factor() -%}
3.267e0
{%- endmacro %}

{#- With fewer moving ranges there are no limits at all. -#}
{% macro xmr_minimum_ranges() -%}
3
{%- endmacro %}

{#- Points before limits are more than trial limits, and points in a row of a shift or trend. -#}
{% macro xmr_settled_points() -%}
12
{%- endmacro %}

{% macro xmr_run_points() -%}
7
{%- endmacro %}

{#- News are of the latest periods. -#}
{% macro recent_periods() -%}
3
{%- endmacro %}

{#- The share of what is told as news that may be chance. -#}
{% macro false_discovery_rate() -%}
0.1e0
{%- endmacro %}

{#- Two-sided probability of Student's t: as a normal deviate (Wallace 1959), then the tail of the
    normal distribution (Abramowitz & Stegun 1964, 26.2.17, within 7.5e-8). -#}
{% macro two_sided_p(t, degrees) -%}
{{ normal_tails(
    '((8e0 * (' ~ degrees ~ ') + 1e0) / (8e0 * (' ~ degrees ~ ') + 3e0)'
    ~ ' * sqrt((' ~ degrees ~ ') * ln(1e0 + ' ~ t ~ ' * ' ~ t ~ ' / (' ~ degrees ~ '))))'
) }}
{%- endmacro %}

{#- Both tails of the normal distribution beyond z >= 0. -#}
{% macro normal_tails(z) -%}
{%- set u -%}(1e0 / (1e0 + 0.2316419e0 * {{ z }})){%- endset -%}
(2e0 * exp(-{{ z }} * {{ z }} / 2e0) / sqrt(2e0 * pi()) * {{ u }} * (
    0.319381530e0 + {{ u }} * (-0.356563782e0 + {{ u }} * (
        1.781477937e0 + {{ u }} * (-1.821255978e0 + {{ u }} * 1.330274429e0)
    ))
))
{%- endmacro %}

{#- -1, 0 or 1; differences that only rounding of sums makes are none. -#}
{% macro sign_of(difference) -%}
(case when {{ difference }} > 1e-9 then 1 when {{ difference }} < -1e-9 then -1 else 0 end)
{%- endmacro %}

{#- The six common service levels of a central, in per cent. They differ only in what is done with
    calls that were abandoned; `answered_only` is the requirement for 113 and `all_offered` that for
    116117, and these two are KPIs. Unanswered means abandoned by the caller.
      answered          answered calls
      in_time           of these, within the limit
      abandoned         unanswered calls
      abandoned_in_time of these, before the limit had passed
      short_abandoned   of these, after less than 5 seconds -#}
{% macro service_level_variants() %}
{{ return([
    'abandons_in_time_credited', 'answered_only', 'all_offered',
    'abandons_in_time_left_out', 'short_abandons_credited', 'short_abandons_left_out',
]) }}
{% endmacro %}

{% macro service_level(variant, answered='answered', in_time='in_time', abandoned='abandoned', abandoned_in_time='abandoned_in_time', short_abandoned='short_abandoned') -%}
{%- set ratios = {
    'abandons_in_time_credited': [in_time ~ ' + ' ~ abandoned_in_time, answered ~ ' + ' ~ abandoned],
    'answered_only': [in_time, answered],
    'all_offered': [in_time, answered ~ ' + ' ~ abandoned],
    'abandons_in_time_left_out': [in_time, answered ~ ' + ' ~ abandoned ~ ' - ' ~ abandoned_in_time],
    'short_abandons_credited': [in_time ~ ' + ' ~ short_abandoned, answered ~ ' + ' ~ abandoned],
    'short_abandons_left_out': [in_time, answered ~ ' + ' ~ abandoned ~ ' - ' ~ short_abandoned],
} -%}
(1e2 * ({{ ratios[variant][0] }}) / nullif({{ ratios[variant][1] }}, 0))
{%- endmacro %}

{#- A figure as text: fixed decimals, and a comma in Norwegian. -#}
{% macro number_text(value, decimals, language) -%}
{%- set text -%}
case {{ decimals }}
    when 0 then cast(cast({{ value }} as decimal(18, 0)) as {{ dbt.type_string() }})
    when 1 then cast(cast({{ value }} as decimal(18, 1)) as {{ dbt.type_string() }})
    else cast(cast({{ value }} as decimal(18, 2)) as {{ dbt.type_string() }})
end
{%- endset -%}
{{ "replace(" ~ text ~ ", '.', ',')" if language == 'nb' else text }}
{%- endmacro %}

{#- The unit of a KPI as it follows a figure. -#}
{% macro unit_text(unit, language) -%}
case {{ unit }}
    when '%' then '{{ ' %' if language == 'nb' else '%' }}'
    when 'n' then ''
    when 'O/E' then ''
    when 'h' then '{{ ' t' if language == 'nb' else ' h' }}'
    when 'per hendelse' then '{{ ' per hendelse' if language == 'nb' else ' per incident' }}'
    else case when {{ unit }} is null then '' else concat(' ', {{ unit }}) end
end
{%- endmacro %}
