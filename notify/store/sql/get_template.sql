-- $1 tenant, $2 id.
SELECT t.id, t.name, t.channel, t.subject, t.body, t.variables::text, t.is_active, t.created_at,
       t.updated_at
  FROM public.templates t
 WHERE t.id = $2::bigint AND t.tenant_id = $1::uuid
