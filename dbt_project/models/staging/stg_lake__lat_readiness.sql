{% set columns = record_columns() %}
{% do columns.update({
    'base_id': 'string', 'resource_id': 'string', 'vehicle': 'string', 'state': 'string',
    'reason': 'string', 'attribution': 'string', 'start_at': 'timestamp', 'end_at': 'timestamp',
}) %}
{% do columns.update(lineage_columns()) %}
{{ lake_rows('lat_readiness', columns) }}
