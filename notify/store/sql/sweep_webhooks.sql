-- $1 limit. One row for each message that was removed: those that ended long ago.
DELETE FROM celeriac.webhook_messages m
 USING (SELECT d.id
          FROM celeriac.webhook_messages d
         WHERE d.status <> 'pending' AND d.created_at < now() - interval '7 days'
         ORDER BY d.created_at
         LIMIT $1::bigint
           FOR UPDATE SKIP LOCKED) AS old
 WHERE m.id = old.id
RETURNING 1
