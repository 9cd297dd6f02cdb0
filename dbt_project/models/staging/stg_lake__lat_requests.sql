{% set columns = record_columns() %}
{% do columns.update({
    'requested_at': 'timestamp', 'base_id': 'string', 'resource_id': 'string',
    'vehicle': 'string', 'urgency': 'string', 'outcome': 'string', 'reason': 'string',
    'airborne_at': 'timestamp', 'at_scene_at': 'timestamp', 'alarm_source_id': 'string',
}) %}
{% do columns.update(lineage_columns()) %}
{{ lake_rows('lat_request', columns) }}
