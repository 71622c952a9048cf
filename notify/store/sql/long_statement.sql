-- For what rewrites many rows: the session's limits would end it each time.
SELECT set_config('statement_timeout', '590000', true)
