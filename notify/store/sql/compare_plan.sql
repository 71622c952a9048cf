-- As custom_plan.sql, but what waits for a later time is read whole, in the order in which it lies on the disk
-- and not by index, with room for the ids of a million rows, and with a longer limit of time.
SELECT set_config('plan_cache_mode', 'force_custom_plan', true),
       set_config('enable_seqscan', 'on', true),
       set_config('enable_hashjoin', 'on', true),
       set_config('enable_mergejoin', 'on', true),
       set_config('random_page_cost', '4', true),
       set_config('work_mem', '64MB', true),
       set_config('statement_timeout', '15000', true)
