-- $1 tenant, $2 id, $3 url, $4 description, $5 events, $6 secret, $7 most webhooks of a tenant, $8 idempotency key, '' for
-- none, $9 digest of the request. No row when the tenant has as many. The id is random: a row that has it is this
-- very call, repeated.
-- When another request has the key there is one row with that request's digest: with the webhook that it made, as this
-- is now, or without one when it is gone. Only the webhook's id is kept for the key, and so the secret nowhere else.
WITH places AS (
    SELECT (SELECT count(*) FROM celeriac.webhooks o WHERE o.tenant_id = $1::uuid) < $7::bigint AS are_left
), asked AS (
    INSERT INTO celeriac.idempotency_keys AS k (tenant_id, key, request, digest, document, created_at)
    SELECT $1::uuid, $8::text, $2::uuid, $9::bytea, '', now()
      FROM places p
     WHERE $8::text <> ''
       -- What is refused keeps no key.
       AND (p.are_left OR EXISTS (SELECT
                                    FROM celeriac.idempotency_keys i
                                   WHERE i.tenant_id = $1::uuid AND i.key = $8::text))
    ON CONFLICT (tenant_id, key) DO UPDATE
       SET created_at = k.created_at -- so that the row is returned, whoever made it
    RETURNING k.request, k.digest
), made AS (
    INSERT INTO celeriac.webhooks (id, tenant_id, url, description, events, secret)
    SELECT $2::uuid, $1::uuid, $3::text, $4::text, $5::text[], $6::text
      FROM places p
     WHERE p.are_left AND NOT EXISTS (SELECT FROM asked a WHERE a.request <> $2::uuid)
    ON CONFLICT (id) DO NOTHING
    RETURNING *
)
SELECT
\ir columns/webhook.sql
       , w.digest, w.secret
  FROM (SELECT m.*, NULL::bytea AS digest FROM made m
        UNION ALL
        SELECT o.*, q.digest
          FROM (SELECT coalesce((SELECT a.request FROM asked a), $2::uuid) AS id,
                       (SELECT a.digest FROM asked a) AS digest) AS q
          LEFT JOIN celeriac.webhooks o ON o.id = q.id AND o.tenant_id = $1::uuid
         WHERE NOT EXISTS (SELECT FROM made) AND (o.id IS NOT NULL OR q.digest IS NOT NULL)) AS w
