-- $1 tenant, $2 template, $3 version, $4 updated_at. What was there is kept as a version of its own.
WITH old AS MATERIALIZED (
    SELECT t.id, t.name, t.channel, t.subject, t.body, t.variables, t.updated_at
      FROM public.templates t
     WHERE t.id = $2::bigint AND t.tenant_id = $1::uuid
), wanted AS MATERIALIZED (
    SELECT v.template_id, v.name, v.channel, v.subject, v.body, v.variables
      FROM celeriac.template_versions v
     WHERE v.template_id = (SELECT id FROM old) AND v.version = $3::int4
), last AS MATERIALIZED (
    SELECT coalesce(max(v.version), 0) AS version
      FROM celeriac.template_versions v
     WHERE v.template_id = $2::bigint
), kept AS (
    INSERT INTO celeriac.template_versions
           (template_id, version, name, channel, subject, body, variables, written_at)
    SELECT old.id, last.version + 1, old.name, old.channel, old.subject, old.body, old.variables,
           old.updated_at
      FROM old
      JOIN wanted ON (old.name, old.channel, old.subject, old.body, old.variables)
                     IS DISTINCT FROM (wanted.name, wanted.channel, wanted.subject, wanted.body,
                                       wanted.variables)
     CROSS JOIN last
    ON CONFLICT (template_id, version) DO NOTHING
), dropped AS (
    DELETE FROM celeriac.template_versions v
     USING old, last
     WHERE v.template_id = old.id AND v.version <= last.version - 99 AND v.version <> $3::int4
)
UPDATE public.templates t
   SET name = wanted.name, channel = wanted.channel, subject = wanted.subject, body = wanted.body,
       variables = wanted.variables, updated_at = $4::timestamptz
  FROM wanted
 WHERE t.id = wanted.template_id
RETURNING t.id
