-- $1 most rows. Switches off the keys whose time is over, so that Django refuses them as well. Several
-- processes may do so at once: each takes rows that nobody else is at.
WITH due AS (
    SELECT e.api_key_id, e.key_hash
      FROM celeriac.key_expiries e
     WHERE e.expires_at <= now()
     ORDER BY e.expires_at
     LIMIT $1::bigint
       FOR UPDATE SKIP LOCKED
), off AS (
    UPDATE public.api_keys k
       SET is_active = false
      FROM due
     WHERE k.id = due.api_key_id AND k.key_hash = due.key_hash AND k.is_active
    RETURNING k.id
), gone AS (
    DELETE FROM celeriac.key_expiries e
     USING due
     WHERE e.api_key_id = due.api_key_id
)
SELECT id, pg_notify('celeriac_keys', '')::text FROM off
