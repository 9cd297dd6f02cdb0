select * from read_csv('{{ env_var("MINI_SEEDS") }}/urban_municipalities.csv', all_varchar = true)
