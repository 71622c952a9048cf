/*
 * The rows of the table in kind.c, each defined in the file of its subject.
 */
#ifndef NOTIFY_STORE_KINDS_H
#define NOTIFY_STORE_KINDS_H

#include "notify/store/kind.h"

/* sends.c */
extern const struct store_kind store_kind_begin_send;
/* end_send.c */
extern const struct store_kind store_kind_mark_sent;
extern const struct store_kind store_kind_record_failure;
extern const struct store_kind store_kind_dead_letter;
extern const struct store_kind store_kind_release_claim;
/* senders.c */
extern const struct store_kind store_kind_beat;
extern const struct store_kind store_kind_sweep_senders;
extern const struct store_kind store_kind_remove_sender;
/* insert.c */
extern const struct store_kind store_kind_insert_notification;
extern const struct store_kind store_kind_insert_plain;
extern const struct store_kind store_kind_insert_batch;
/* idempotency.c */
extern const struct store_kind store_kind_find_answer;
extern const struct store_kind store_kind_sweep_answers;
/* notifications.c */
extern const struct store_kind store_kind_get_notification;
extern const struct store_kind store_kind_list_newest;
extern const struct store_kind store_kind_list_notifications;
/* history.c */
extern const struct store_kind store_kind_get_history;
/* outbox.c */
extern const struct store_kind store_kind_take_outbox;
extern const struct store_kind store_kind_delete_outbox;
/* outbox_size.c */
extern const struct store_kind store_kind_measure_outbox;
/* cancel.c */
extern const struct store_kind store_kind_cancel_notification;
/* retry.c */
extern const struct store_kind store_kind_retry_dead_letter;
extern const struct store_kind store_kind_retry_dead_letters;
/* reconcile.c */
extern const struct store_kind store_kind_reconcile;
/* dead_letters.c */
extern const struct store_kind store_kind_get_dead_letter;
extern const struct store_kind store_kind_list_dead_letters;
/* key_index.c */
extern const struct store_kind store_kind_find_key;
extern const struct store_kind store_kind_add_digest;
extern const struct store_kind store_kind_list_unindexed_keys;
/* touch.c */
extern const struct store_kind store_kind_touch_keys;
/* api_keys.c */
extern const struct store_kind store_kind_create_key;
extern const struct store_kind store_kind_list_keys;
extern const struct store_kind store_kind_deactivate_key;
/* rotate_key.c */
extern const struct store_kind store_kind_get_key;
extern const struct store_kind store_kind_rotate_key;
/* tenant_limit.c */
extern const struct store_kind store_kind_tenant_limit;
/* tenants.c */
extern const struct store_kind store_kind_register_tenant;
extern const struct store_kind store_kind_get_tenant;
/* templates.c */
extern const struct store_kind store_kind_find_template;
extern const struct store_kind store_kind_get_template;
extern const struct store_kind store_kind_list_templates;
extern const struct store_kind store_kind_create_template;
extern const struct store_kind store_kind_update_template;
extern const struct store_kind store_kind_delete_template;
/* template_versions.c */
extern const struct store_kind store_kind_list_template_versions;
extern const struct store_kind store_kind_restore_template;
/* webhook_endpoints.c */
extern const struct store_kind store_kind_get_webhooks;
extern const struct store_kind store_kind_create_webhook;
extern const struct store_kind store_kind_update_webhook;
extern const struct store_kind store_kind_delete_webhook;
extern const struct store_kind store_kind_rotate_webhook;
/* webhook_log.c */
extern const struct store_kind store_kind_list_webhook_messages;
extern const struct store_kind store_kind_get_webhook_message;
extern const struct store_kind store_kind_retry_webhook_message;
extern const struct store_kind store_kind_test_webhook;
/* webhooks.c */
extern const struct store_kind store_kind_take_webhooks;
extern const struct store_kind store_kind_begin_webhook;
extern const struct store_kind store_kind_end_webhook;
extern const struct store_kind store_kind_scan_webhooks;
extern const struct store_kind store_kind_sweep_webhooks;
extern const struct store_kind store_kind_measure_webhooks;

#endif
