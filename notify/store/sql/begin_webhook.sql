-- $1 message, $2 seconds that an attempt may take, with room to spare.
-- (The status is asked for in a way that leaves the index of what is due alone.)
-- What waits in the table for a later time has no task, so a task that comes then is a repeat: one that was published
-- again when the first one was late, or whose worker was killed when it had recorded how it ended.
-- One row when the message is still to be delivered: what it is and where it goes (state 1), or 2 when the endpoint
-- is paused and the message was put off, or 3 when the endpoint was switched off and the message has ended.
-- Who tries an endpoint that fails pauses it for that time, so that nobody else does.
WITH hook AS MATERIALIZED (
    SELECT w.id, w.url, w.secret, CASE WHEN w.old_secret_until > now() THEN w.old_secret END AS old_secret,
           w.is_active, w.failures, w.paused_until
      FROM celeriac.webhook_messages m
      JOIN celeriac.webhooks w ON w.id = m.webhook_id
     WHERE m.id = $1::uuid AND m.status NOT IN ('delivered', 'failed')
       AND (m.published_until IS NOT NULL OR m.next_attempt_at <= now())
), probe AS (
    UPDATE celeriac.webhooks w
       SET paused_until = now() + $2::bigint * interval '1 second'
      FROM hook h
     WHERE w.id = h.id AND h.is_active AND h.failures >= 5
       AND (w.paused_until IS NULL OR w.paused_until <= now())
    RETURNING w.id
), decided AS MATERIALIZED (
    SELECT h.*,
           CASE WHEN NOT h.is_active THEN 3
                WHEN h.failures >= 5 AND NOT EXISTS (SELECT FROM probe) THEN 2
                ELSE 1 END AS state
      FROM hook h
), begun AS (
    UPDATE celeriac.webhook_messages m
       SET status = CASE WHEN d.state = 3 THEN 'failed' ELSE 'pending' END,
           error = CASE WHEN d.state = 3 THEN 'the endpoint is switched off' ELSE m.error END,
           turn = m.turn + 1,
           attempts = m.attempts + CASE WHEN d.state = 1 THEN 1 ELSE 0 END,
           last_attempt_at = CASE WHEN d.state = 1 THEN now() ELSE m.last_attempt_at END,
           next_attempt_at = CASE WHEN d.state = 1 THEN now() + ($2::bigint + 60) * interval '1 second'
                                  ELSE greatest(d.paused_until, now() + interval '5 seconds')
                                       + random() * interval '5 seconds' END,
           published_until = CASE WHEN d.state = 1 THEN m.published_until END
      FROM decided d
     WHERE m.id = $1::uuid AND m.status NOT IN ('delivered', 'failed')
       AND (m.published_until IS NOT NULL OR m.next_attempt_at <= now())
    RETURNING d.state, m.attempts, m.payload, d.url, d.secret, d.old_secret
)
SELECT state, attempts, payload, url, secret, old_secret FROM begun
