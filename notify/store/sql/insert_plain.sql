-- $1 ids, $2 publications, $3 tenants, $4 templates, $5 times, $6 channels, $7 addresses, $8 data, $9 times
-- to send at or NULL, $10 times to publish at or NULL (now), $11 further headers of the messages, or ''.
-- What insert_notification.sql does, for what is neither simulated nor has an idempotency key: most of all, and
-- the other statement takes half as much time again though no key is given. A test compares them.
WITH fresh AS (
    SELECT q.*
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::timestamptz[], $6::text[],
                  $7::text[], $8::text[], $9::timestamptz[], $10::timestamptz[], $11::text[])
               AS q (id, task_id, tenant_id, template_id, created_at, channel, "to", data, eta,
                     publish_at, headers)
     WHERE NOT EXISTS (SELECT FROM public.notifications x WHERE x.id = q.id)
), accepted AS (
    INSERT INTO public.notifications
           (id, tenant_id, template_id, channel, "to", data, status, provider_response,
            error_message, created_at, updated_at, sent_at)
    SELECT id, tenant_id, template_id, channel, "to", data::jsonb, 'pending', '{}'::jsonb,
           NULL, created_at, created_at, NULL
      FROM fresh
    ON CONFLICT (id) DO NOTHING
)
INSERT INTO celeriac.outbox (notification_id, task_id, created_at, claimed_until, eta, headers)
SELECT id, task_id, created_at, coalesce(publish_at, now() + interval '5 seconds'), eta,
       nullif(headers, '')
  FROM fresh
ON CONFLICT (notification_id) DO NOTHING
