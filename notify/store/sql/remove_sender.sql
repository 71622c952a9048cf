-- $1 this sender.
WITH gone AS (
    DELETE FROM celeriac.senders WHERE sender = $1::uuid
)
DELETE FROM celeriac.send_claims WHERE sender = $1::uuid
