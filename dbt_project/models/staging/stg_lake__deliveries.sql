{{ config(materialized='table') }}
{{ lake_file('deliveries.parquet', {
    'source': 'string', 'contract': 'string', 'delivered_on': 'date', 'file_name': 'string',
    'status': 'string', 'refusal_code': 'string', 'map_version': 'string', 'rows_read': 'bigint',
    'accepted': 'bigint', 'rejected': 'bigint', 'exact_duplicates': 'bigint', 'is_replay': 'boolean',
}) }}
