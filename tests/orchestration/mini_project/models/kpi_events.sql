{{ config(tags=['comparison']) }}
select * from {{ source('site', 'events') }}
