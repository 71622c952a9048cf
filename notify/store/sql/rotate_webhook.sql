-- $1 tenant, $2 id, $3 the new secret, $4 seconds that the old one goes on to sign. The new one is random: a row that
-- has it is this very call, repeated.
WITH changed AS (
    UPDATE celeriac.webhooks o
       SET secret = $3::text,
           old_secret = CASE WHEN $4::bigint > 0 THEN o.secret END,
           old_secret_until = CASE WHEN $4::bigint > 0 THEN now() + $4::bigint * interval '1 second' END,
           updated_at = now()
     WHERE o.id = $2::uuid AND o.tenant_id = $1::uuid AND o.secret <> $3::text
    RETURNING *
)
SELECT
\ir columns/webhook.sql
  FROM (SELECT * FROM changed
        UNION ALL
        SELECT * FROM celeriac.webhooks o
         WHERE o.id = $2::uuid AND o.tenant_id = $1::uuid AND o.secret = $3::text) AS w
