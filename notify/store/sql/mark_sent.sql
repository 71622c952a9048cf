-- $1 ids, sorted, each once; $2 times; $3 provider responses; $4 this sender.
WITH released AS (
    DELETE FROM celeriac.send_claims c
     WHERE c.notification_id = ANY ($1::uuid[])
       AND c.sender = $4::uuid
)
UPDATE public.notifications x
   SET status = 'sent', sent_at = q.sent_at, provider_response = q.response::jsonb,
       updated_at = now()
  FROM unnest($1::uuid[], $2::timestamptz[], $3::text[]) AS q (id, sent_at, response)
 WHERE x.id = q.id
   AND x.status NOT IN ('sent', 'delivered')
