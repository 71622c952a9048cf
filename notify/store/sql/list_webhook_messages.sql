-- $1 tenant, $2 webhook, $3 status or NULL, $4 and $5 cursor or NULL, $6 limit, $7 and $8 earliest and first later
-- time or NULL. Without payloads.
SELECT m.id, m.webhook_id, m.notification_id, m.event, m.status, m.attempts, m.response_status, m.error,
       m.created_at, m.last_attempt_at, m.delivered_at,
       CASE WHEN m.status = 'pending' THEN m.next_attempt_at END, NULL::text
  FROM celeriac.webhook_messages m
 WHERE m.webhook_id = $2::uuid AND m.tenant_id = $1::uuid
   AND ($3::text IS NULL OR m.status = $3::text)
   AND ($4::timestamptz IS NULL OR (m.created_at, m.id) < ($4::timestamptz, $5::uuid))
   AND ($7::timestamptz IS NULL OR m.created_at >= $7::timestamptz)
   AND ($8::timestamptz IS NULL OR m.created_at < $8::timestamptz)
 ORDER BY m.created_at DESC, m.id DESC
 LIMIT $6::bigint
