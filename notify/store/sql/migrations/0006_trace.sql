-- Version 6: further headers of a message (a JSON object, or NULL for none), such as the trace context of the
-- request that it comes from, so that a message that is published later keeps them.
ALTER TABLE celeriac.outbox ADD COLUMN headers text;
