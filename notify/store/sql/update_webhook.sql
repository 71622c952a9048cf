-- $1 tenant, $2 id; what is NULL stays: $3 url, $4 description, $5 events, $6 is_active. One that is switched on again,
-- or gets another address, begins anew.
UPDATE celeriac.webhooks w
   SET url = coalesce($3::text, w.url),
       description = coalesce($4::text, w.description),
       events = coalesce($5::text[], w.events),
       is_active = coalesce($6::bool, w.is_active),
       disabled_reason = CASE WHEN $6::bool THEN NULL ELSE w.disabled_reason END,
       failing_since = CASE WHEN $6::bool OR $3::text <> w.url THEN NULL ELSE w.failing_since END,
       failures = CASE WHEN $6::bool OR $3::text <> w.url THEN 0 ELSE w.failures END,
       paused_until = CASE WHEN $6::bool OR $3::text <> w.url THEN NULL ELSE w.paused_until END,
       updated_at = now()
 WHERE w.id = $2::uuid AND w.tenant_id = $1::uuid
RETURNING
\ir columns/webhook.sql
