-- $1 notifications, $2 the publication of each.
DELETE FROM celeriac.outbox o
 USING unnest($1::uuid[], $2::uuid[]) AS q (notification_id, task_id)
 WHERE o.notification_id = q.notification_id
   AND o.task_id = q.task_id
