-- $1 tenant, $2 and $3 cursor or NULL, $4 limit, $5 and $6 earliest and first
-- later time or NULL.
SELECT d.id, d.notification_id, x.channel, x."to", d.reason, d.retry_count, d.created_at
  FROM public.dead_letters d
  JOIN public.notifications x ON x.id = d.notification_id
 WHERE x.tenant_id = $1::uuid
   AND ($2::timestamptz IS NULL OR (d.created_at, d.id) < ($2::timestamptz, $3::uuid))
   AND ($5::timestamptz IS NULL OR d.created_at >= $5::timestamptz)
   AND ($6::timestamptz IS NULL OR d.created_at < $6::timestamptz)
 ORDER BY d.created_at DESC, d.id DESC
 LIMIT $4::bigint
