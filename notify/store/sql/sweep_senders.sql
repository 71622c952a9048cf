-- What dead senders left behind, after a minute: nothing depends on it, it only takes room.
WITH dead AS (
    DELETE FROM celeriac.senders
     WHERE seen_at < now() - interval '1 minute'
)
DELETE FROM celeriac.send_claims c
 WHERE c.claimed_at < now() - interval '1 minute'
   AND (NOT EXISTS (SELECT FROM celeriac.senders s
                     WHERE s.sender = c.sender
                       AND s.seen_at >= now() - interval '1 minute')
        OR EXISTS (SELECT FROM public.notifications x
                    WHERE x.id = c.notification_id
                      AND x.status IN ('sent', 'delivered')))
