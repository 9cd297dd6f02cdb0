{#- Periods of validity are dates, the end exclusive. The calendar begins and ends here too. -#}

{% macro open_start() -%}cast('2000-01-01' as date){%- endmacro %}
{% macro open_end() -%}cast('9999-12-31' as date){%- endmacro %}
