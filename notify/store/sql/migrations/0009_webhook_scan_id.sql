-- Version 9: what Python did is looked for by time and id, so that an import of 100,000 notifications of one moment
-- is looked at in as many steps as any others.
CREATE FUNCTION celeriac.last_id() RETURNS uuid LANGUAGE sql IMMUTABLE AS
'SELECT ''ffffffff-ffff-ffff-ffff-ffffffffffff''::uuid';

-- Of those made at scanned_until, the last that was looked at. Older programs look at all of one moment together.
ALTER TABLE celeriac.webhook_scans ADD COLUMN scanned_id uuid NOT NULL DEFAULT celeriac.last_id();
