-- $1 tenant, $2 id, $3 url, $4 description, $5 events, $6 secret, $7 most webhooks of a tenant. No row when it has
-- as many. The id is random: a row that has it is this very call, repeated.
WITH w AS (
    INSERT INTO celeriac.webhooks (id, tenant_id, url, description, events, secret)
    SELECT $2::uuid, $1::uuid, $3::text, $4::text, $5::text[], $6::text
     WHERE (SELECT count(*) FROM celeriac.webhooks o WHERE o.tenant_id = $1::uuid) < $7::bigint
    ON CONFLICT (id) DO NOTHING
    RETURNING *
)
SELECT w.id, w.url, w.description, 'notification.sent' = ANY (w.events), 'notification.failed' = ANY (w.events),
       w.is_active, w.disabled_reason, w.failing_since,
       CASE WHEN w.paused_until > now() THEN w.paused_until END,
       CASE WHEN w.old_secret_until > now() THEN w.old_secret_until END, w.created_at, w.updated_at
  FROM w
UNION ALL
SELECT w.id, w.url, w.description, 'notification.sent' = ANY (w.events), 'notification.failed' = ANY (w.events),
       w.is_active, w.disabled_reason, w.failing_since,
       CASE WHEN w.paused_until > now() THEN w.paused_until END,
       CASE WHEN w.old_secret_until > now() THEN w.old_secret_until END, w.created_at, w.updated_at
  FROM celeriac.webhooks w
 WHERE w.id = $2::uuid AND w.tenant_id = $1::uuid
