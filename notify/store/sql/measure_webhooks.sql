-- $1 most that are counted. Messages that are due and not delivered, and how long the oldest has been due.
SELECT (SELECT count(*)
          FROM (SELECT
                  FROM celeriac.webhook_messages m
                 WHERE m.status = 'pending' AND m.next_attempt_at <= now()
                 LIMIT $1::bigint) AS due),
       (SELECT min(m.next_attempt_at)
          FROM celeriac.webhook_messages m
         WHERE m.status = 'pending' AND m.next_attempt_at <= now())
