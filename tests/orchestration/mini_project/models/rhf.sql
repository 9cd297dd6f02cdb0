select * from read_csv('{{ env_var("MINI_SEEDS") }}/rhf.csv', all_varchar = true)
