-- $1 tenants, $2 keys. First column: the call's number, from 1.
SELECT q.n, k.digest, k.document
  FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS q (tenant_id, key, n)
  JOIN celeriac.idempotency_keys k ON k.tenant_id = q.tenant_id AND k.key = q.key
