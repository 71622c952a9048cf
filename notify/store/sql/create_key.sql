-- $1 tenant, $2 hash, $3 name, $4 time, $5 digest, $6 whether it is for tests. No row when there is no such tenant.
-- The hash has a random salt: a row that has it is this very call, repeated.
WITH made AS (
    INSERT INTO public.api_keys (tenant_id, key_hash, name, is_active, created_at, last_used_at)
    SELECT t.tenant_id, $2::text, $3::text, true, $4::timestamptz, NULL
      FROM public.business_tenants t
     WHERE t.tenant_id = $1::uuid
    ON CONFLICT (key_hash) DO NOTHING
    RETURNING id, key_hash
), indexed AS (
    INSERT INTO celeriac.key_digests (digest, api_key_id, key_hash, created_at, is_test)
    SELECT $5::bytea, id, key_hash, now(), $6::boolean
      FROM made
    ON CONFLICT (digest) DO UPDATE
       SET api_key_id = EXCLUDED.api_key_id, key_hash = EXCLUDED.key_hash
)
SELECT id FROM made
UNION ALL
SELECT k.id
  FROM public.api_keys k
 WHERE k.key_hash = $2::text AND k.tenant_id = $1::uuid
