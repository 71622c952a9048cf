-- $1 tenant, $2 id. May be repeated: what is pending becomes due, unless its task is on the broker or under way.
UPDATE celeriac.webhook_messages m
   SET status = 'pending',
       attempts = CASE WHEN m.status = 'pending' THEN m.attempts ELSE 0 END,
       delivered_at = NULL,
       next_attempt_at = CASE WHEN m.status = 'pending' AND m.published_until > now() THEN m.next_attempt_at
                              ELSE now() END,
       published_until = CASE WHEN m.status = 'pending' THEN m.published_until END
 WHERE m.id = $2::uuid AND m.tenant_id = $1::uuid
   AND (SELECT w.is_active FROM celeriac.webhooks w WHERE w.id = m.webhook_id)
RETURNING m.payload,
\ir columns/webhook_message.sql
