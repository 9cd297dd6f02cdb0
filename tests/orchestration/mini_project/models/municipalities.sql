select * from read_csv('{{ env_var("MINI_SEEDS") }}/municipalities.csv', all_varchar = true)
