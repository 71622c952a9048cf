-- $1 tenant, $2 id.
SELECT m.payload,
\ir columns/webhook_message.sql
  FROM celeriac.webhook_messages m
 WHERE m.id = $2::uuid AND m.tenant_id = $1::uuid
   AND EXISTS (SELECT FROM celeriac.webhooks w WHERE w.id = m.webhook_id AND w.tenant_id = m.tenant_id)
