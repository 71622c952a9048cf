-- $1 ids, sorted; $2 tokens, NULL for whichever; $3 this sender.
DELETE FROM celeriac.send_claims c
 USING unnest($1::uuid[], $2::bigint[]) AS q (id, token)
 WHERE c.notification_id = q.id
   AND c.sender = $3::uuid
   AND (q.token IS NULL OR c.token = q.token)
