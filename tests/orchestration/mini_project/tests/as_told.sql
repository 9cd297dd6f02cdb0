-- Fails when the test at hand wants it to.
select n from {{ ref('kpi_values') }} where '{{ env_var("MINI_FAIL", "no") }}' = 'yes'
