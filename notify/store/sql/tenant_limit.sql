-- $1 tenant, $2 what to do (0: look, 1: set, 2: remove), $3 thousandths of a request a second, $4 how many at
-- once. One row when there is such a tenant: its limit from now on, or NULL.
WITH tenant AS (
    SELECT t.tenant_id FROM public.business_tenants t WHERE t.tenant_id = $1::uuid
), written AS (
    INSERT INTO celeriac.tenant_limits AS l (tenant_id, per_second, burst)
    SELECT t.tenant_id, $3::bigint / 1000.0, $4::int FROM tenant t WHERE $2::int = 1
    ON CONFLICT (tenant_id)
    DO UPDATE SET per_second = excluded.per_second, burst = excluded.burst, changed_at = now()
    RETURNING l.per_second, l.burst
), removed AS (
    DELETE FROM celeriac.tenant_limits l USING tenant t WHERE l.tenant_id = t.tenant_id AND $2::int = 2
)
SELECT (coalesce(w.per_second, l.per_second) * 1000)::bigint, coalesce(w.burst, l.burst)
  FROM tenant t
  LEFT JOIN written w ON true
  LEFT JOIN celeriac.tenant_limits l ON l.tenant_id = t.tenant_id AND $2::int = 0
