-- $1 ids, sorted, each once; $2 error texts; $3 ids for new rows; $4 this sender.
WITH released AS (
    DELETE FROM celeriac.send_claims c
     WHERE c.notification_id = ANY ($1::uuid[])
       AND c.sender = $4::uuid
), failed AS (
    UPDATE public.notifications x
       SET error_message = q.error, updated_at = now()
      FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS q (id, error, record_id)
     WHERE x.id = q.id
       AND x.status NOT IN ('sent', 'delivered')
    RETURNING x.id, q.error, q.record_id
), aged AS (
    -- Nothing else tidies the table up: whoever adds a row takes away two that nobody asks for any more.
    DELETE FROM celeriac.send_failures f
     WHERE f.ctid = ANY (ARRAY(SELECT o.ctid
                                 FROM celeriac.send_failures o
                                WHERE o.failed_at < now() - interval '90 days'
                                ORDER BY o.failed_at
                                LIMIT 2 * cardinality($1::uuid[])
                                  FOR UPDATE SKIP LOCKED))
)
INSERT INTO celeriac.send_failures (id, notification_id, failed_at, error)
SELECT record_id, id, now(), error
  FROM failed
ON CONFLICT (id) DO NOTHING
