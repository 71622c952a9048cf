-- Version 1. No foreign keys to the service's tables: Django must be able to change, truncate and
-- drop them as if we were not here.

-- Worker processes that send notifications, heard once a second. Not logged: after a crash of the server
-- they introduce themselves again.
CREATE UNLOGGED TABLE celeriac.senders (
    sender uuid PRIMARY KEY,
    seen_at timestamptz NOT NULL,
    steady_since timestamptz NOT NULL
) WITH (fillfactor = 50);

-- Who sends a notification right now. Rows live for one send, so the table needs vacuum often to stay
-- small; a crash of the server empties it, as it ends all claims.
CREATE UNLOGGED TABLE celeriac.send_claims (
    notification_id uuid PRIMARY KEY,
    sender uuid NOT NULL,
    token bigint NOT NULL,
    claimed_at timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);

-- SHA-256 of raw API keys that were verified once. Bound to the key's hash as well as to its id: a row
-- that replaces another under the same id does not answer to the old key.
CREATE TABLE celeriac.key_digests (
    digest bytea PRIMARY KEY,
    api_key_id bigint NOT NULL,
    key_hash varchar(255) NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX key_digests_api_key_id ON celeriac.key_digests (api_key_id);

-- Notifications that were accepted, but whose message may not be on the broker yet.
CREATE TABLE celeriac.outbox (
    notification_id uuid PRIMARY KEY,
    task_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    claimed_until timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
CREATE INDEX outbox_claimed_until ON celeriac.outbox (claimed_until);
