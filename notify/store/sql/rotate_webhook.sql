-- $1 tenant, $2 id, $3 the new secret, $4 seconds that the old one goes on to sign. The new one is random: a row that
-- has it is this very call, repeated.
WITH w AS (
    UPDATE celeriac.webhooks o
       SET secret = $3::text,
           old_secret = CASE WHEN $4::bigint > 0 THEN o.secret END,
           old_secret_until = CASE WHEN $4::bigint > 0 THEN now() + $4::bigint * interval '1 second' END,
           updated_at = now()
     WHERE o.id = $2::uuid AND o.tenant_id = $1::uuid AND o.secret <> $3::text
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
 WHERE w.id = $2::uuid AND w.tenant_id = $1::uuid AND w.secret = $3::text
