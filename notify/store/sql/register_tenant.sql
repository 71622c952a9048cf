-- $1 email, $2 tenant, $3 name, $4 key's hash, $5 key's name, $6 digest, $7 time.
-- No row when the address is taken by another tenant; a repeated call finds its own key.
WITH tenant AS (
    INSERT INTO public.business_tenants
           (tenant_id, name, email, is_active, created_at, updated_at)
    SELECT $2::uuid, $3::text, $1::text, true, $7::timestamptz, $7::timestamptz
     WHERE NOT EXISTS (SELECT FROM public.business_tenants t WHERE t.email = $1::text)
    RETURNING tenant_id
), made AS (
    INSERT INTO public.api_keys (tenant_id, key_hash, name, is_active, created_at, last_used_at)
    SELECT tenant_id, $4::text, $5::text, true, $7::timestamptz, NULL
      FROM tenant
    RETURNING id, key_hash
), indexed AS (
    INSERT INTO celeriac.key_digests (digest, api_key_id, key_hash, created_at, is_test)
    SELECT $6::bytea, id, key_hash, now(), false
      FROM made
    ON CONFLICT (digest) DO UPDATE
       SET api_key_id = EXCLUDED.api_key_id, key_hash = EXCLUDED.key_hash
)
SELECT id FROM made
UNION ALL
SELECT k.id
  FROM public.api_keys k
 WHERE k.key_hash = $4::text AND k.tenant_id = $2::uuid
