-- Rows that are due, or held by whoever publishes them now: a hold ends within five seconds. What is to be
-- sent at a later time waits since then, if it waits.
SELECT count(*)::bigint,
       min(CASE WHEN eta IS NULL THEN created_at ELSE greatest(created_at, least(eta, now())) END)
  FROM celeriac.outbox
 WHERE claimed_until <= now() + interval '5 seconds'
