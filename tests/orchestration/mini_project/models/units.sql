select * from read_csv('{{ env_var("MINI_SEEDS") }}/units.csv', all_varchar = true)
