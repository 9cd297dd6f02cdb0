{{ config(materialized='table') }}
{{ lake_file('covered_days.parquet', {'source': 'string', 'contract': 'string', 'covered_on': 'date'}) }}
