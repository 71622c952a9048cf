-- $1 tenant, $2 id.
SELECT d.id, d.notification_id, x.channel, x."to", d.reason, d.retry_count, d.created_at
  FROM public.dead_letters d
  JOIN public.notifications x ON x.id = d.notification_id
 WHERE d.id = $2::uuid AND x.tenant_id = $1::uuid
