-- $1 tenant, $2 webhook, $3 status or NULL, $4 and $5 cursor or NULL, $6 limit, $7 and $8 earliest and first later
-- time or NULL. Without payloads.
SELECT NULL::text,
\ir columns/webhook_message.sql
  FROM celeriac.webhook_messages m
 WHERE m.webhook_id = $2::uuid AND m.tenant_id = $1::uuid
   AND ($3::text IS NULL OR m.status = $3::text)
   AND ($4::timestamptz IS NULL OR (m.created_at, m.id) < ($4::timestamptz, $5::uuid))
   AND ($7::timestamptz IS NULL OR m.created_at >= $7::timestamptz)
   AND ($8::timestamptz IS NULL OR m.created_at < $8::timestamptz)
 ORDER BY m.created_at DESC, m.id DESC
 LIMIT $6::bigint
