-- $1 ids, sorted, each once; $2 error texts; $3 retry counts; $4 ids for new rows; $5 this sender.
-- One row when there are new messages for webhooks.
WITH released AS (
    DELETE FROM celeriac.send_claims c
     WHERE c.notification_id = ANY ($1::uuid[])
       AND c.sender = $5::uuid
), failed AS (
    UPDATE public.notifications x
       SET status = 'failed', error_message = q.error, updated_at = now()
      FROM unnest($1::uuid[], $2::text[], $3::int4[], $4::uuid[])
               AS q (id, error, retry_count, record_id)
     WHERE x.id = q.id
       AND x.status NOT IN ('sent', 'delivered')
    RETURNING x.id, q.error, q.retry_count, q.record_id, x.tenant_id, x.channel, x.template_id, x.created_at
), recorded AS (
    INSERT INTO celeriac.send_failures (id, notification_id, failed_at, error)
    SELECT record_id, id, now(), error
      FROM failed
    ON CONFLICT (id) DO NOTHING
), letters AS (
    INSERT INTO public.dead_letters (id, reason, retry_count, created_at, notification_id)
    SELECT record_id, error, retry_count, now(), id
      FROM failed
    ON CONFLICT (notification_id) DO UPDATE
       SET reason = EXCLUDED.reason, retry_count = EXCLUDED.retry_count
    RETURNING id, notification_id
), told AS (
    INSERT INTO celeriac.webhook_messages
           (id, webhook_id, tenant_id, notification_id, event, occurrence, payload)
    SELECT gen_random_uuid(), w.id, f.tenant_id, f.id, 'notification.failed', l.id,
           celeriac.webhook_payload('notification.failed', now(), f.id, f.channel, 'failed', f.template_id,
                                    f.created_at, NULL, f.error, f.retry_count, false)
      FROM failed f
      JOIN letters l ON l.notification_id = f.id
      JOIN celeriac.webhooks w ON w.tenant_id = f.tenant_id
     WHERE w.is_active AND 'notification.failed' = ANY (w.events)
       -- One that is deleted meanwhile is passed over, rather than refused by the foreign key.
       FOR KEY SHARE OF w
    ON CONFLICT (webhook_id, event, occurrence) DO NOTHING
    RETURNING id
)
SELECT true FROM told LIMIT 1
