-- $1 tenant, $2 limit; filters, each NULL for any: $3 channel, $4 template's name, $5 and $6 earliest and
-- first later time, $7 part of the reason. Oldest first; one row for each that will be sent again. Last
-- column: whether there are more.
-- $8 names the request, and with a notification its publication. When the request was sent before and
-- committed, its rows are among those leased of late: they are the answer then, and nothing else is done.
WITH own AS MATERIALIZED (
    SELECT o.notification_id, o.task_id, o.created_at, o.eta
      FROM celeriac.outbox o
     WHERE o.claimed_until BETWEEN now() AND now() + interval '5 seconds'
       AND o.task_id = encode(substr(sha256(convert_to($8::uuid::text || o.notification_id::text, 'UTF8')),
                                     1, 16), 'hex')::uuid
), wanted AS (
    SELECT CASE WHEN EXISTS (SELECT FROM own) THEN 0 ELSE $2::bigint END AS count
), chosen AS MATERIALIZED (
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
     WHERE d.id = c.id AND c.number <= (SELECT count FROM wanted)
    RETURNING d.notification_id
), again AS (
    UPDATE public.notifications x
       SET status = 'pending', error_message = NULL, updated_at = now()
      FROM letters l
     WHERE x.id = l.notification_id AND x.status = 'failed'
    RETURNING x.id, x.tenant_id
), watched AS (
    -- A worker in Python may send it, and tells no webhook (scan_webhooks.sql).
    INSERT INTO celeriac.webhook_watch (notification_id, tenant_id, checked_at)
    SELECT a.id, a.tenant_id, now()
      FROM again a
     WHERE EXISTS (SELECT FROM celeriac.webhooks w WHERE w.tenant_id = a.tenant_id AND w.is_active)
    ON CONFLICT (notification_id) DO NOTHING
), queued AS (
    INSERT INTO celeriac.outbox (notification_id, task_id, created_at, claimed_until, eta)
    SELECT id,
           encode(substr(sha256(convert_to($8::uuid::text || id::text, 'UTF8')), 1, 16), 'hex')::uuid,
           now(), now() + interval '5 seconds', NULL
      FROM again
    -- A row that is still there is of a message that was published, and not forgotten yet.
    ON CONFLICT (notification_id) DO UPDATE
       SET task_id = EXCLUDED.task_id, created_at = EXCLUDED.created_at,
           claimed_until = EXCLUDED.claimed_until, eta = NULL, headers = NULL
    RETURNING notification_id, task_id, created_at, eta
)
SELECT q.notification_id, q.task_id, q.created_at, q.eta,
       (SELECT count(*) FROM chosen) > (SELECT count FROM wanted)
  FROM (SELECT * FROM queued UNION ALL SELECT * FROM own) q
