-- $1 ids, $2 task ids, $3 tenants, $4 templates, $5 times, $6 channels, $7 addresses, $8 data.
-- A call that is repeated after it was committed changes nothing: its row is there, and its outbox row
-- may be gone because the message was published.
WITH fresh AS (
    SELECT q.*
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::timestamptz[], $6::text[],
                  $7::text[], $8::text[])
               AS q (id, task_id, tenant_id, template_id, created_at, channel, "to", data)
     WHERE NOT EXISTS (SELECT FROM public.notifications x WHERE x.id = q.id)
), accepted AS (
    INSERT INTO public.notifications
           (id, tenant_id, template_id, channel, "to", data, status, provider_response,
            error_message, created_at, updated_at, sent_at)
    SELECT id, tenant_id, template_id, channel, "to", data::jsonb, 'pending', '{}',
           NULL, created_at, created_at, NULL
      FROM fresh
    ON CONFLICT (id) DO NOTHING
)
INSERT INTO celeriac.outbox (notification_id, task_id, created_at, claimed_until)
SELECT id, task_id, created_at, now() + interval '5 seconds'
  FROM fresh
ON CONFLICT (notification_id) DO NOTHING
