-- $1 tenant, $2 id, $3 url, $4 description, $5 events, $6 secret, $7 most webhooks of a tenant. No row when it has
-- as many. The id is random: a row that has it is this very call, repeated.
WITH made AS (
    INSERT INTO celeriac.webhooks (id, tenant_id, url, description, events, secret)
    SELECT $2::uuid, $1::uuid, $3::text, $4::text, $5::text[], $6::text
     WHERE (SELECT count(*) FROM celeriac.webhooks o WHERE o.tenant_id = $1::uuid) < $7::bigint
    ON CONFLICT (id) DO NOTHING
    RETURNING *
)
SELECT
\ir columns/webhook.sql
  FROM (SELECT * FROM made
        UNION ALL
        SELECT * FROM celeriac.webhooks o WHERE o.id = $2::uuid AND o.tenant_id = $1::uuid) AS w
