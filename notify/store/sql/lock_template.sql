-- $1 tenant, $2 id. Before the snapshot of what follows, so that it sees what the one before it has kept.
SELECT t.id
  FROM public.templates t
 WHERE t.id = $2::bigint AND t.tenant_id = $1::uuid
   FOR UPDATE
