-- $1 tenant, $2 id or NULL for all.
SELECT
\ir columns/webhook.sql
  FROM celeriac.webhooks w
 WHERE w.tenant_id = $1::uuid AND ($2::uuid IS NULL OR w.id = $2::uuid)
 ORDER BY w.created_at DESC, w.id DESC
