-- How many of the service's tables are there.
SELECT count(to_regclass(name))
  FROM unnest(ARRAY['public.business_tenants', 'public.api_keys', 'public.templates',
                    'public.notifications', 'public.dead_letters']) AS names (name)
