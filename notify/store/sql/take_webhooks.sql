-- $1 limit, $2 most messages of one endpoint on the broker, $3 seconds for which what is published counts as being
-- there.
-- A row for each message whose task is to be published now. Of what is due, the messages of an endpoint that is
-- paused or has enough of them on the broker are put off, and those of one that was switched off end.
-- An endpoint that fails (from the fifth failure one after another) gets one at a time.
WITH due AS MATERIALIZED (
    SELECT m.id, m.webhook_id, m.next_attempt_at
      FROM celeriac.webhook_messages m
     WHERE m.status = 'pending' AND m.next_attempt_at <= now()
     ORDER BY m.next_attempt_at
     LIMIT $1::bigint
       FOR UPDATE SKIP LOCKED
), hooks AS MATERIALIZED (
    SELECT w.id, w.is_active, w.paused_until,
           CASE WHEN w.failures >= 5 THEN 1 ELSE $2::bigint END AS places,
           (SELECT count(*)
              FROM (SELECT
                      FROM celeriac.webhook_messages p
                     WHERE p.webhook_id = w.id AND p.status = 'pending' AND p.published_until > now()
                     LIMIT $2::bigint) AS published) AS taken
      FROM celeriac.webhooks w
     WHERE w.id IN (SELECT d.webhook_id FROM due d)
), placed AS (
    SELECT d.id, h.is_active, h.paused_until, h.places,
           h.taken + row_number() OVER (PARTITION BY d.webhook_id ORDER BY d.next_attempt_at) AS place
      FROM due d
      JOIN hooks h ON h.id = d.webhook_id
), decided AS MATERIALIZED (
    SELECT p.id, p.is_active,
           CASE WHEN p.paused_until > now() THEN p.paused_until + random() * interval '5 seconds'
                WHEN p.place > p.places
                    THEN now() + interval '1 second' + least(p.place, 6000) * interval '10 milliseconds'
           END AS put_off
      FROM placed p
), changed AS (
    UPDATE celeriac.webhook_messages m
       SET status = CASE WHEN d.is_active THEN 'pending' ELSE 'failed' END,
           error = CASE WHEN d.is_active THEN m.error ELSE 'the endpoint is switched off' END,
           next_attempt_at = coalesce(d.put_off, now() + $3::bigint * interval '1 second'),
           published_until = CASE WHEN d.put_off IS NULL AND d.is_active
                                  THEN now() + $3::bigint * interval '1 second' END
      FROM decided d
     WHERE m.id = d.id
    RETURNING m.id, m.webhook_id, m.turn, d.put_off, d.is_active
)
SELECT c.id, c.webhook_id, c.turn, c.put_off IS NULL AND c.is_active FROM changed c
