-- $1 limit. One row for each that goes. Those that somebody is just asked about wait for the next time.
DELETE FROM celeriac.idempotency_keys k
 USING (SELECT d.tenant_id, d.key
          FROM celeriac.idempotency_keys d
         WHERE d.created_at < now() - interval '24 hours'
         ORDER BY d.created_at
         LIMIT $1::bigint
           FOR UPDATE SKIP LOCKED) AS old
 WHERE k.tenant_id = old.tenant_id AND k.key = old.key
RETURNING k.created_at
