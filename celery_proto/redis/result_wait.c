#include <errno.h>
#include <poll.h>

#include "base/clock.h"
#include "celery_proto/codec/keys.h"
#include "celery_proto/redis/result_state.h"

/* Silence after which the subscription's connection is asked whether it still lives. */
#define CHECK_INTERVAL_NS (5 * NS_PER_SEC)

/* What the handler has to know and tell. */
struct awaited {
    bool (*is_final)(struct span document);
    struct strbuf *document;
    bool is_done;
};

static void offer(struct awaited *awaited, struct span record)
{
    if (awaited->is_done || !awaited->is_final(record))
        return;
    strbuf_add_span(awaited->document, record);
    awaited->is_done = true;
}

static void on_publication(void *context, struct span subscription, struct span channel,
                           struct span payload)
{
    (void)subscription;
    (void)channel;
    offer(context, payload);
}

/* Reads what is stored, after the subscription was confirmed: whatever comes later is published. */
static enum celeriac_err read_stored(struct cel_result_store *store, struct span task_id,
                                     struct awaited *awaited, struct celeriac_error *err)
{
    struct strbuf stored;
    strbuf_init(&stored, CEL_RESULT_MAX);
    enum celeriac_err code = cel_result_get(store, task_id, &stored, NULL);
    if (code == CELERIAC_OK)
        offer(awaited, strbuf_span(&stored));
    else if (code == CELERIAC_ERR_NOT_FOUND)
        code = CELERIAC_OK;
    else
        (void)celeriac_error_set(err, code, "cannot read the result: %s", celeriac_err_name(code));
    strbuf_close(&stored);
    return code;
}

static enum celeriac_err sleep_until(struct cel_result_store *store, int64_t until_ns, int wake_fd,
                                     struct celeriac_error *err)
{
    struct pollfd p[] = {
        {.fd = cel_conn_fd(cel_pubsub_conn(store->pubsub)), .events = POLLIN},
        {.fd = wake_fd, .events = POLLIN},
    };
    bool has_buffered = cel_pubsub_has_buffered(store->pubsub);
    int timeout = has_buffered ? 0 : clock_poll_ms(clock_monotonic_ns(), until_ns);
    int n = poll(p, sizeof p / sizeof p[0], timeout);
    if (n < 0 && errno != EINTR)
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "poll failed");
    if (n > 0 && p[1].revents != 0)
        return celeriac_error_set(err, CELERIAC_ERR_SHUTDOWN, "waiting was ended");
    return cel_pubsub_read(store->pubsub, NULL, err);
}

/* Waits as long as the connection lasts. */
static enum celeriac_err wait_connected(struct cel_result_store *store, struct span task_id,
                                        struct awaited *awaited, int64_t deadline_ns, int wake_fd,
                                        struct celeriac_error *err)
{
    enum celeriac_err code = cel_pubsub_ensure(store->pubsub, err);
    uint64_t generation = cel_conn_generation(cel_pubsub_conn(store->pubsub));
    if (code == CELERIAC_OK && !awaited->is_done)
        code = read_stored(store, task_id, awaited, err);
    while (code == CELERIAC_OK && !awaited->is_done) {
        int64_t next_ns = -1;
        int64_t now = clock_monotonic_ns();
        if (deadline_ns >= 0 && now >= deadline_ns)
            return celeriac_error_set(err, CELERIAC_ERR_TIMEOUT, "no result in time");
        code = cel_pubsub_check(store->pubsub, now, CHECK_INTERVAL_NS, &next_ns, err);
        if (deadline_ns >= 0 && deadline_ns < next_ns)
            next_ns = deadline_ns;
        if (code == CELERIAC_OK)
            code = sleep_until(store, next_ns, wake_fd, err);
        if (code == CELERIAC_OK &&
            generation != cel_conn_generation(cel_pubsub_conn(store->pubsub)))
            code = CELERIAC_ERR_UNAVAILABLE;
    }
    return code;
}

/* Subscribed to one task's record for the length of the wait. */
static enum celeriac_err wait_subscribed(struct cel_result_store *store, struct span task_id,
                                         struct awaited *awaited, int64_t deadline_ns, int wake_fd,
                                         struct celeriac_error *err)
{
    for (;;) {
        struct celeriac_error why = {0};
        enum celeriac_err code =
            wait_connected(store, task_id, awaited, deadline_ns, wake_fd, &why);
        if (code != CELERIAC_ERR_UNAVAILABLE)
            return code == CELERIAC_OK ? code : celeriac_error_set(err, code, "%s", why.text);
        if (deadline_ns >= 0 && clock_monotonic_ns() >= deadline_ns)
            return celeriac_error_set(err, CELERIAC_ERR_TIMEOUT, "no result in time: %s", why.text);
        struct cel_conn *pubsub = cel_pubsub_conn(store->pubsub);
        bool is_worse = cel_conn_failures(pubsub) > cel_conn_failures(store->conn);
        if (cel_conn_pause(is_worse ? pubsub : store->conn, wake_fd) != CELERIAC_OK)
            return celeriac_error_set(err, CELERIAC_ERR_SHUTDOWN, "waiting was ended");
    }
}

enum celeriac_err cel_result_wait(struct cel_result_store *store, struct span task_id,
                                  bool (*is_final)(struct span document), int64_t deadline_ns,
                                  int wake_fd, struct strbuf *document, struct celeriac_error *err)
{
    struct awaited awaited = {.is_final = is_final, .document = document};
    struct strbuf channel;
    enum celeriac_err code = CELERIAC_OK;
    strbuf_init(&channel, CEL_KEY_OPTION_MAX + CEL_RESULT_MAX);
    cel_key_result(store->keys, task_id, &channel);
    code = strbuf_status(&channel);
    if (code == CELERIAC_OK && store->pubsub == NULL)
        code = cel_pubsub_create(&store->options, &store->pubsub, err);
    if (code == CELERIAC_OK)
        code =
            cel_pubsub_add(store->pubsub, strbuf_span(&channel), false, on_publication, &awaited);
    if (code != CELERIAC_OK) {
        (void)celeriac_error_set(err, code, "cannot wait for a result");
        strbuf_close(&channel);
        return code;
    }
    code = wait_subscribed(store, task_id, &awaited, deadline_ns, wake_fd, err);
    cel_pubsub_remove(store->pubsub, strbuf_span(&channel), false);
    strbuf_close(&channel);
    return code == CELERIAC_OK ? strbuf_status(document) : code;
}
