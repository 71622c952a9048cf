-- $1 ids, $2 publications, $3 tenants, $4 templates, $5 times, $6 channels, $7 addresses, $8 data, $9 times
-- to send at or NULL, $10 times to publish at or NULL (now), $11 the requests that the rows belong to, $12 times
-- when rows that nobody is to send are said to be sent, NULL for the others.
-- Requests: $13 ids, $14 tenants, $15 idempotency keys or '' for none, $16 digests, $17 answers. $18 further
-- headers of the messages, or ''.
-- A call that is repeated after it was committed changes nothing: its row is there, and its outbox row
-- may be gone because the message was published.
-- Of several requests with one key the first to commit wins: the others wait for it here, insert nothing
-- and get what it was answered, as one row for each.
WITH requests AS (
    SELECT q.request, q.tenant_id, q.key, q.digest, q.document
      FROM unnest($13::uuid[], $14::uuid[], $15::text[], $16::bytea[], $17::bytea[])
               AS q (request, tenant_id, key, digest, document)
     WHERE q.key <> ''
), winners AS (
    INSERT INTO celeriac.idempotency_keys AS k
           (tenant_id, key, request, digest, document, created_at)
    SELECT DISTINCT ON (tenant_id, key) tenant_id, key, request, digest, document, now()
      FROM requests
     ORDER BY tenant_id, key, request
    ON CONFLICT (tenant_id, key) DO UPDATE
       SET created_at = k.created_at -- so that the row is returned, whoever made it
    RETURNING k.tenant_id, k.key, k.request, k.digest, k.document
), losers AS (
    SELECT r.request
      FROM requests r
      JOIN winners w ON w.tenant_id = r.tenant_id AND w.key = r.key
     WHERE w.request <> r.request
), fresh AS (
    SELECT q.*
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::timestamptz[], $6::text[],
                  $7::text[], $8::text[], $9::timestamptz[], $10::timestamptz[], $11::uuid[],
                  $12::timestamptz[], $18::text[])
               AS q (id, task_id, tenant_id, template_id, created_at, channel, "to", data, eta,
                     publish_at, request, sent_at, headers)
     WHERE NOT EXISTS (SELECT FROM public.notifications x WHERE x.id = q.id)
       AND q.request NOT IN (SELECT l.request FROM losers l)
), accepted AS (
    INSERT INTO public.notifications
           (id, tenant_id, template_id, channel, "to", data, status, provider_response,
            error_message, created_at, updated_at, sent_at)
    SELECT id, tenant_id, template_id, channel, "to", data::jsonb,
           CASE WHEN sent_at IS NULL THEN 'pending' ELSE 'sent' END,
           CASE WHEN sent_at IS NULL THEN '{}'
                ELSE '{"provider": "simulated", "status": "sent", "message_id": null,
                       "detail": "Accepted with a test key: nothing was sent",
                       "raw": {"sent_count": 0, "backend": "celeriac-simulated"}}' END::jsonb,
           NULL, created_at, created_at, sent_at
      FROM fresh
    ON CONFLICT (id) DO NOTHING
), published AS (
    INSERT INTO celeriac.outbox (notification_id, task_id, created_at, claimed_until, eta, headers)
    SELECT id, task_id, created_at, coalesce(publish_at, now() + interval '5 seconds'), eta,
           nullif(headers, '')
      FROM fresh
     WHERE sent_at IS NULL
    ON CONFLICT (notification_id) DO NOTHING
), told AS (
    INSERT INTO celeriac.webhook_messages
           (id, webhook_id, tenant_id, notification_id, event, occurrence, payload)
    SELECT gen_random_uuid(), w.id, f.tenant_id, f.id, 'notification.sent', f.id,
           celeriac.webhook_payload('notification.sent', f.sent_at, f.id, f.channel, 'sent', f.template_id,
                                    f.created_at, f.sent_at, NULL, NULL, true)
      FROM fresh f
      JOIN celeriac.webhooks w ON w.tenant_id = f.tenant_id
     WHERE f.sent_at IS NOT NULL AND w.is_active AND 'notification.sent' = ANY (w.events)
       -- One that is deleted meanwhile is passed over, rather than refused by the foreign key.
       FOR KEY SHARE OF w
    ON CONFLICT (webhook_id, event, occurrence) DO NOTHING
)
SELECT r.request, w.request, w.digest, w.document
  FROM requests r
  JOIN winners w ON w.tenant_id = r.tenant_id AND w.key = r.key
