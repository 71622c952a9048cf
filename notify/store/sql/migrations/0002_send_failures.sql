-- Version 2. What attempts to send have failed of: the history of a notification keeps every reason,
-- where notifications.error_message has only the last.
CREATE TABLE celeriac.send_failures (
    id uuid PRIMARY KEY,
    notification_id uuid NOT NULL,
    failed_at timestamptz NOT NULL,
    error text NOT NULL
);
CREATE INDEX send_failures_notification_id ON celeriac.send_failures (notification_id, failed_at);
CREATE INDEX send_failures_failed_at ON celeriac.send_failures (failed_at);
