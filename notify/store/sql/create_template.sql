-- $1 tenant, $2 name, $3 channel, $4 subject, $5 body, $6 variables, $7 is_active, $8 created_at,
-- $9 updated_at. No row when another template has the name; a repeated call finds its own.
WITH made AS (
    INSERT INTO public.templates
           (tenant_id, name, channel, subject, body, variables, is_active, created_at, updated_at)
    VALUES ($1::uuid, $2::text, $3::text, $4::text, $5::text, $6::text::jsonb, $7::bool,
            $8::timestamptz, $9::timestamptz)
    ON CONFLICT (tenant_id, name) DO NOTHING
    RETURNING id, created_at
)
SELECT id, created_at FROM made
UNION ALL
SELECT t.id, t.created_at
  FROM public.templates t
 WHERE t.tenant_id = $1::uuid AND t.name = $2::text AND t.created_at = $8::timestamptz
   AND t.body = $5::text
