-- What is shown of a webhook w, in the order of webhook_endpoints.c.
       w.id, w.url, w.description, 'notification.sent' = ANY (w.events), 'notification.failed' = ANY (w.events),
       w.is_active, w.disabled_reason, w.failing_since,
       CASE WHEN w.paused_until > now() THEN w.paused_until END,
       CASE WHEN w.old_secret_until > now() THEN w.old_secret_until END, w.created_at, w.updated_at
