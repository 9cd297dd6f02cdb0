{% set columns = record_columns() %}
{% do columns.update({
    'call_source_id': 'string', 'central_id': 'string', 'link_sent_at': 'timestamp',
    'connected_at': 'timestamp', 'ended_at': 'timestamp', 'status': 'string',
}) %}
{% do columns.update(lineage_columns()) %}
{{ lake_rows('video_session', columns) }}
