-- $1 limit. One row for each message that was removed: of those that ended long ago, and of those whose endpoint was
-- deleted, as many as the limit each. An endpoint that was deleted goes when it has no more.
WITH old AS (
    SELECT d.id
      FROM celeriac.webhook_messages d
     WHERE d.status <> 'pending' AND d.created_at < now() - interval '7 days'
     ORDER BY d.created_at
     LIMIT $1::bigint
       FOR UPDATE SKIP LOCKED
), orphaned AS (
    SELECT m.id
      FROM celeriac.webhooks w
      JOIN celeriac.webhook_messages m ON m.webhook_id = w.id
     WHERE w.tenant_id = celeriac.nobody()
     LIMIT $1::bigint
       FOR UPDATE OF m SKIP LOCKED
), gone AS (
    DELETE FROM celeriac.webhooks w
     WHERE w.tenant_id = celeriac.nobody()
       AND NOT EXISTS (SELECT FROM celeriac.webhook_messages m WHERE m.webhook_id = w.id)
)
DELETE FROM celeriac.webhook_messages m
 USING (SELECT o.id FROM old o UNION SELECT f.id FROM orphaned f) AS e
 WHERE m.id = e.id
RETURNING 1
