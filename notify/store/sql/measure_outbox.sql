-- Rows that are due, or held by whoever publishes them now: a hold ends within five seconds.
SELECT count(*)::bigint, min(created_at)
  FROM celeriac.outbox
 WHERE claimed_until <= now() + interval '5 seconds'
