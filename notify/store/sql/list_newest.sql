-- $1 tenant, $2 limit, $3 bytes.
-- Sizes are counted as there. What list_notifications.sql gives without filters and cursor, with a plan that is kept: planning
-- takes about as long as reading a hundred rows.
SELECT p.total, p.id, p.channel, p."to", p.template_id, t.name, p.data::text, p.status,
       p.error_message, p.created_at, p.updated_at, p.sent_at
  FROM (SELECT page.*, count(*) OVER () AS total, row_number() OVER newest AS number,
               sum(pg_column_size(data) * CASE WHEN pg_column_compression(data) IS NULL THEN 1 ELSE 25 END
                   + coalesce(octet_length(error_message), 0)) OVER newest AS bytes
          FROM (SELECT x.id, x.channel, x."to", x.template_id, x.data, x.status, x.error_message,
                       x.created_at, x.updated_at, x.sent_at
                  FROM public.notifications x
                 WHERE x.tenant_id = $1::uuid
                 ORDER BY x.created_at DESC, x.id DESC
                 LIMIT $2::bigint) page
        WINDOW newest AS (ORDER BY created_at DESC, id DESC)) p
  LEFT JOIN public.templates t ON t.id = p.template_id
 WHERE p.number = 1 OR p.bytes <= $3::bigint
 ORDER BY p.created_at DESC, p.id DESC
