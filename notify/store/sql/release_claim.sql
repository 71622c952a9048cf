-- $1 ids; $2 this sender.
DELETE FROM celeriac.send_claims c
 WHERE c.notification_id = ANY ($1::uuid[])
   AND c.sender = $2::uuid
