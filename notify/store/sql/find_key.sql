-- $1 digests. First column: the call's number, from 1. A key whose time is over is not active, whether or
-- not its row says so already.
SELECT q.n, k.id, k.is_active AND (e.expires_at IS NULL OR e.expires_at > now()), t.tenant_id, t.name,
       t.email, t.is_active, t.created_at, t.updated_at,
       (extract(epoch FROM e.expires_at - now()) * 1000000)::bigint,
       (l.per_second * 1000)::bigint, l.burst
  FROM unnest($1::bytea[]) WITH ORDINALITY AS q (digest, n)
  JOIN celeriac.key_digests d ON d.digest = q.digest
  JOIN public.api_keys k ON k.id = d.api_key_id AND k.key_hash = d.key_hash
  JOIN public.business_tenants t ON t.tenant_id = k.tenant_id
  LEFT JOIN celeriac.key_expiries e ON e.api_key_id = k.id AND e.key_hash = k.key_hash
  LEFT JOIN celeriac.tenant_limits l ON l.tenant_id = k.tenant_id
