SELECT count(to_regnamespace('celeriac')), count(to_regclass('celeriac.schema_migrations'))
