-- $1 ids, sorted, each once; $2 error texts; $3 retry counts; $4 ids for new rows; $5 this sender.
WITH released AS (
    DELETE FROM celeriac.send_claims c
     WHERE c.notification_id = ANY ($1::uuid[])
       AND c.sender = $5::uuid
), failed AS (
    UPDATE public.notifications x
       SET status = 'failed', error_message = q.error, updated_at = now()
      FROM unnest($1::uuid[], $2::text[], $3::int4[], $4::uuid[])
               AS q (id, error, retry_count, record_id)
     WHERE x.id = q.id
       AND x.status NOT IN ('sent', 'delivered')
    RETURNING x.id, q.error, q.retry_count, q.record_id
), recorded AS (
    INSERT INTO celeriac.send_failures (id, notification_id, failed_at, error)
    SELECT record_id, id, now(), error
      FROM failed
    ON CONFLICT (id) DO NOTHING
)
INSERT INTO public.dead_letters (id, reason, retry_count, created_at, notification_id)
SELECT record_id, error, retry_count, now(), id
  FROM failed
ON CONFLICT (notification_id) DO UPDATE
   SET reason = EXCLUDED.reason, retry_count = EXCLUDED.retry_count
