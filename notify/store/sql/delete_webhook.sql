-- $1 tenant, $2 id. From now on it is nobody's and has no secrets; the sweep removes it with its messages. To delete
-- millions of these here would keep the row locked meanwhile, and all who record sends of its tenant waiting.
UPDATE celeriac.webhooks w
   SET tenant_id = celeriac.nobody(), is_active = false, url = '', description = '', secret = '', old_secret = NULL,
       updated_at = now()
 WHERE w.id = $2::uuid AND w.tenant_id = $1::uuid
RETURNING w.id
