-- Version 9: an import of 100,000 notifications of one moment is looked at in parts: of those made at part_at, up to
-- part_id. scanned_until is a microsecond before that moment then, so that programs which know no parts skip none.
ALTER TABLE celeriac.webhook_scans ADD COLUMN part_at timestamptz, ADD COLUMN part_id uuid;
