-- $1 tenant, $2 id.
DELETE FROM celeriac.webhooks w
 WHERE w.id = $2::uuid AND w.tenant_id = $1::uuid
RETURNING w.id
