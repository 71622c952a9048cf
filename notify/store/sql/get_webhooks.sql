-- $1 tenant, $2 id or NULL for all.
SELECT w.id, w.url, w.description, 'notification.sent' = ANY (w.events), 'notification.failed' = ANY (w.events),
       w.is_active, w.disabled_reason, w.failing_since,
       CASE WHEN w.paused_until > now() THEN w.paused_until END,
       CASE WHEN w.old_secret_until > now() THEN w.old_secret_until END, w.created_at, w.updated_at
  FROM celeriac.webhooks w
 WHERE w.tenant_id = $1::uuid AND ($2::uuid IS NULL OR w.id = $2::uuid)
 ORDER BY w.created_at DESC, w.id DESC
