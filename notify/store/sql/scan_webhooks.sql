-- $1 most notifications that are looked at for the first time, which the tenants share; $2 most that are looked at again.
-- Finds what workers in Python have sent or given up, of tenants with endpoints, and makes the messages that our
-- workers make at once. One process at a time; the others get no row. Else one row: how many messages were made, and
-- whether there is more to look at, and whether there are webhooks at all.
-- Notifications are looked at in the order of their making, 10 s after it, when what a slow transaction has
-- made can be seen; those that are still open then are watched. When one waits for a time, the outbox tells it. The
-- rows' data are never read: they are up to 8 MiB each, and others than we may have written anything there.
WITH leader AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(7161986) AS mine
), tenants AS MATERIALIZED (
    SELECT DISTINCT w.tenant_id
      FROM celeriac.webhooks w
     WHERE w.is_active AND (SELECT l.mine FROM leader l)
), share AS MATERIALIZED (
    -- However many tenants have fallen behind, the statement must end in time: else it never got on.
    SELECT greatest($1::bigint / greatest(count(*), 1), 5) AS rows FROM tenants
), added AS (
    INSERT INTO celeriac.webhook_scans (tenant_id, scanned_until)
    SELECT t.tenant_id, now() - interval '10 seconds'
      FROM tenants t
     WHERE NOT EXISTS (SELECT FROM celeriac.webhook_scans s WHERE s.tenant_id = t.tenant_id)
    ON CONFLICT (tenant_id) DO NOTHING
), gone AS (
    DELETE FROM celeriac.webhook_scans s
     WHERE (SELECT l.mine FROM leader l) AND s.tenant_id NOT IN (SELECT t.tenant_id FROM tenants t)
), seen AS MATERIALIZED (
    SELECT x.*
      FROM celeriac.webhook_scans s
      JOIN tenants t ON t.tenant_id = s.tenant_id
     CROSS JOIN LATERAL (
           SELECT n.id, n.tenant_id, n.channel, n.template_id, n.status, n.error_message, n.created_at,
                  n.updated_at, n.sent_at
             FROM public.notifications n
            WHERE n.tenant_id = s.tenant_id AND n.created_at > s.scanned_until
              AND (n.created_at = s.part_at AND n.id <= s.part_id) IS NOT TRUE
              AND n.created_at <= now() - interval '10 seconds'
            ORDER BY n.created_at, n.id
            LIMIT (SELECT h.rows FROM share h)) AS x
), advanced AS (
    UPDATE celeriac.webhook_scans s
       SET scanned_until = CASE WHEN p.count >= h.rows THEN p.last - interval '1 microsecond'
                                ELSE now() - interval '10 seconds' END,
           part_at = p.last, part_id = p.last_id
      FROM tenants t
     CROSS JOIN share h
      LEFT JOIN (SELECT e.tenant_id, count(*) AS count, max(e.created_at) AS last,
                        (array_agg(e.id ORDER BY e.created_at DESC, e.id DESC))[1] AS last_id
                   FROM seen e
                  GROUP BY e.tenant_id) AS p ON p.tenant_id = t.tenant_id
     WHERE s.tenant_id = t.tenant_id
    RETURNING coalesce(p.count >= h.rows, false) AS has_more
), watched AS MATERIALIZED (
    SELECT v.notification_id
      FROM celeriac.webhook_watch v
     WHERE (SELECT l.mine FROM leader l) AND v.checked_at <= now() - interval '4 seconds'
     ORDER BY v.checked_at
     LIMIT $2::bigint
), looked AS MATERIALIZED (
    SELECT e.*, false AS is_watched FROM seen e
    UNION ALL
    SELECT n.id, n.tenant_id, n.channel, n.template_id, n.status, n.error_message, n.created_at, n.updated_at,
           n.sent_at, true
      FROM watched v
      JOIN public.notifications n ON n.id = v.notification_id
     WHERE n.tenant_id IN (SELECT t.tenant_id FROM tenants t)
), judged AS MATERIALIZED (
    -- What Python has given up has its dead letter a moment later.
    SELECT k.*, d.id AS letter, d.retry_count,
           k.status IN ('pending', 'processing')
           OR (k.status = 'failed' AND d.id IS NULL AND k.updated_at > now() - interval '1 minute') AS is_open
      FROM looked k
      LEFT JOIN public.dead_letters d ON k.status = 'failed' AND d.notification_id = k.id
), told AS (
    INSERT INTO celeriac.webhook_messages
           (id, webhook_id, tenant_id, notification_id, event, occurrence, payload)
    SELECT gen_random_uuid(), w.id, j.tenant_id, j.id, o.event, o.occurrence,
           celeriac.webhook_payload(o.event, o.at, j.id, j.channel, j.status, j.template_id, j.created_at,
                                    j.sent_at, CASE WHEN j.status = 'failed' THEN j.error_message END,
                                    j.retry_count, false)
      FROM judged j
     CROSS JOIN LATERAL (
           SELECT CASE WHEN j.status = 'failed' THEN 'notification.failed' ELSE 'notification.sent' END AS event,
                  CASE WHEN j.status = 'failed' THEN coalesce(j.letter, j.id) ELSE j.id END AS occurrence,
                  CASE WHEN j.status = 'failed' THEN j.updated_at
                       ELSE coalesce(j.sent_at, j.updated_at) END AS at) AS o
      JOIN celeriac.webhooks w ON w.tenant_id = j.tenant_id
     WHERE NOT j.is_open AND j.status IN ('sent', 'delivered', 'failed')
       AND w.is_active AND o.event = ANY (w.events) AND j.updated_at >= w.created_at
       AND NOT EXISTS (SELECT
                         FROM celeriac.webhook_messages m
                        WHERE m.webhook_id = w.id AND m.event = o.event AND m.occurrence = o.occurrence)
       FOR KEY SHARE OF w
    ON CONFLICT (webhook_id, event, occurrence) DO NOTHING
    RETURNING id
), begun AS (
    INSERT INTO celeriac.webhook_watch (notification_id, tenant_id, checked_at)
    SELECT j.id, j.tenant_id, greatest(now(), o.eta)
      FROM judged j
      LEFT JOIN celeriac.outbox o ON o.notification_id = j.id
     WHERE j.is_open AND NOT j.is_watched
    ON CONFLICT (notification_id) DO NOTHING
), kept AS (
    UPDATE celeriac.webhook_watch v
       SET checked_at = greatest(now(), o.eta)
      FROM judged j
      LEFT JOIN celeriac.outbox o ON o.notification_id = j.id
     WHERE v.notification_id = j.id AND j.is_open AND j.is_watched
), done AS (
    DELETE FROM celeriac.webhook_watch v
     USING watched q
     WHERE v.notification_id = q.notification_id
       AND v.notification_id NOT IN (SELECT j.id FROM judged j WHERE j.is_open)
    RETURNING v.notification_id
)
-- What is watched is more than one call can look at when most of a full one has ended.
SELECT (SELECT count(*) FROM told),
       EXISTS (SELECT FROM advanced a WHERE a.has_more) OR (SELECT count(*) FROM done) > $2::bigint / 2,
       EXISTS (SELECT FROM celeriac.webhooks)
  FROM leader l
 WHERE l.mine
