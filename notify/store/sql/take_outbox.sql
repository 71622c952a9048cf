-- $1 limit.
UPDATE celeriac.outbox o
   SET claimed_until = now() + interval '5 seconds'
  FROM (SELECT d.notification_id
          FROM celeriac.outbox d
         WHERE d.claimed_until <= now()
         ORDER BY d.claimed_until
         LIMIT $1::bigint
           FOR UPDATE SKIP LOCKED) AS due
 WHERE o.notification_id = due.notification_id
RETURNING o.notification_id, o.task_id, o.created_at, o.eta, o.headers
