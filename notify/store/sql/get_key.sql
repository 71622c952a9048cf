-- $1 tenant, $2 key id. Whether a key is one for tests is known of those that we made.
SELECT k.is_active AND e.api_key_id IS NULL, d.is_test
  FROM public.api_keys k
  LEFT JOIN celeriac.key_digests d ON d.api_key_id = k.id AND d.key_hash = k.key_hash
  LEFT JOIN celeriac.key_expiries e ON e.api_key_id = k.id AND e.key_hash = k.key_hash
 WHERE k.id = $2::bigint AND k.tenant_id = $1::uuid
 ORDER BY d.is_test NULLS LAST
 LIMIT 1
