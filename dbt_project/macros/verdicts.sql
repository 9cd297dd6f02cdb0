{#- Verdicts as sentences. Columns: verdict, position, comparator, measure, unit, decimals, value,
    reference, is_enough, is_partial, is_broken, group_name_nb, group_name_en. -#}
{% macro verdict_text(language) %}
{%- set nb = language == 'nb' -%}
case
    when verdict is null then null
    when verdict = 'not_comparable' and measure in ('count', 'hours_count') then
        '{{ "Antall og timer sammenlignes ikke mellom enheter." if nb else "Counts and hours are not compared between units." }}'
    when verdict = 'not_comparable' and unit_id = 'UNKNOWN' then
        '{{ "Ukjent enhet: sammenlignes ikke." if nb else "Unknown unit: not compared." }}'
    when verdict = 'not_comparable' and is_partial then
        '{{ "Kan ikke sammenlignes: perioden er ikke fullt levert." if nb else "Not comparable: the period is not wholly delivered." }}'
    when verdict = 'not_comparable' and is_broken then
        '{{ "Kan ikke sammenlignes: brudd i serien i perioden." if nb else "Not comparable: the series breaks within the period." }}'
    when verdict = 'not_comparable' then
        '{{ "Kan ikke sammenlignes: for mange manglende registreringer." if nb else "Not comparable: too many missing registrations." }}'
    when verdict = 'hidden' then
        '{{ "Skjult: tallet vises ikke av hensyn til personvernet." if nb else "Hidden: the figure is not shown, for privacy." }}'
    when verdict = 'too_few' and not is_enough then
        '{{ "For få hendelser til å si noe." if nb else "Too few observations to say." }}'
    when verdict = 'too_few' then
        '{{ "For få lignende enheter å sammenligne med." if nb else "Too few similar units to compare with." }}'
    else concat(
        case when abs(position) = 2 then
            case verdict
                when 'better' then '{{ "Klart bedre enn forventet" if nb else "Clearly better than expected" }}'
                when 'worse' then '{{ "Klart dårligere enn forventet" if nb else "Clearly worse than expected" }}'
                when 'higher' then '{{ "Klart høyere enn forventet" if nb else "Clearly higher than expected" }}'
                else '{{ "Klart lavere enn forventet" if nb else "Clearly lower than expected" }}'
            end
        else
            case verdict
                when 'better' then '{{ "Bedre enn forventet" if nb else "Better than expected" }}'
                when 'worse' then '{{ "Dårligere enn forventet" if nb else "Worse than expected" }}'
                when 'higher' then '{{ "Høyere enn forventet" if nb else "Higher than expected" }}'
                when 'lower' then '{{ "Lavere enn forventet" if nb else "Lower than expected" }}'
                else '{{ "Som forventet" if nb else "As expected" }}'
            end
        end,
        ': ',
        {{ number_text('value', 'decimals', language) }},
        {{ unit_text('unit', language) }},
        '{{ " mot " if nb else " against " }}',
        {{ number_text('reference', 'decimals', language) }},
        {{ unit_text('unit', language) }},
        case
            when measure = 'standardized' and comparator = 'funnel' then
                '{{ " ventet ut fra sentralitet og hastegrad." if nb else " expected from centrality and urgency." }}'
            when comparator = 'others' then concat(
                '{{ " i de andre (" if nb else " in the others (" }}', group_name_{{ language }},
                '{{ ") samlet." if nb else ") taken together." }}'
            )
            when comparator = 'funnel' then concat(
                '{{ " i lignende enheter (" if nb else " in similar units (" }}', group_name_{{ language }},
                '{{ ") samlet." if nb else ") taken together." }}'
            )
            else concat(
                '{{ " som median i lignende enheter (" if nb else ", the median of similar units (" }}', group_name_{{ language }}, ').'
            )
        end
    )
end
{% endmacro %}

{#- What a point of an XmR chart says. Columns: unjudged, is_trial, signal, signal_side,
    signal_direction, assurance. -#}
{% macro trend_text(language) %}
{%- set nb = language == 'nb' -%}
case
    when j.unjudged = 'partial' then
        '{{ "Perioden er ikke fullt levert: ingen vurdering." if nb else "The period is not wholly delivered: no verdict." }}'
    when j.unjudged = 'break' then
        '{{ "Brudd i serien i perioden: ingen vurdering." if nb else "The series breaks within the period: no verdict." }}'
    when j.unjudged = 'season' then
        '{{ "Årstiden er ikke kjent ennå: ingen vurdering." if nb else "The season is not known yet: no verdict." }}'
    when j.unjudged = 'rare' then
        '{{ "For få hendelser per periode til å si noe." if nb else "Too few events in a period to say." }}'
    when j.unjudged = 'few' then
        '{{ "For få perioder på rad til å si noe." if nb else "Too few periods in a row to say." }}'
    else concat(
        case j.signal_direction
            when 'improvement' then '{{ "Bedring: " if nb else "Improvement: " }}'
            when 'concern' then '{{ "Bekymring: " if nb else "Concern: " }}'
            when 'neutral' then '{{ "Endring: " if nb else "Change: " }}'
            else '{{ "Vanlig variasjon" if nb else "Ordinary variation" }}'
        end,
        case j.signal
            when 'outside' then
                case when j.signal_side > 0
                    then '{{ "over det vanlige området" if nb else "above the usual range" }}'
                    else '{{ "under det vanlige området" if nb else "below the usual range" }}'
                end
            when 'shift' then
                case when j.signal_side > 0
                    then '{{ "minst sju perioder på rad over gjennomsnittet" if nb else "at least seven periods in a row above the mean" }}'
                    else '{{ "minst sju perioder på rad under gjennomsnittet" if nb else "at least seven periods in a row below the mean" }}'
                end
            when 'trend' then
                case when j.signal_side > 0
                    then '{{ "minst sju perioder på rad med økning" if nb else "at least seven periods in a row rising" }}'
                    else '{{ "minst sju perioder på rad med nedgang" if nb else "at least seven periods in a row falling" }}'
                end
            when 'two_of_three' then
                case when j.signal_side > 0
                    then '{{ "to av tre perioder nær øvre grense" if nb else "two of three periods near the upper limit" }}'
                    else '{{ "to av tre perioder nær nedre grense" if nb else "two of three periods near the lower limit" }}'
                end
            else ''
        end,
        case when j.is_trial then '{{ " (foreløpige grenser)." if nb else " (trial limits)." }}' else '.' end,
        case j.assurance
            when 'pass' then '{{ " Målet nås stabilt." if nb else " The target is met consistently." }}'
            when 'fail' then '{{ " Målet nås ikke uten endring." if nb else " The target is not met without change." }}'
            when 'inconsistent' then '{{ " Målet nås bare av og til." if nb else " The target is met only now and then." }}'
            else ''
        end
    )
end
{% endmacro %}

{#- What is new of a series. Columns: change, period_grain, recent_value, expected_value, unit,
    decimals. -#}
{% macro news_text(language) %}
{%- set nb = language == 'nb' -%}
concat(
    case change
        when 'better' then '{{ "Bedre" if nb else "Better" }}'
        when 'worse' then '{{ "Dårligere" if nb else "Worse" }}'
        when 'higher' then '{{ "Høyere" if nb else "Higher" }}'
        else '{{ "Lavere" if nb else "Lower" }}'
    end,
    case period_grain
        when 'week' then '{{ " de tre siste ukene: " if nb else " in the latest three weeks: " }}'
        else '{{ " de tre siste månedene: " if nb else " in the latest three months: " }}'
    end,
    {{ number_text('recent_value', 'decimals', language) }},
    {{ unit_text('unit', language) }},
    '{{ " i snitt mot " if nb else " on average against " }}',
    {{ number_text('expected_value', 'decimals', language) }},
    {{ unit_text('unit', language) }},
    '{{ " ventet ut fra periodene før og årstiden." if nb else " expected from the periods before and the season." }}'
)
{% endmacro %}
