-- Version 8: what is due is looked for endpoint by endpoint, so that one with a million messages that have to wait
-- costs no more than one with ten, and keeps nobody waiting.
DROP INDEX celeriac.webhook_messages_due;
CREATE INDEX webhook_messages_due ON celeriac.webhook_messages (webhook_id, next_attempt_at) WHERE status = 'pending';

-- The endpoints with pending messages, and when the first of these is due: one step in the index for each.
CREATE VIEW celeriac.webhook_queues AS
WITH RECURSIVE queues AS (
    (SELECT m.webhook_id, m.next_attempt_at
       FROM celeriac.webhook_messages m
      WHERE m.status = 'pending'
      ORDER BY m.webhook_id, m.next_attempt_at
      LIMIT 1)
    UNION ALL
    SELECT n.webhook_id, n.next_attempt_at
      FROM queues q
     CROSS JOIN LATERAL (
           SELECT m.webhook_id, m.next_attempt_at
             FROM celeriac.webhook_messages m
            WHERE m.status = 'pending' AND m.webhook_id > q.webhook_id
            ORDER BY m.webhook_id, m.next_attempt_at
            LIMIT 1) AS n
)
SELECT q.webhook_id, q.next_attempt_at FROM queues q;

-- Endpoints that were deleted belong to nobody until they and their messages are removed (sweep_webhooks.sql).
CREATE FUNCTION celeriac.nobody() RETURNS uuid LANGUAGE sql IMMUTABLE AS
'SELECT ''00000000-0000-0000-0000-000000000000''::uuid';

-- What failed for good is looked for among millions that were delivered.
CREATE INDEX webhook_messages_failed ON celeriac.webhook_messages (webhook_id, created_at) WHERE status = 'failed';
