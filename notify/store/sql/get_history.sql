-- $1 notification, $2 tenant, $3 limit of the failures, the newest of which count. Oldest first.
WITH x AS MATERIALIZED (
    SELECT id, status, created_at, updated_at, sent_at, provider_response
      FROM public.notifications
     WHERE id = $1::uuid
       AND tenant_id = $2::uuid
), failures AS (
    SELECT f.failed_at, f.error
      FROM celeriac.send_failures f
     WHERE f.notification_id = (SELECT id FROM x)
     ORDER BY f.notification_id DESC, f.failed_at DESC
     LIMIT $3::bigint
)
SELECT place, at, detail
  FROM (SELECT 1 AS place, created_at AS at, NULL::text AS detail FROM x
        UNION ALL
        SELECT 2, failed_at, error FROM failures
        UNION ALL
        SELECT 3, c.claimed_at, NULL
          FROM celeriac.send_claims c
          JOIN x ON x.id = c.notification_id
        UNION ALL
        SELECT 4, d.created_at, d.reason
          FROM public.dead_letters d
          JOIN x ON x.id = d.notification_id
        UNION ALL
        SELECT 5, updated_at, NULL FROM x WHERE status = 'cancelled'
        UNION ALL
        SELECT 6, sent_at, provider_response::text FROM x WHERE sent_at IS NOT NULL) AS events
 ORDER BY at, place
