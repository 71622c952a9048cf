-- readable_from: the oldest version of the programs that can work with this one (schema.h).
CREATE TABLE celeriac.schema_migrations (
    version integer PRIMARY KEY,
    readable_from integer NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
