-- $1 tenant, $2 webhook, $3 id, $4 event, $5 most test events that may wait. No row when there is no such webhook, it is
-- off, or as many wait. The id is random: a row that has it is this very call, repeated.
WITH made AS (
    INSERT INTO celeriac.webhook_messages (id, webhook_id, tenant_id, event, occurrence, payload)
    SELECT $3::uuid, w.id, w.tenant_id, $4::text, $3::uuid,
           json_build_object('type', $4::text, 'timestamp', celeriac.rfc3339(now()),
                             'data', json_build_object('webhook_id', w.id))::text
      FROM celeriac.webhooks w
     WHERE w.id = $2::uuid AND w.tenant_id = $1::uuid AND w.is_active
       AND (SELECT count(*)
              FROM celeriac.webhook_messages o
             WHERE o.webhook_id = $2::uuid AND o.event = $4::text AND o.status NOT IN ('delivered', 'failed')) < $5::bigint
       FOR KEY SHARE OF w
    ON CONFLICT (id) DO NOTHING
    RETURNING *
)
SELECT m.payload,
\ir columns/webhook_message.sql
  FROM (SELECT * FROM made
        UNION ALL
        SELECT * FROM celeriac.webhook_messages o WHERE o.id = $3::uuid AND o.tenant_id = $1::uuid) AS m
