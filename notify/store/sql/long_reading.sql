-- As custom_plan.sql, for what reads very many rows: in the order in which they lie on the disk rather than by
-- index, with room for the ids of a million, and with a longer limit of time.
SELECT set_config('plan_cache_mode', 'force_custom_plan', true),
       set_config('enable_seqscan', 'on', true),
       set_config('enable_hashjoin', 'on', true),
       set_config('enable_mergejoin', 'on', true),
       set_config('random_page_cost', '4', true),
       set_config('work_mem', '64MB', true),
       set_config('statement_timeout', '15000', true)
