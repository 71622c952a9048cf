-- $1 tenant, $2 template, $3 bytes. Newest first, the first is what is there now. Only the
-- rows that are shown are unpacked: compressed variables count as if they were 25 times as long.
WITH mine AS MATERIALIZED (
    SELECT t.id, t.name, t.channel, t.subject, t.body, t.variables, t.updated_at
      FROM public.templates t
     WHERE t.id = $2::bigint AND t.tenant_id = $1::uuid
), every AS (
    SELECT 1 + coalesce((SELECT max(v.version)
                           FROM celeriac.template_versions v
                          WHERE v.template_id = $2::bigint), 0) AS version,
           m.name, m.channel, m.subject, m.body, m.variables, m.updated_at AS written_at
      FROM mine m
    UNION ALL
    SELECT v.version, v.name, v.channel, v.subject, v.body, v.variables, v.written_at
      FROM celeriac.template_versions v
     WHERE v.template_id = (SELECT id FROM mine)
), sized AS (
    SELECT every.*, row_number() OVER newest AS number,
           sum(octet_length(body)
               + pg_column_size(variables)
                 * CASE WHEN pg_column_compression(variables) IS NULL THEN 1 ELSE 25 END)
               OVER newest AS bytes
      FROM every
    WINDOW newest AS (ORDER BY version DESC)
)
SELECT s.version, s.name, s.channel, s.subject, s.body, s.variables::text, s.written_at
  FROM sized s
 WHERE s.number = 1 OR s.bytes <= $3::bigint
 ORDER BY s.version DESC
