-- $1 tenant, $2 status or NULL, $3 channel or NULL, $4 and $5 cursor or NULL, $6 limit,
-- $7 and $8 earliest and first later time or NULL, $9 bytes.
-- First column: rows before the cut by size. Sizes are those on disk: only the rows that
-- are shown are unpacked, so what is compressed counts as if it were 25 times as long.
WITH page AS MATERIALIZED (
    SELECT x.id, x.channel, x."to", x.template_id, x.data, x.status, x.error_message, x.created_at,
           x.updated_at, x.sent_at
      FROM public.notifications x
     WHERE x.tenant_id = $1::uuid
       AND ($2::text IS NULL OR x.status = $2::text)
       AND ($3::text IS NULL OR x.channel = $3::text)
       AND ($4::timestamptz IS NULL OR (x.created_at, x.id) < ($4::timestamptz, $5::uuid))
       AND ($7::timestamptz IS NULL OR x.created_at >= $7::timestamptz)
       AND ($8::timestamptz IS NULL OR x.created_at < $8::timestamptz)
     ORDER BY x.created_at DESC, x.id DESC
     LIMIT $6::bigint
), sized AS (
    SELECT page.*, count(*) OVER () AS total, row_number() OVER newest AS number,
           sum(pg_column_size(data) * CASE WHEN pg_column_compression(data) IS NULL THEN 1 ELSE 25 END
               + coalesce(octet_length(error_message), 0))
               OVER newest AS bytes
      FROM page
    WINDOW newest AS (ORDER BY created_at DESC, id DESC)
)
SELECT p.total, p.id, p.channel, p."to", p.template_id, t.name, p.data::text, p.status,
       p.error_message, p.created_at, p.updated_at, p.sent_at
  FROM sized p
  LEFT JOIN public.templates t ON t.id = p.template_id
 WHERE p.number = 1 OR p.bytes <= $9::bigint
 ORDER BY p.created_at DESC, p.id DESC
