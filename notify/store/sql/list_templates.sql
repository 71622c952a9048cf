-- $1 tenant, $2 and $3 cursor or NULL, $4 limit, $5 bytes. Last column: rows before the cut by size.
-- Only the rows that are shown are unpacked: compressed variables count as if they were 25 times as long.
WITH page AS MATERIALIZED (
    SELECT t.id, t.name, t.channel, t.subject, t.body, t.variables, t.is_active, t.created_at,
           t.updated_at
      FROM public.templates t
     WHERE t.tenant_id = $1::uuid
       AND ($2::timestamptz IS NULL OR (t.created_at, t.id) < ($2::timestamptz, $3::bigint))
     ORDER BY t.created_at DESC, t.id DESC
     LIMIT $4::bigint
), sized AS (
    SELECT page.*, count(*) OVER () AS total, row_number() OVER newest AS number,
           sum(octet_length(body)
               + pg_column_size(variables)
                 * CASE WHEN pg_column_compression(variables) IS NULL THEN 1 ELSE 25 END)
               OVER newest AS bytes
      FROM page
    WINDOW newest AS (ORDER BY created_at DESC, id DESC)
)
SELECT p.id, p.name, p.channel, p.subject, p.body, p.variables::text, p.is_active, p.created_at,
       p.updated_at, p.total
  FROM sized p
 WHERE p.number = 1 OR p.bytes <= $5::bigint
 ORDER BY p.created_at DESC, p.id DESC
