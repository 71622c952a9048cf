-- For lists with optional filters: planned each time, for the filters that are there and with all that
-- the session rules out for the others (session.sql).
SELECT set_config('plan_cache_mode', 'force_custom_plan', true),
       set_config('enable_seqscan', 'on', true),
       set_config('enable_hashjoin', 'on', true),
       set_config('enable_mergejoin', 'on', true)
