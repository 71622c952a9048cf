-- $1 tenant, $2 id.
SELECT m.id, m.webhook_id, m.notification_id, m.event, m.status, m.attempts, m.response_status, m.error,
       m.created_at, m.last_attempt_at, m.delivered_at,
       CASE WHEN m.status = 'pending' THEN m.next_attempt_at END, m.payload
  FROM celeriac.webhook_messages m
 WHERE m.id = $2::uuid AND m.tenant_id = $1::uuid
   AND EXISTS (SELECT FROM celeriac.webhooks w WHERE w.id = m.webhook_id AND w.tenant_id = m.tenant_id)
