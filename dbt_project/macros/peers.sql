{#- Bands of population within a class of centrality. The cut points are chosen so that every group
    had at least five units on 1 January 2025; a class with few units has few bands. -#}

{#- Centrality class (1 most central, 6 least; SSB) -> first populations of its bands. -#}
{% macro municipality_bands() %}
{{ return({
    1: [0], 2: [0, 50000], 3: [0, 10000, 20000, 50000], 4: [0, 5000, 10000, 20000],
    5: [0, 2000, 5000, 10000], 6: [0, 2000],
}) }}
{% endmacro %}

{#- Zone of an out-of-hours central: mean centrality class of its catchment, by population. -#}
{% macro catchment_zones() %}
{{ return([
    {'zone': 1, 'below': 2.5, 'bands': [0, 100000], 'nb': 'Sentralt område', 'en': 'Central area'},
    {'zone': 2, 'below': 4, 'bands': [0, 50000], 'nb': 'Middels sentralt område', 'en': 'Fairly central area'},
    {'zone': 3, 'below': 7, 'bands': [0, 20000], 'nb': 'Mindre sentralt område', 'en': 'Less central area'},
]) }}
{% endmacro %}

{% macro band_name(bands, position, language) %}
{%- set first = '{:,}'.format(bands[position]) -%}
{%- set last = '{:,}'.format(bands[position + 1] - 1) if position + 1 < bands | length -%}
{%- if bands | length == 1 -%}
{%- set name = '' -%}
{%- elif last and bands[position] == 0 -%}
{%- set limit = '{:,}'.format(bands[position + 1]) -%}
{%- set name = (', under ' ~ limit ~ ' innbyggere') if language == 'nb' else (', population below ' ~ limit) -%}
{%- elif last -%}
{%- set name = (', ' ~ first ~ '–' ~ last ~ ' innbyggere') if language == 'nb' else (', population ' ~ first ~ '–' ~ last) -%}
{%- else -%}
{%- set name = (', minst ' ~ first ~ ' innbyggere') if language == 'nb' else (', population at least ' ~ first) -%}
{%- endif -%}
{{ return(name.replace(',', ' ').replace('  ', ', ') if language == 'nb' else name) }}
{% endmacro %}

{#- Peer groups a comparison is made within: one scheme per kind of unit. -#}
{% macro default_peer_schemes() -%}
'{{ var('municipality_peer_scheme', 'centrality_population') }}', 'catchment_centrality', 'funnel', 'aircraft', 'level'
{%- endmacro %}

{#- 1 January of a year in a column. -#}
{% macro january_first(year_column) -%}
cast(concat(cast({{ year_column }} as {{ dbt.type_string() }}), '-01-01') as date)
{%- endmacro %}
