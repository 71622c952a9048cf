-- $1 key ids, sorted, each once; $2 times.
UPDATE public.api_keys k
   SET last_used_at = q.used_at
  FROM unnest($1::bigint[], $2::timestamptz[]) AS q (id, used_at)
 WHERE k.id = q.id
   AND (k.last_used_at IS NULL OR k.last_used_at < q.used_at)
