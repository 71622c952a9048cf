-- $1 digests. First column: the call's number, from 1.
SELECT q.n, k.id, k.is_active, t.tenant_id, t.name, t.email, t.is_active, t.created_at,
       t.updated_at
  FROM unnest($1::bytea[]) WITH ORDINALITY AS q (digest, n)
  JOIN celeriac.key_digests d ON d.digest = q.digest
  JOIN public.api_keys k ON k.id = d.api_key_id AND k.key_hash = d.key_hash
  JOIN public.business_tenants t ON t.tenant_id = k.tenant_id
