-- $1 this sender. A gap in the signs of life starts a new steady time: see begin_send.sql.
INSERT INTO celeriac.senders AS s (sender, seen_at, steady_since)
VALUES ($1::uuid, clock_timestamp(), '-infinity')
ON CONFLICT (sender) DO UPDATE
   SET seen_at = clock_timestamp(),
       steady_since = CASE WHEN clock_timestamp() - s.seen_at > interval '2 seconds'
                           THEN clock_timestamp() ELSE s.steady_since END
