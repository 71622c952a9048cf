-- $1 the last id that is known, $2 limit.
SELECT k.id, k.key_hash, k.tenant_id, k.last_used_at
  FROM public.api_keys k
 WHERE k.is_active
   AND k.id > $1::bigint
   AND NOT EXISTS (SELECT FROM celeriac.key_digests d
                    WHERE d.api_key_id = k.id AND d.key_hash = k.key_hash)
 ORDER BY k.id
 LIMIT $2::bigint
