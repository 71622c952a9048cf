-- $1 limit, $2 most messages of one endpoint on the broker, $3 seconds for which what is published counts as being
-- there.
-- A row for each message whose task is to be published now, and, with false, for each that has ended because its
-- endpoint was switched off. An endpoint gives what it has places for on the broker, one that is paused
-- nothing, and one that fails (from the fifth failure one after another) one at a time. Those whose messages wait
-- longest come first. What else is due stays untouched, however much it is.
WITH hooks AS MATERIALIZED (
    SELECT w.id, w.is_active,
           CASE WHEN w.is_active THEN
               CASE WHEN w.failures >= 5 THEN 1 ELSE $2::bigint END
               - (SELECT count(*)
                    FROM (SELECT
                            FROM celeriac.webhook_messages p
                           WHERE p.webhook_id = w.id AND p.status = 'pending' AND p.published_until > now()
                           LIMIT $2::bigint) AS published)
           ELSE $1::bigint END AS places
      FROM celeriac.webhook_queues q
      JOIN celeriac.webhooks w ON w.id = q.webhook_id
     WHERE q.next_attempt_at <= now()
       AND NOT (w.is_active AND coalesce(w.paused_until > now(), false))
     ORDER BY w.is_active DESC, q.next_attempt_at
), due AS MATERIALIZED (
    SELECT d.id, h.is_active
      FROM hooks h
     CROSS JOIN LATERAL (
           SELECT m.id
             FROM celeriac.webhook_messages m
            WHERE m.webhook_id = h.id AND m.status = 'pending' AND m.next_attempt_at <= now()
            ORDER BY m.next_attempt_at
            LIMIT greatest(h.places, 0)
              FOR UPDATE SKIP LOCKED) AS d
     LIMIT $1::bigint
)
UPDATE celeriac.webhook_messages m
   SET status = CASE WHEN d.is_active THEN 'pending' ELSE 'failed' END,
       error = CASE WHEN d.is_active THEN m.error ELSE 'the endpoint is switched off' END,
       next_attempt_at = now() + $3::bigint * interval '1 second',
       published_until = CASE WHEN d.is_active THEN now() + $3::bigint * interval '1 second' END
  FROM due d
 WHERE m.id = d.id
RETURNING m.id, m.webhook_id, m.turn, d.is_active
