-- $1 ids, sorted, each once; $2 error texts; $3 this sender.
WITH released AS (
    DELETE FROM celeriac.send_claims c
     WHERE c.notification_id = ANY ($1::uuid[])
       AND c.sender = $3::uuid
)
UPDATE public.notifications x
   SET error_message = q.error, updated_at = now()
  FROM unnest($1::uuid[], $2::text[]) AS q (id, error)
 WHERE x.id = q.id
   AND x.status NOT IN ('sent', 'delivered')
