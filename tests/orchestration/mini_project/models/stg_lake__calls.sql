select event_date, central_id
from read_parquet('{{ var("lake_path") }}/call/*/accepted.parquet')
