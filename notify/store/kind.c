#include "notify/store/kind.h"

#include <string.h>

#include "base/alloc.h"
#include "notify/store/kinds.h"

const struct store_kind *const store_kinds[STORE_KIND_COUNT] = {
    [STORE_KIND_BEAT] = &store_kind_beat,
    [STORE_KIND_MARK_SENT] = &store_kind_mark_sent,
    [STORE_KIND_RECORD_FAILURE] = &store_kind_record_failure,
    [STORE_KIND_DEAD_LETTER] = &store_kind_dead_letter,
    [STORE_KIND_RELEASE_CLAIM] = &store_kind_release_claim,
    [STORE_KIND_BEGIN_SEND] = &store_kind_begin_send,
    [STORE_KIND_FIND_KEY] = &store_kind_find_key,
    [STORE_KIND_FIND_TEMPLATE] = &store_kind_find_template,
    [STORE_KIND_FIND_ANSWER] = &store_kind_find_answer,
    [STORE_KIND_INSERT_NOTIFICATION] = &store_kind_insert_notification,
    [STORE_KIND_INSERT_PLAIN] = &store_kind_insert_plain,
    [STORE_KIND_INSERT_BATCH] = &store_kind_insert_batch,
    [STORE_KIND_DELETE_OUTBOX] = &store_kind_delete_outbox,
    [STORE_KIND_TAKE_OUTBOX] = &store_kind_take_outbox,
    [STORE_KIND_MEASURE_OUTBOX] = &store_kind_measure_outbox,
    [STORE_KIND_GET_NOTIFICATION] = &store_kind_get_notification,
    [STORE_KIND_GET_HISTORY] = &store_kind_get_history,
    [STORE_KIND_LIST_NEWEST] = &store_kind_list_newest,
    [STORE_KIND_LIST_NOTIFICATIONS] = &store_kind_list_notifications,
    [STORE_KIND_LIST_DEAD_LETTERS] = &store_kind_list_dead_letters,
    [STORE_KIND_TOUCH_KEYS] = &store_kind_touch_keys,
    [STORE_KIND_ADD_DIGEST] = &store_kind_add_digest,
    [STORE_KIND_LIST_UNINDEXED_KEYS] = &store_kind_list_unindexed_keys,
    [STORE_KIND_CREATE_KEY] = &store_kind_create_key,
    [STORE_KIND_LIST_KEYS] = &store_kind_list_keys,
    [STORE_KIND_DEACTIVATE_KEY] = &store_kind_deactivate_key,
    [STORE_KIND_GET_KEY] = &store_kind_get_key,
    [STORE_KIND_ROTATE_KEY] = &store_kind_rotate_key,
    [STORE_KIND_REGISTER_TENANT] = &store_kind_register_tenant,
    [STORE_KIND_GET_TENANT] = &store_kind_get_tenant,
    [STORE_KIND_TENANT_LIMIT] = &store_kind_tenant_limit,
    [STORE_KIND_GET_TEMPLATE] = &store_kind_get_template,
    [STORE_KIND_LIST_TEMPLATES] = &store_kind_list_templates,
    [STORE_KIND_CREATE_TEMPLATE] = &store_kind_create_template,
    [STORE_KIND_UPDATE_TEMPLATE] = &store_kind_update_template,
    [STORE_KIND_LIST_TEMPLATE_VERSIONS] = &store_kind_list_template_versions,
    [STORE_KIND_RESTORE_TEMPLATE] = &store_kind_restore_template,
    [STORE_KIND_DELETE_TEMPLATE] = &store_kind_delete_template,
    [STORE_KIND_SWEEP_SENDERS] = &store_kind_sweep_senders,
    [STORE_KIND_SWEEP_ANSWERS] = &store_kind_sweep_answers,
    [STORE_KIND_CANCEL_NOTIFICATION] = &store_kind_cancel_notification,
    [STORE_KIND_GET_DEAD_LETTER] = &store_kind_get_dead_letter,
    [STORE_KIND_RETRY_DEAD_LETTER] = &store_kind_retry_dead_letter,
    [STORE_KIND_RETRY_DEAD_LETTERS] = &store_kind_retry_dead_letters,
    [STORE_KIND_RECONCILE] = &store_kind_reconcile,
    [STORE_KIND_TAKE_WEBHOOKS] = &store_kind_take_webhooks,
    [STORE_KIND_BEGIN_WEBHOOK] = &store_kind_begin_webhook,
    [STORE_KIND_END_WEBHOOK] = &store_kind_end_webhook,
    [STORE_KIND_SCAN_WEBHOOKS] = &store_kind_scan_webhooks,
    [STORE_KIND_SWEEP_WEBHOOKS] = &store_kind_sweep_webhooks,
    [STORE_KIND_MEASURE_WEBHOOKS] = &store_kind_measure_webhooks,
    [STORE_KIND_REMOVE_SENDER] = &store_kind_remove_sender,
    [STORE_KIND_GET_WEBHOOKS] = &store_kind_get_webhooks,
    [STORE_KIND_CREATE_WEBHOOK] = &store_kind_create_webhook,
    [STORE_KIND_UPDATE_WEBHOOK] = &store_kind_update_webhook,
    [STORE_KIND_DELETE_WEBHOOK] = &store_kind_delete_webhook,
    [STORE_KIND_ROTATE_WEBHOOK] = &store_kind_rotate_webhook,
    [STORE_KIND_LIST_WEBHOOK_MESSAGES] = &store_kind_list_webhook_messages,
    [STORE_KIND_GET_WEBHOOK_MESSAGE] = &store_kind_get_webhook_message,
    [STORE_KIND_RETRY_WEBHOOK_MESSAGE] = &store_kind_retry_webhook_message,
    [STORE_KIND_TEST_WEBHOOK] = &store_kind_test_webhook,
};

void store_call_init(struct store_call *call, const struct store_kind *kind)
{
    memset(call, 0, sizeof *call);
    call->own.kind = kind;
}

void store_call_release(struct store_call *call)
{
    if (!call->own.kind)
        return;
    if (call->own.kind->release)
        call->own.kind->release(call);
    mem_free(call->own.block);
    call->own.block = NULL;
}

void store_call_refuse(struct store_call *call, const struct store_failure *failure)
{
    const struct store_kind *kind = call->own.kind;
    enum celeriac_err code = CELERIAC_ERR_VALUE;
    const char *field = "row";
    if (strcmp(failure->sqlstate, "23505") == 0 && kind->on_duplicate)
        code = kind->on_duplicate;
    else if (strcmp(failure->sqlstate, "23503") == 0 && kind->on_dangling)
        code = kind->on_dangling;
    /* 22P02, 22P05, 22003, 22021, 22030: what reading JSON can end with. */
    else if (strncmp(failure->sqlstate, "22", 2) == 0 && kind->json_field)
        field = kind->json_field;
    (void)celeriac_error_set(&call->error, code, "%s: %s", field, failure->text);
}
