-- $1 tenant, $2 name, $3 channel, $4 subject, $5 body, $6 variables, $7 is_active, $8 id,
-- $9 updated_at.
UPDATE public.templates t
   SET name = $2::text, channel = $3::text, subject = $4::text, body = $5::text,
       variables = $6::text::jsonb, is_active = $7::bool, updated_at = $9::timestamptz
 WHERE t.id = $8::bigint AND t.tenant_id = $1::uuid
RETURNING t.id, t.created_at
