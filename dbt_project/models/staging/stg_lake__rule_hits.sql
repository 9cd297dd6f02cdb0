{{ config(materialized='table') }}
{{ lake_file('rule_hits.parquet', {
    'source': 'string', 'contract': 'string', 'delivered_on': 'date', 'file_id': 'string',
    'code': 'string', 'row_count': 'bigint', 'first_row': 'bigint',
}) }}
