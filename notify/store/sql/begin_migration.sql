-- Migrations of one database wait for each other; the lock ends with the transaction.
BEGIN ISOLATION LEVEL READ COMMITTED;
SELECT set_config('search_path', 'pg_catalog', true);
SELECT pg_advisory_xact_lock(7161985)
