-- $1 ids, sorted, each once; $2 tokens; $3 this sender.
-- One row for each id that exists: a notification that is the caller's now (state 4, with its content),
-- or what it is instead: sent or cancelled already (2), or another's (3, with the claim's age in microseconds).
-- A claim is void when its sender was silent for 3 s. The latest of all that speaks for patience counts:
-- the sender's last sign of life, the claim itself, the server's start, and the moment from which this
-- process has been heard without a gap.
WITH seen AS (
    SELECT u.id, u.token, x.status
      FROM unnest($1::uuid[], $2::bigint[]) AS u (id, token)
      JOIN public.notifications x ON x.id = u.id
), claimed AS (
    INSERT INTO celeriac.send_claims AS c (notification_id, sender, token, claimed_at)
    SELECT id, $3::uuid, token, now()
      FROM seen
     WHERE status NOT IN ('sent', 'delivered', 'cancelled')
    ON CONFLICT (notification_id) DO UPDATE
       SET sender = EXCLUDED.sender, token = EXCLUDED.token, claimed_at = EXCLUDED.claimed_at
     WHERE (c.sender = EXCLUDED.sender AND c.token = EXCLUDED.token)
        OR now() - greatest(
               c.claimed_at, pg_postmaster_start_time(),
               (SELECT s.seen_at FROM celeriac.senders s WHERE s.sender = c.sender),
               (SELECT s.steady_since FROM celeriac.senders s WHERE s.sender = $3::uuid)
           ) > interval '3 seconds'
    RETURNING notification_id
), dropped AS (
    -- Of a begin that lost the race against a cancellation.
    DELETE FROM celeriac.send_claims c
     USING seen s
     WHERE s.status = 'cancelled'
       AND c.notification_id = s.id AND c.sender = $3::uuid
), ready AS (
    UPDATE public.notifications x
       SET status = 'processing', updated_at = now()
      FROM claimed
     WHERE x.id = claimed.notification_id
       AND x.status NOT IN ('sent', 'delivered', 'cancelled')
    RETURNING x.id, x.tenant_id, x.channel, x."to", x.data, x.template_id
)
SELECT r.id, 4 AS state, NULL::bigint AS age, r.tenant_id, r.channel, r."to", r.data::text,
       r.template_id,
       -- A template's text travels once, with the first notification that uses it.
       CASE WHEN row_number() OVER same = 1 THEN t.subject END,
       CASE WHEN row_number() OVER same = 1 THEN t.body END
  FROM ready r
  LEFT JOIN public.templates t ON t.id = r.template_id
WINDOW same AS (PARTITION BY r.template_id ORDER BY r.id)
UNION ALL
SELECT s.id,
       CASE WHEN s.status IN ('sent', 'delivered', 'cancelled') THEN 2 ELSE 3 END,
       (SELECT (extract(epoch FROM now() - greatest(c.claimed_at, o.seen_at)) * 1000000)::bigint
          FROM celeriac.send_claims c
          LEFT JOIN celeriac.senders o ON o.sender = c.sender
         WHERE c.notification_id = s.id),
       NULL, NULL, NULL, NULL, NULL, NULL, NULL
  FROM seen s
 WHERE s.id NOT IN (SELECT r.id FROM ready r)
