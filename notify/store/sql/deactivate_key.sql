-- $1 tenant, $2 key id. Who remembers keys is told at the commit.
UPDATE public.api_keys k
   SET is_active = false
 WHERE k.id = $2::bigint AND k.tenant_id = $1::uuid
RETURNING k.id, pg_notify('celeriac_keys', '')::text
