-- $1 tenants, $2 names or NULL, $3 ids or NULL. First column: the call's number, from 1.
SELECT q.n, t.id
  FROM unnest($1::uuid[], $2::text[], $3::bigint[]) WITH ORDINALITY AS q (tenant_id, name, id, n)
  JOIN public.templates t ON t.tenant_id = q.tenant_id AND t.name = q.name
 WHERE t.is_active
UNION ALL
SELECT q.n, t.id
  FROM unnest($1::uuid[], $2::text[], $3::bigint[]) WITH ORDINALITY AS q (tenant_id, name, id, n)
  JOIN public.templates t ON t.id = q.id AND t.tenant_id = q.tenant_id
 WHERE t.is_active
