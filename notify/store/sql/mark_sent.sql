-- $1 ids, sorted, each once; $2 times; $3 provider responses; $4 this sender.
-- One row when there are new messages for webhooks.
WITH released AS (
    DELETE FROM celeriac.send_claims c
     WHERE c.notification_id = ANY ($1::uuid[])
       AND c.sender = $4::uuid
), sent AS (
    UPDATE public.notifications x
       SET status = 'sent', sent_at = q.sent_at, provider_response = q.response::jsonb,
           updated_at = now()
      FROM unnest($1::uuid[], $2::timestamptz[], $3::text[]) AS q (id, sent_at, response)
     WHERE x.id = q.id
       AND x.status NOT IN ('sent', 'delivered')
    RETURNING x.id, x.tenant_id, x.channel, x.template_id, x.created_at, x.sent_at
), told AS (
    INSERT INTO celeriac.webhook_messages
           (id, webhook_id, tenant_id, notification_id, event, occurrence, payload)
    SELECT gen_random_uuid(), w.id, s.tenant_id, s.id, 'notification.sent', s.id,
           celeriac.webhook_payload('notification.sent', s.sent_at, s.id, s.channel, 'sent', s.template_id,
                                    s.created_at, s.sent_at, NULL, NULL, false)
      FROM sent s
      JOIN celeriac.webhooks w ON w.tenant_id = s.tenant_id
     WHERE w.is_active AND 'notification.sent' = ANY (w.events)
       -- One that is deleted meanwhile is passed over, rather than refused by the foreign key.
       FOR KEY SHARE OF w
    ON CONFLICT (webhook_id, event, occurrence) DO NOTHING
    RETURNING id
)
SELECT true FROM told LIMIT 1
