-- $1 tenant, $2 id.
WITH mine AS (
    SELECT t.id FROM public.templates t WHERE t.id = $2::bigint AND t.tenant_id = $1::uuid
), detached AS (
    UPDATE public.notifications x
       SET template_id = NULL
      FROM mine
     WHERE x.template_id = mine.id
), forgotten AS (
    DELETE FROM celeriac.template_versions v
     USING mine
     WHERE v.template_id = mine.id
)
DELETE FROM public.templates t
 USING mine
 WHERE t.id = mine.id
RETURNING t.id
