select * from read_csv('{{ env_var("MINI_SEEDS") }}/kpi_registry.csv', all_varchar = true)
