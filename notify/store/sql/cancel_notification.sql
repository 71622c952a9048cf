-- $1 tenant, $2 id. One row when it is cancelled: whether a message of it may be on the broker.
-- A worker that is just beginning to send waits for this, or makes this wait and find nothing.
WITH cancelled AS (
    UPDATE public.notifications x
       SET status = 'cancelled', updated_at = now()
     WHERE x.id = $2::uuid AND x.tenant_id = $1::uuid
       AND x.status = 'pending'
    RETURNING x.id
), unpublished AS (
    DELETE FROM celeriac.outbox o
     USING cancelled c
     WHERE o.notification_id = c.id
    -- Whoever publishes it has taken it for 5 s at most.
    RETURNING o.claimed_until > now() + interval '5 seconds' AS is_early
)
SELECT NOT coalesce((SELECT u.is_early FROM unpublished u), false) FROM cancelled
UNION ALL
SELECT true
  FROM public.notifications x
 WHERE x.id = $2::uuid AND x.tenant_id = $1::uuid AND x.status = 'cancelled'
