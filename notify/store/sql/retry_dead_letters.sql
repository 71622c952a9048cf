-- $1 tenant, $2 limit; filters, each NULL for any: $3 channel, $4 template's name, $5 and $6 earliest and
-- first later time, $7 part of the reason. Oldest first; one row for each that will be sent again. Last
-- column: whether there are more.
WITH chosen AS MATERIALIZED (
    SELECT d.id, row_number() OVER (ORDER BY d.created_at, d.id) AS number
      FROM public.dead_letters d
      JOIN public.notifications x ON x.id = d.notification_id
      LEFT JOIN public.templates t ON t.id = x.template_id
     WHERE x.tenant_id = $1::uuid AND x.status = 'failed'
       AND ($3::text IS NULL OR x.channel = $3::text)
       AND ($4::text IS NULL OR t.name = $4::text)
       AND ($5::timestamptz IS NULL OR d.created_at >= $5::timestamptz)
       AND ($6::timestamptz IS NULL OR d.created_at < $6::timestamptz)
       AND ($7::text IS NULL OR strpos(d.reason, $7::text) > 0)
     ORDER BY d.created_at, d.id
     LIMIT $2::bigint + 1
), letters AS (
    DELETE FROM public.dead_letters d
     USING chosen c
     WHERE d.id = c.id AND c.number <= $2::bigint
    RETURNING d.notification_id
), again AS (
    UPDATE public.notifications x
       SET status = 'pending', error_message = NULL, updated_at = now()
      FROM letters l
     WHERE x.id = l.notification_id AND x.status = 'failed'
    RETURNING x.id
), queued AS (
    INSERT INTO celeriac.outbox (notification_id, task_id, created_at, claimed_until, eta)
    SELECT id, gen_random_uuid(), now(), now() + interval '5 seconds', NULL
      FROM again
    ON CONFLICT (notification_id) DO NOTHING
    RETURNING notification_id, task_id, created_at, eta
)
SELECT q.notification_id, q.task_id, q.created_at, q.eta, (SELECT count(*) FROM chosen) > $2::bigint
  FROM queued q
