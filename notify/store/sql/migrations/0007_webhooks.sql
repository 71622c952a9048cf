-- Version 7: endpoints to which tenants want events posted, and the messages for them.

-- An endpoint. Whoever switches it on again sets the last five columns back to their defaults.
CREATE TABLE celeriac.webhooks (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    url text NOT NULL,
    description text NOT NULL DEFAULT '',
    events text[] NOT NULL DEFAULT '{notification.sent,notification.failed}',
    secret text NOT NULL, -- whsec_ and the base64 of 24 to 64 bytes
    old_secret text, -- signs as well until then
    old_secret_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    is_active boolean NOT NULL DEFAULT true,
    disabled_reason text, -- why the service, and not the tenant, has switched it off
    failing_since timestamptz, -- of the first failure since the last success
    failures integer NOT NULL DEFAULT 0, -- one after another, until now
    paused_until timestamptz -- nothing is tried before, because of these
);
CREATE INDEX webhooks_tenant_id ON celeriac.webhooks (tenant_id, created_at);

-- What is posted: made in the transaction of what it tells, so it is its own outbox. `occurrence` names what
-- happened, so that nobody tells it twice: of `notification.sent` the notification, of `notification.failed`
-- the dead letter (one that is retried can fail again, as another one), of anything else the message itself.
CREATE TABLE celeriac.webhook_messages (
    id uuid PRIMARY KEY, -- the header webhook-id, the same in each attempt
    webhook_id uuid NOT NULL REFERENCES celeriac.webhooks (id) ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    notification_id uuid, -- NULL: an event about no notification, such as a test
    event text NOT NULL,
    occurrence uuid NOT NULL,
    payload text NOT NULL, -- the bytes that are posted, the same in each attempt
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'failed')),
    attempts integer NOT NULL DEFAULT 0,
    turn integer NOT NULL DEFAULT 0, -- how often a task had it in hand; names its publication
    response_status integer, -- of the last attempt; NULL: there was no answer
    error text, -- what was wrong with the last attempt; never the answer's body
    created_at timestamptz NOT NULL DEFAULT now(),
    last_attempt_at timestamptz,
    delivered_at timestamptz,
    next_attempt_at timestamptz NOT NULL DEFAULT now(), -- from then on its task may be published (again)
    published_until timestamptz, -- its task is on the broker, as far as is known until then
    UNIQUE (webhook_id, event, occurrence)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 20000);
CREATE INDEX webhook_messages_webhook_id ON celeriac.webhook_messages (webhook_id, created_at);
CREATE INDEX webhook_messages_due ON celeriac.webhook_messages (next_attempt_at) WHERE status = 'pending';
CREATE INDEX webhook_messages_published ON celeriac.webhook_messages (webhook_id, published_until)
    WHERE status = 'pending' AND published_until IS NOT NULL;
CREATE INDEX webhook_messages_done ON celeriac.webhook_messages (created_at) WHERE status <> 'pending';

-- What workers in Python do with notifications they tell nobody, so it is looked for: how far each tenant's
-- notifications were looked at, by the time of their making, and those that were neither sent nor failed then.
CREATE TABLE celeriac.webhook_scans (
    tenant_id uuid PRIMARY KEY,
    scanned_until timestamptz NOT NULL
);
CREATE TABLE celeriac.webhook_watch (
    notification_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    checked_at timestamptz NOT NULL
);
CREATE INDEX webhook_watch_checked_at ON celeriac.webhook_watch (checked_at);

-- RFC 3339, in UTC.
CREATE FUNCTION celeriac.rfc3339(at timestamptz) RETURNS text LANGUAGE sql STABLE AS
'SELECT to_char(at AT TIME ZONE ''UTC'', ''YYYY-MM-DD"T"HH24:MI:SS.US"Z"'')';

-- The payload that tells of a notification.
CREATE FUNCTION celeriac.webhook_payload(
    event text, at timestamptz, id uuid, channel text, status text, template bigint, created_at timestamptz,
    sent_at timestamptz, error text, retry_count integer, simulated boolean
) RETURNS text LANGUAGE sql STABLE AS
'SELECT json_build_object(
     ''type'', event,
     ''timestamp'', celeriac.rfc3339(at),
     ''data'', json_build_object(
         ''id'', id, ''channel'', channel, ''status'', status, ''template'', template,
         ''created_at'', celeriac.rfc3339(created_at), ''sent_at'', celeriac.rfc3339(sent_at),
         ''error_message'', left(error, 1000), ''retry_count'', retry_count, ''simulated'', simulated))::text';
