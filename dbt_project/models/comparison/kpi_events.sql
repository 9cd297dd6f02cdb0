{{ config(contract={'enforced': true}) }}
select distinct event_date, kpi_id, level, unit_id, effect, text_nb, text_en
from {{ source('site', 'events') }}
