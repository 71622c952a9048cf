-- $1 ids, $2 tenants. First column: the call's number, from 1.
SELECT q.n, x.id, x.channel, x."to", x.template_id, t.name, x.data::text, x.status,
       x.error_message, x.created_at, x.updated_at, x.sent_at
  FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS q (id, tenant_id, n)
  JOIN public.notifications x ON x.id = q.id AND x.tenant_id = q.tenant_id
  LEFT JOIN public.templates t ON t.id = x.template_id
