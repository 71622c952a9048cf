-- $1 most that are counted, $2 most messages of one endpoint on the broker. Messages that are due and could be
-- published now, as their endpoint is neither paused nor has as many there as it may, and how long the oldest
-- has been due.
WITH hooks AS MATERIALIZED (
    SELECT q.webhook_id, q.next_attempt_at
      FROM celeriac.webhook_queues q
      JOIN celeriac.webhooks w ON w.id = q.webhook_id
     WHERE q.next_attempt_at <= now()
       AND NOT (w.is_active AND coalesce(w.paused_until > now(), false))
       AND (SELECT count(*)
              FROM (SELECT
                      FROM celeriac.webhook_messages p
                     WHERE p.webhook_id = w.id AND p.status = 'pending' AND p.published_until > now()
                     LIMIT $2::bigint) AS published) < CASE WHEN w.failures >= 5 THEN 1 ELSE $2::bigint END
)
SELECT (SELECT count(*)
          FROM (SELECT
                  FROM hooks h
                  JOIN celeriac.webhook_messages m ON m.webhook_id = h.webhook_id
                 WHERE m.status = 'pending' AND m.next_attempt_at <= now()
                 LIMIT $1::bigint) AS due),
       (SELECT min(h.next_attempt_at) FROM hooks h)
