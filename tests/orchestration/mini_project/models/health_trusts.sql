select * from read_csv('{{ env_var("MINI_SEEDS") }}/health_trusts.csv', all_varchar = true)
