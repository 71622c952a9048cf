-- $1 tenant, $2 id, $3 name, $4 channel, $5 subject, $6 body, $7 variables, $8 is_active,
-- $9 updated_at. What was there is kept as a version, also when Django has written it.
WITH old AS MATERIALIZED (
    SELECT t.id, t.name, t.channel, t.subject, t.body, t.variables, t.updated_at
      FROM public.templates t
     WHERE t.id = $2::bigint AND t.tenant_id = $1::uuid
), last AS MATERIALIZED (
    SELECT coalesce(max(v.version), 0) AS version
      FROM celeriac.template_versions v
     WHERE v.template_id = $2::bigint
), kept AS (
    INSERT INTO celeriac.template_versions
           (template_id, version, name, channel, subject, body, variables, written_at)
    SELECT old.id, last.version + 1, old.name, old.channel, old.subject, old.body, old.variables,
           old.updated_at
      FROM old, last
     WHERE (old.name, old.channel, old.subject, old.body, old.variables)
           IS DISTINCT FROM ($3::text, $4::text, $5::text, $6::text, $7::text::jsonb)
    ON CONFLICT (template_id, version) DO NOTHING
), dropped AS (
    DELETE FROM celeriac.template_versions v
     USING old, last
     WHERE v.template_id = old.id AND v.version <= last.version - 99
)
UPDATE public.templates t
   SET name = $3::text, channel = $4::text, subject = $5::text, body = $6::text,
       variables = $7::text::jsonb, is_active = $8::bool, updated_at = $9::timestamptz
  FROM old
 WHERE t.id = old.id
RETURNING t.id, t.created_at
