-- $1 tenant, $2 id, $3 its notification, $4 the publication. A row when it will be sent again.
-- A call that is repeated after it was committed finds its own publication.
WITH letter AS (
    DELETE FROM public.dead_letters d
     USING public.notifications x
     WHERE d.id = $2::uuid AND d.notification_id = $3::uuid
       AND x.id = d.notification_id AND x.tenant_id = $1::uuid AND x.status = 'failed'
    RETURNING d.notification_id
), again AS (
    UPDATE public.notifications x
       SET status = 'pending', error_message = NULL, updated_at = now()
      FROM letter l
     WHERE x.id = l.notification_id
    RETURNING x.id, x.tenant_id
), watched AS (
    -- A worker in Python may send it, and tells no webhook (scan_webhooks.sql).
    INSERT INTO celeriac.webhook_watch (notification_id, tenant_id, checked_at)
    SELECT a.id, a.tenant_id, now()
      FROM again a
     WHERE EXISTS (SELECT FROM celeriac.webhooks w WHERE w.tenant_id = a.tenant_id AND w.is_active)
    ON CONFLICT (notification_id) DO NOTHING
), queued AS (
    INSERT INTO celeriac.outbox (notification_id, task_id, created_at, claimed_until, eta)
    SELECT id, $4::uuid, now(), now() + interval '5 seconds', NULL
      FROM again
    -- A row that is still there is of a message that was published, and not forgotten yet.
    ON CONFLICT (notification_id) DO UPDATE
       SET task_id = EXCLUDED.task_id, created_at = EXCLUDED.created_at,
           claimed_until = EXCLUDED.claimed_until, eta = NULL, headers = NULL
)
SELECT id FROM again
UNION ALL
SELECT o.notification_id
  FROM celeriac.outbox o
 WHERE o.notification_id = $3::uuid AND o.task_id = $4::uuid
