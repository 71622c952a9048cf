-- $1 message; $2 what came of it: 1 delivered, 2 tried again later, 3 given up, 4 given up with its endpoint;
-- $3 HTTP status or NULL; $4 error or NULL; $5 seconds until the next attempt; $6 whether its task is on the
-- broker until then; $7 seconds for which what is published counts as being there.
-- One row when the endpoint was switched off now.
-- From the fifth failure one after another an endpoint is paused, for 5 s at first and for 5 min at most; after five
-- days of nothing but failures it is switched off.
WITH message AS (
    UPDATE celeriac.webhook_messages m
       SET status = CASE $2::int4 WHEN 1 THEN 'delivered' WHEN 2 THEN 'pending' ELSE 'failed' END,
           response_status = $3::int4, error = $4::text,
           delivered_at = CASE WHEN $2::int4 = 1 THEN now() END,
           next_attempt_at = now() + ($5::bigint + CASE WHEN $6::boolean THEN $7::bigint ELSE 0 END)
                                     * interval '1 second',
           published_until = CASE WHEN $6::boolean THEN now() + ($5::bigint + $7::bigint) * interval '1 second' END
     WHERE m.id = $1::uuid AND m.status NOT IN ('delivered', 'failed')
    RETURNING m.webhook_id
), hook AS (
    UPDATE celeriac.webhooks w
       SET failures = CASE WHEN $2::int4 = 1 THEN 0 ELSE least(w.failures, 1000000) + 1 END,
           failing_since = CASE WHEN $2::int4 <> 1 THEN coalesce(w.failing_since, now()) END,
           paused_until = CASE WHEN $2::int4 <> 1 AND w.failures >= 4
                               THEN now() + least(5 * power(2, least(w.failures - 4, 10)), 300)
                                            * interval '1 second' END,
           is_active = w.is_active AND $2::int4 <> 4
                       AND ($2::int4 = 1 OR coalesce(w.failing_since > now() - interval '5 days', true)),
           disabled_reason = CASE WHEN NOT w.is_active OR $2::int4 = 1 THEN w.disabled_reason
                                  WHEN $2::int4 = 4 THEN 'The endpoint answered 410 Gone.'
                                  WHEN w.failing_since <= now() - interval '5 days'
                                      THEN 'Every attempt of five days has failed.'
                                  ELSE w.disabled_reason END
      FROM message m
     WHERE w.id = m.webhook_id
       AND ($2::int4 <> 1 OR w.failures > 0 OR w.failing_since IS NOT NULL)
    RETURNING w.is_active
)
SELECT true FROM hook h WHERE NOT h.is_active
