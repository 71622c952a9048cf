-- What a role finds here: the server's version, how many of the service's tables there are, whether the schema
-- celeriac has been migrated, and which privileges are missing. The catalogues are readable for every role.
WITH wanted (schema, name, privileges) AS (
    VALUES ('public', 'business_tenants', ARRAY['SELECT', 'INSERT']),
           ('public', 'api_keys', ARRAY['SELECT', 'INSERT', 'UPDATE']),
           ('public', 'templates', ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']),
           ('public', 'notifications', ARRAY['SELECT', 'INSERT', 'UPDATE']),
           ('public', 'dead_letters', ARRAY['SELECT', 'INSERT']),
           ('celeriac', 'schema_migrations', ARRAY['SELECT'])
), found AS (
    SELECT c.oid, n.oid AS schema, n.nspname, c.relname,
           coalesce(w.privileges, ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privileges
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN wanted w ON w.schema = n.nspname AND w.name = c.relname
     WHERE c.relkind IN ('r', 'p') AND (w.name IS NOT NULL OR n.nspname = 'celeriac')
)
SELECT current_setting('server_version'),
       (SELECT count(*) FROM found WHERE nspname = 'public'),
       (SELECT count(*) FROM found WHERE nspname = 'celeriac' AND relname = 'schema_migrations'),
       coalesce((SELECT string_agg(format('%s on %I.%I', p, nspname, relname), ', '
                                   ORDER BY nspname, relname, p)
                   FROM found, unnest(privileges) AS p
                  WHERE NOT has_table_privilege(oid, p) OR NOT has_schema_privilege(schema, 'USAGE')),
                '')
