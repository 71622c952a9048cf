-- $1 tenant, $2 the id before which to list, or NULL; $3 limit.
SELECT k.id, k.name, k.is_active, k.created_at, k.last_used_at
  FROM public.api_keys k
 WHERE k.tenant_id = $1::uuid
   AND ($2::bigint IS NULL OR k.id < $2::bigint)
 ORDER BY k.id DESC
 LIMIT $3::bigint
