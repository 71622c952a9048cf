-- $1 tenant, $2 the old key's id, $3 the new one's hash, $4 time, $5 digest, $6 whether it is for tests,
-- $7 seconds that the old key goes on to work. No row when there is no such key, or it is off, or was
-- replaced before. The hash has a random salt: a row that has it is this very call, repeated.
WITH old AS (
    SELECT k.id, k.key_hash, k.name
      FROM public.api_keys k
     WHERE k.id = $2::bigint AND k.tenant_id = $1::uuid AND k.is_active
       AND NOT EXISTS (SELECT FROM public.api_keys m WHERE m.key_hash = $3::text)
       FOR UPDATE OF k
), expiry AS (
    INSERT INTO celeriac.key_expiries AS e (api_key_id, key_hash, expires_at)
    SELECT id, key_hash, now() + $7::bigint * interval '1 second'
      FROM old
    ON CONFLICT (api_key_id) DO UPDATE
       SET key_hash = EXCLUDED.key_hash, expires_at = EXCLUDED.expires_at
     WHERE e.key_hash <> EXCLUDED.key_hash
    RETURNING api_key_id
), off AS (
    UPDATE public.api_keys k
       SET is_active = false
      FROM expiry
     WHERE k.id = expiry.api_key_id AND $7::bigint = 0
), made AS (
    INSERT INTO public.api_keys (tenant_id, key_hash, name, is_active, created_at, last_used_at)
    SELECT $1::uuid, $3::text, old.name, true, $4::timestamptz, NULL
      FROM old
      JOIN expiry ON expiry.api_key_id = old.id
    RETURNING id, key_hash, name
), indexed AS (
    INSERT INTO celeriac.key_digests (digest, api_key_id, key_hash, created_at, is_test)
    SELECT $5::bytea, id, key_hash, now(), $6::boolean
      FROM made
    ON CONFLICT (digest) DO UPDATE
       SET api_key_id = EXCLUDED.api_key_id, key_hash = EXCLUDED.key_hash, is_test = EXCLUDED.is_test
)
SELECT id, name, now() + $7::bigint * interval '1 second', pg_notify('celeriac_keys', '')::text
  FROM made
UNION ALL
SELECT k.id, k.name, coalesce(e.expires_at, now()), ''
  FROM public.api_keys k
  LEFT JOIN celeriac.key_expiries e ON e.api_key_id = $2::bigint
 WHERE k.key_hash = $3::text AND k.tenant_id = $1::uuid
