SELECT max(version), max(readable_from) FROM celeriac.schema_migrations
