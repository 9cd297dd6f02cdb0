{{ config(materialized='table') }}
{% for contract in contracts() %}
select '{{ contract }}' as contract, batch_id, path
from ({{ lake_batches(contract) }}) as b
where substr(batch_id, 1, 1) not in ('.', '_')
{{ 'union all' if not loop.last }}
{% endfor %}
