-- What is shown of a message m, in the order of webhook_log.c, but its payload.
       m.id, m.webhook_id, m.notification_id, m.event, m.status, m.attempts, m.response_status, m.error,
       m.created_at, m.last_attempt_at, m.delivered_at,
       CASE WHEN m.status = 'pending' THEN m.next_attempt_at END
