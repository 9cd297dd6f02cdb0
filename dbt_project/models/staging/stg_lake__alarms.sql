{% set columns = record_columns() %}
{% do columns.update({
    'incident_id': 'string', 'mission_id': 'string', 'unit_id': 'string',
    'unit_type': 'string', 'central_id': 'string', 'urgency_first': 'string',
    'urgency_last': 'string', 'urgency_changed': 'boolean', 'mission_type': 'string',
    'scene_municipality_code': 'string', 'scene_urban': 'boolean', 'received_at': 'timestamp', 'alerted_at': 'timestamp',
    'en_route_at': 'timestamp', 'at_scene_at': 'timestamp', 'departed_at': 'timestamp',
    'at_destination_at': 'timestamp', 'available_at': 'timestamp', 'cancelled_at': 'timestamp',
    'result': 'string',
}) %}
{% do columns.update(lineage_columns()) %}
{{ lake_rows('alarm', columns) }}
