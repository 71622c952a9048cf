-- $1 ids.
DELETE FROM celeriac.outbox WHERE notification_id = ANY ($1::uuid[])
