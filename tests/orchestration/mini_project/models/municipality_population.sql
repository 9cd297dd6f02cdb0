select * from read_csv('{{ env_var("MINI_SEEDS") }}/municipality_population.csv', all_varchar = true)
