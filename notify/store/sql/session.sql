-- $1: statement_timeout in milliseconds.
-- Plans are made once and kept for a second (pipeline.c), without knowing how many rows a statement
-- is for. Big tables are to be reached by index, so full scans and the joins that want them are priced out
-- (jit would see those prices and compile).
SELECT pg_backend_pid(),
       a.backend_start,
       to_regclass('celeriac.schema_migrations') IS NOT NULL,
       set_config('search_path', 'pg_catalog', false),
       set_config('default_transaction_isolation', 'read committed', false),
       set_config('plan_cache_mode', 'force_generic_plan', false),
       set_config('enable_seqscan', 'off', false),
       set_config('enable_hashjoin', 'off', false),
       set_config('enable_mergejoin', 'off', false),
       set_config('random_page_cost', '0.1', false),
       set_config('jit', 'off', false),
       set_config('lock_timeout', '1000', false),
       set_config('statement_timeout', $1, false)
  FROM pg_stat_get_activity(pg_backend_pid()) AS a
