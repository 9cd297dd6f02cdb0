{% set columns = record_columns() %}
{% do columns.update({
    'requested_at': 'timestamp', 'base_id': 'string', 'resource_id': 'string',
    'vehicle': 'string', 'urgency': 'string', 'outcome': 'string', 'reason': 'string',
    'airborne_at': 'timestamp', 'at_scene_at': 'timestamp', 'left_scene_at': 'timestamp',
    'at_destination_at': 'timestamp', 'left_destination_at': 'timestamp', 'landed_at': 'timestamp',
    'mission_type': 'string', 'patients': 'integer', 'alarm_source_id': 'string',
    'warning_codes': 'string',
}) %}
{% do columns.update(lineage_columns()) %}
{{ lake_rows('lat_request', columns) }}
