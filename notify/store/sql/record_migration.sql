INSERT INTO celeriac.schema_migrations (version, readable_from) VALUES ($1::int4, $2::int4)
