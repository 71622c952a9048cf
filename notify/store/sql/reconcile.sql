-- $1 messages that the broker has, $2 most to publish again because messages are missing, $3 age in seconds
-- at which a notification is published again whatever the broker has, $4 most of those, $5 those that seemed
-- lost the last time.
-- One row for each notification that is to be published now, and one without a publication for each that
-- seems lost for the first time: a Python worker acknowledges a message some moments before it says so in the
-- row. One process at a time; the others get none.
-- What is not sent, was published and is older than 10 s has a message, unless that was lost: when there are
-- more of these than messages, the oldest are those without. A living claim means that its sender
-- has the message in hand. `processing` without any claim may be a Python worker that sends, so it counts as
-- lost only when our own worker recorded a failure last, and then ended.
WITH leader AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(7161985) AS mine
), open AS MATERIALIZED (
    -- The oldest of each status, in the order of the index: a long backlog is not read to its end.
    SELECT b.id, b.created_at, b.updated_at, b.status
      FROM unnest(ARRAY['pending', 'processing']) AS s (status)
     CROSS JOIN LATERAL (
           SELECT x.id, x.created_at, x.updated_at, x.status
             FROM public.notifications x
            WHERE (SELECT l.mine FROM leader l)
              AND x.status = s.status
              AND x.created_at < now() - interval '10 seconds'
              AND x.updated_at < now() - interval '10 seconds'
              AND NOT EXISTS (SELECT FROM celeriac.outbox o WHERE o.notification_id = x.id)
            ORDER BY x.created_at
            LIMIT $1::bigint + $2::bigint + cardinality($5::uuid[])) AS b
     ORDER BY b.created_at
     LIMIT $1::bigint + $2::bigint + cardinality($5::uuid[])
), idle AS MATERIALIZED (
    SELECT o.id, o.created_at,
           o.updated_at < now() - $3::bigint * interval '1 second' AS is_overdue,
           o.status = 'pending' OR c.notification_id IS NOT NULL
           OR EXISTS (SELECT FROM celeriac.send_failures f
                       WHERE f.notification_id = o.id
                         AND f.failed_at >= o.updated_at - interval '1 second') AS is_ours
      FROM open o
      LEFT JOIN celeriac.send_claims c ON c.notification_id = o.id
     WHERE NOT EXISTS (SELECT FROM celeriac.senders s
                        WHERE s.sender = c.sender AND s.seen_at > now() - interval '10 seconds')
), due AS NOT MATERIALIZED (
    -- Oldest first, so that no more rows are asked for their data, of up to 8 MiB each, than are wanted.
    -- Whoever else writes the table may have put anything there. Nothing that this lets through can fail to be a
    -- time: an RFC 3339 text, with days that exist, as api/notify_item.c writes it. All else is no time to wait for.
    SELECT i.id, i.created_at, i.is_overdue, i.is_ours
      FROM (SELECT * FROM idle ORDER BY created_at OFFSET 0) AS i
     WHERE (SELECT coalesce(substring(left(
                jsonb_path_query_first(x.data, 'strict $.send_at ? (@.type() == "string")', '{}', true) #>> '{}',
                40) COLLATE "C" FROM '(?x) ^ (?!0000)
                    (?: [0-9]{4} - (?: (?:0[13578]|1[02]) - (?:0[1-9]|[12][0-9]|3[01])
                                     | (?:0[469]|11) - (?:0[1-9]|[12][0-9]|30)
                                     | 02 - (?:0[1-9]|1[0-9]|2[0-8]) )
                      | (?: [0-9]{2} (?:0[48]|[2468][048]|[13579][26]) | (?:[02468][048]|[13579][26]) 00 ) - 02-29 )
                    T (?:[01][0-9]|2[0-3]) : [0-5][0-9] : [0-5][0-9] (?: [.][0-9]{1,6} )?
                    (?: Z | [+-] (?:0[0-9]|1[0-4]) : [0-5][0-9] ) $')::timestamptz
                < now() - interval '10 seconds', true)
              FROM public.notifications x
             WHERE x.id = i.id)
), lost AS (
    (SELECT d.id FROM due d
      WHERE d.is_ours
      ORDER BY d.created_at
      -- The suspects of before, and as many new ones.
      LIMIT least(CASE WHEN $2::bigint > 0 THEN $2::bigint + cardinality($5::uuid[]) ELSE 0 END,
                  greatest((SELECT count(*) FROM open) - $1::bigint, 0)))
    UNION
    (SELECT d.id FROM due d
      WHERE d.is_overdue
      ORDER BY d.created_at
      LIMIT $4::bigint)
), touched AS (
    -- Its age begins anew, so that a message that waits for long is not followed by one more each time.
    UPDATE public.notifications x
       SET updated_at = now()
      FROM (SELECT y.id
              FROM lost l
              JOIN public.notifications y ON y.id = l.id
             WHERE l.id = ANY ($5::uuid[])
               -- Who holds a row for long keeps its message waiting, and no others.
               FOR NO KEY UPDATE OF y SKIP LOCKED) AS l
     WHERE x.id = l.id
       -- Again, for what a worker has begun since this statement has.
       AND x.status IN ('pending', 'processing')
       AND x.updated_at < now() - interval '10 seconds'
    RETURNING x.id
), queued AS (
    INSERT INTO celeriac.outbox (notification_id, task_id, created_at, claimed_until, eta)
    SELECT id, gen_random_uuid(), now(), now() + interval '5 seconds', NULL
      FROM touched
    ON CONFLICT (notification_id) DO NOTHING
    RETURNING notification_id, task_id, created_at, eta
)
SELECT q.notification_id, q.task_id, q.created_at, q.eta FROM queued q
UNION ALL
SELECT l.id, NULL, NULL, NULL FROM lost l WHERE l.id <> ALL ($5::uuid[])
 ORDER BY 3 NULLS LAST
