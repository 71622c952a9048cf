-- $1: pid of a lost session, $2: its start. Waits up to 3 s for its end; no row when it is gone.
SELECT pg_terminate_backend(a.pid, 3000)
  FROM pg_stat_get_activity($1::int4) AS a
 WHERE a.backend_start = $2::timestamptz
