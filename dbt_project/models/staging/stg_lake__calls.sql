{% set columns = record_columns() %}
{% do columns.update({
    'service_line': 'string', 'direction': 'string', 'channel': 'string',
    'central_id': 'string', 'home_central_id': 'string', 'ring_start_at': 'timestamp', 'menu_end_at': 'timestamp', 'queue_enter_at': 'timestamp',
    'answered_at': 'timestamp', 'ended_at': 'timestamp', 'outcome': 'string',
    'transferred_to': 'string', 'transfer_at': 'timestamp', 'parent_call_id': 'string',
    'chain_id': 'string', 'caller_pseudonym': 'string', 'municipality_code': 'string',
    'municipality_basis': 'string', 'is_test': 'boolean',
}) %}
{% do columns.update(lineage_columns()) %}
{{ lake_rows('call', columns) }}
