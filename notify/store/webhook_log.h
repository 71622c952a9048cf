/*
 * What was or will be delivered to a tenant's webhooks, as the API shows it; the messages are made
 * and delivered elsewhere (webhooks.h). See call.h for how to run a call.
 */
#ifndef NOTIFY_STORE_WEBHOOK_LOG_H
#define NOTIFY_STORE_WEBHOOK_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/uuid.h"
#include "notify/store/call.h"
#include "notify/store/page.h"

/* The event that is posted when the tenant asks for one, whatever is subscribed to. */
#define STORE_WEBHOOK_TEST_EVENT "webhook.test"

/*
 * Most test events of a webhook that may be waiting at a time: enough to try it, too few to use it
 * for flooding somebody.
 */
#define STORE_WEBHOOK_TESTS_MAX 5

/* One message; spans are valid until store_call_release(), a ptr of NULL is SQL NULL. */
struct store_webhook_message {
    struct uuid id; /* what is delivered has it as its webhook-id */
    struct uuid webhook_id;
    struct uuid notification_id; /* all zero: of a test event */
    struct span event;
    struct span status; /* pending, delivered, failed */
    int32_t attempts;
    int32_t response_status; /* HTTP's, of the last attempt; 0: none came */
    struct span error;       /* why the last attempt failed */
    int64_t created_at_us;
    int64_t last_attempt_at_us; /* STORE_NO_TIME: none was made */
    int64_t delivered_at_us;    /* STORE_NO_TIME: not yet */
    int64_t next_attempt_at_us; /* not before; STORE_NO_TIME: there will be none */
    struct span payload;        /* JSON; in lists ptr NULL */
};

/* A page of the messages of a tenant's webhook. None when there is no such webhook. */
struct store_list_webhook_messages {
    struct store_call call;
    struct uuid tenant_id;
    struct uuid webhook_id;
    struct span status; /* empty: any */
    struct store_page page;
    /* results */
    const struct store_webhook_message *rows;
    size_t count;
    struct store_cursor next; /* the last row, when there may be more; else no row's */
};

/* Prepares the call: no filter. */
void store_list_webhook_messages_init(struct store_list_webhook_messages *list,
                                      const struct uuid *tenant_id, const struct uuid *webhook_id,
                                      const struct store_page *page);

/* One message of a tenant: read, or sent again at once. CELERIAC_ERR_NOT_FOUND. */
struct store_webhook_message_call {
    struct store_call call;
    struct uuid tenant_id;
    struct uuid id;
    /* result */
    struct store_webhook_message row;
};

/* Prepares the call that reads it. */
void store_get_webhook_message_init(struct store_webhook_message_call *get,
                                    const struct uuid *tenant_id, const struct uuid *id);

/*
 * Prepares the call that has it delivered once more, with all attempts that there are, whatever has
 * become of it; one that is pending is due at once, unless it is under way. CELERIAC_ERR_NOT_FOUND
 * also when its webhook is switched off.
 */
void store_retry_webhook_message_init(struct store_webhook_message_call *retry,
                                      const struct uuid *tenant_id, const struct uuid *id);

/*
 * Records a test event, which is then delivered like any other. CELERIAC_ERR_EXISTS when there is
 * no such webhook, it is switched off, or STORE_WEBHOOK_TESTS_MAX test events of it wait.
 */
struct store_test_webhook {
    struct store_call call;
    struct uuid tenant_id;
    struct uuid webhook_id;
    struct uuid id; /* of the message: random, set by the init function */
    /* result */
    struct store_webhook_message row;
};

/* Prepares the call. */
void store_test_webhook_init(struct store_test_webhook *test, const struct uuid *tenant_id,
                             const struct uuid *webhook_id);

#endif
