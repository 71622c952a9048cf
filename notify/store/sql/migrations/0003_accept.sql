-- Version 3: keys of idempotent requests, and notifications that are to be sent later.

-- What was answered to a request with an Idempotency-Key. `request` names the request that won, so that
-- one whose commit was not heard of finds its own; `digest` is that of its method, path and body.
CREATE TABLE celeriac.idempotency_keys (
    tenant_id uuid NOT NULL,
    key text NOT NULL,
    request uuid NOT NULL,
    digest bytea NOT NULL,
    document bytea NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, key)
);
CREATE INDEX idempotency_keys_created_at ON celeriac.idempotency_keys (created_at);

-- The time for which the message is meant (NULL: at once). Such a row is nobody's until claimed_until,
-- which lies before it: only then is its message published.
ALTER TABLE celeriac.outbox ADD COLUMN eta timestamptz;
