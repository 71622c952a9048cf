/*
 * The texts of sql/, one constant for each file, put there by CMake. What the parameters are, is
 * said in the files themselves.
 */
#ifndef NOTIFY_STORE_SQL_H
#define NOTIFY_STORE_SQL_H

extern const char store_sql_add_digest[];
extern const char store_sql_beat[];
extern const char store_sql_begin_migration[];
extern const char store_sql_begin_send[];
extern const char store_sql_begin_webhook[];
extern const char store_sql_cancel_notification[];
extern const char store_sql_commit[];
extern const char store_sql_count_tables[];
extern const char store_sql_create_key[];
extern const char store_sql_create_schema[];
extern const char store_sql_create_template[];
extern const char store_sql_create_webhook[];
extern const char store_sql_custom_plan[];
extern const char store_sql_deactivate_key[];
extern const char store_sql_dead_letter[];
extern const char store_sql_delete_outbox[];
extern const char store_sql_delete_template[];
extern const char store_sql_delete_webhook[];
extern const char store_sql_discard_plans[];
extern const char store_sql_end_session[];
extern const char store_sql_end_webhook[];
extern const char store_sql_find_answer[];
extern const char store_sql_find_key[];
extern const char store_sql_find_schema[];
extern const char store_sql_find_template[];
extern const char store_sql_found_version[];
extern const char store_sql_get_dead_letter[];
extern const char store_sql_get_history[];
extern const char store_sql_get_key[];
extern const char store_sql_get_notification[];
extern const char store_sql_get_template[];
extern const char store_sql_get_tenant[];
extern const char store_sql_get_webhook_message[];
extern const char store_sql_get_webhooks[];
extern const char store_sql_insert_plain[];
extern const char store_sql_tenant_limit[];
extern const char store_sql_insert_notification[];
extern const char store_sql_inspect[];
extern const char store_sql_list_dead_letters[];
extern const char store_sql_list_keys[];
extern const char store_sql_list_newest[];
extern const char store_sql_list_notifications[];
extern const char store_sql_list_template_versions[];
extern const char store_sql_list_templates[];
extern const char store_sql_list_unindexed_keys[];
extern const char store_sql_list_webhook_messages[];
extern const char store_sql_listen_keys[];
extern const char store_sql_lock_email[];
extern const char store_sql_lock_template[];
extern const char store_sql_lock_webhooks[];
extern const char store_sql_long_reading[];
extern const char store_sql_long_statement[];
extern const char store_sql_mark_sent[];
extern const char store_sql_measure_outbox[];
extern const char store_sql_measure_webhooks[];
extern const char store_sql_probe_keys[];
extern const char store_sql_reconcile[];
extern const char store_sql_record_failure[];
extern const char store_sql_record_migration[];
extern const char store_sql_register_tenant[];
extern const char store_sql_release_claim[];
extern const char store_sql_remove_sender[];
extern const char store_sql_restore_template[];
extern const char store_sql_retry_dead_letter[];
extern const char store_sql_retry_dead_letters[];
extern const char store_sql_retry_webhook_message[];
extern const char store_sql_rotate_key[];
extern const char store_sql_rotate_webhook[];
extern const char store_sql_scan_webhooks[];
extern const char store_sql_schema_migrations[];
extern const char store_sql_schema_version[];
extern const char store_sql_session[];
extern const char store_sql_sweep_answers[];
extern const char store_sql_sweep_keys[];
extern const char store_sql_sweep_senders[];
extern const char store_sql_sweep_webhooks[];
extern const char store_sql_take_outbox[];
extern const char store_sql_take_webhooks[];
extern const char store_sql_test_webhook[];
extern const char store_sql_touch_keys[];
extern const char store_sql_update_template[];
extern const char store_sql_update_webhook[];

/* What migrate.c applies: the service's own tables, and the versions of the schema celeriac. */
extern const char store_sql_django_tables[];
extern const char store_sql_0001_celeriac[];
extern const char store_sql_0002_send_failures[];
extern const char store_sql_0003_accept[];
extern const char store_sql_0004_template_versions[];
extern const char store_sql_0005_limits[];
extern const char store_sql_0006_trace[];
extern const char store_sql_0007_webhooks[];
extern const char store_sql_0008_webhook_places[];
extern const char store_sql_0009_webhook_scan_parts[];

#endif
