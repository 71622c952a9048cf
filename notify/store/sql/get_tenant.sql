-- $1 ids. First column: the call's number, from 1.
SELECT q.n, t.tenant_id, t.name, t.email, t.is_active, t.created_at, t.updated_at
  FROM unnest($1::uuid[]) WITH ORDINALITY AS q (id, n)
  JOIN public.business_tenants t ON t.tenant_id = q.id
