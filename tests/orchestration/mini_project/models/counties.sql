select * from read_csv('{{ env_var("MINI_SEEDS") }}/counties.csv', all_varchar = true)
