#include <errno.h>
#include <poll.h>

#include "base/clock.h"
#include "base/log.h"
#include "celery_proto/codec/keys.h"
#include "celery_proto/redis/claim_state.h"
#include "celery_proto/redis/conn_io.h"

/* Silence after which a connection is asked whether it still lives. */
#define CHECK_INTERVAL_NS (2 * NS_PER_SEC)

/* How often to look whether a sentinel has moved the master. */
#define LISTEN_INTERVAL_NS (500 * NS_PER_MS)

/* Pauses between looks at servers without client-side caching. */
#define POLL_FIRST_NS (20 * NS_PER_MS)
#define POLL_LAST_NS NS_PER_SEC

/* What a server says of a redirection to a connection that it does not have (networking.c). */
#define NO_SUCH_CLIENT "ERR The client ID you want redirect to does not exist"

/* Connections that must agree on an endpoint get this many chances while a fail-over is going on.
 */
#define AGREE_TRIES 3

static void on_invalidation(void *context, struct span subscription, struct span channel,
                            struct span payload)
{
    struct cel_claimer *c = context;
    (void)subscription;
    (void)channel;
    (void)payload;
    /* Which list it was does not matter: the next claim looks at all of them. A flush of the whole
     * key space comes without any key. */
    c->has_changed = true;
    c->is_armed = false;
}

enum celeriac_err claim_wait_init(struct cel_claimer *c)
{
    return cel_pubsub_add(c->pubsub, SPAN("__redis__:invalidate"), false, on_invalidation, c);
}

bool cel_claimer_is_polling(const struct cel_claimer *claimer)
{
    return claimer->is_polling;
}

enum celeriac_err cel_claim_pause(struct cel_claimer *claimer, int wake_fd)
{
    struct cel_conn *pubsub = cel_pubsub_conn(claimer->pubsub);
    bool is_worse = cel_conn_failures(pubsub) > cel_conn_failures(claimer->conn);
    return cel_conn_pause(is_worse ? pubsub : claimer->conn, wake_fd);
}

static void fall_back(struct cel_claimer *c, const struct celeriac_error *why)
{
    if (!c->is_polling)
        log_warning("redis", "the server cannot tell when a queue changes; polling", LOG_ERR(why));
    c->is_polling = true;
    c->poll_pause_ns = POLL_FIRST_NS;
    cel_pubsub_remove(c->pubsub, SPAN("__redis__:invalidate"), false);
}

/* An answer that no waiting will change: the command or the right to it is missing. */
static bool is_refusal(enum celeriac_err code)
{
    return code == CELERIAC_ERR_UNSUPPORTED || code == CELERIAC_ERR_AUTH ||
           code == CELERIAC_ERR_PROTOCOL;
}

/* Both connections up and on the same server, the subscription confirmed. */
static enum celeriac_err connect_both(struct cel_claimer *c, struct celeriac_error *err)
{
    for (int i = 0; i < AGREE_TRIES; i++) {
        struct celeriac_error why = {0};
        enum celeriac_err code = cel_conn_ensure(c->conn, err);
        if (code != CELERIAC_OK)
            return code;
        code = cel_pubsub_ensure(c->pubsub, &why);
        if (code != CELERIAC_OK && !c->is_polling && is_refusal(code)) {
            fall_back(c, &why);
            continue;
        }
        if (code != CELERIAC_OK)
            return celeriac_error_set(err, code, "%s", why.text);
        if (cel_conn_is_same_server(c->conn, cel_pubsub_conn(c->pubsub)))
            return CELERIAC_OK;
        cel_conn_disconnect(c->conn);
        cel_conn_disconnect(cel_pubsub_conn(c->pubsub));
    }
    return celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE,
                              "connections came to different servers");
}

/* Tells the server where to report changes of what this connection reads after CACHING YES. */
static enum celeriac_err track(struct cel_claimer *c, struct celeriac_error *err)
{
    uint64_t generation = cel_conn_generation(c->conn);
    uint64_t pubsub = cel_conn_generation(cel_pubsub_conn(c->pubsub));
    if (c->tracked == generation && c->tracked_pubsub == pubsub)
        return CELERIAC_OK;
    struct celeriac_error why = {0};
    cel_pipeline_clear(&c->other);
    cel_pipeline_begin(&c->other, 7);
    cel_pipeline_arg(&c->other, SPAN("CLIENT"));
    cel_pipeline_arg(&c->other, SPAN("TRACKING"));
    cel_pipeline_arg(&c->other, SPAN("ON"));
    cel_pipeline_arg(&c->other, SPAN("REDIRECT"));
    cel_pipeline_arg_int(&c->other, cel_pubsub_client_id(c->pubsub));
    cel_pipeline_arg(&c->other, SPAN("OPTIN"));
    cel_pipeline_arg(&c->other, SPAN("NOLOOP"));
    enum celeriac_err code = cel_pipeline_run(&c->other, c->conn, err);
    if (code != CELERIAC_OK)
        return code;
    code = cel_reply_check(cel_pipeline_reply(&c->other, 0), &why);
    if (span_starts(cel_reply_span(cel_pipeline_reply(&c->other, 0)), SPAN(NO_SUCH_CLIENT))) {
        /* The other connection was lost with the server that it was to, and we are the first to
         * know. */
        cel_conn_disconnect(cel_pubsub_conn(c->pubsub));
        code = CELERIAC_ERR_UNAVAILABLE;
    }
    if (code == CELERIAC_ERR_UNAVAILABLE)
        return celeriac_error_set(err, code, "%s", why.text);
    if (code != CELERIAC_OK) {
        fall_back(c, &why);
        return CELERIAC_OK;
    }
    c->tracked = generation;
    c->tracked_pubsub = pubsub;
    c->is_armed = false;
    return CELERIAC_OK;
}

/* Asks how many lists exist, and with tracking to be told when that changes. */
static enum celeriac_err look(struct cel_claimer *c, bool *has_any, struct celeriac_error *err)
{
    struct cel_pipeline *p = &c->other;
    size_t lists = c->steps->count * c->queue_count;
    struct claim_queue *queue;
    size_t last = 0;

    cel_pipeline_clear(p);
    if (!c->is_polling) {
        CEL_COMMAND(p, SPAN("CLIENT"), SPAN("CACHING"), SPAN("YES"));
        last = 1;
    }
    cel_pipeline_begin(p, 1 + lists);
    cel_pipeline_arg(p, SPAN("EXISTS"));
    for (size_t n = 1; n <= lists; n++)
        cel_pipeline_arg(p, claim_list_at(c, n, &queue)->key);
    enum celeriac_err code = cel_pipeline_run(p, c->conn, err);
    for (size_t i = 0; i <= last && code == CELERIAC_OK; i++)
        code = cel_reply_check(cel_pipeline_reply(p, i), err);
    if (code != CELERIAC_OK)
        return code;
    c->checked_ns = clock_monotonic_ns();
    c->is_armed = !c->is_polling;
    *has_any = cel_reply_int(cel_pipeline_reply(p, last)) > 0;
    return CELERIAC_OK;
}

/* The script connection must be silent while we wait: anything readable is its end. */
static enum celeriac_err check_silence(struct cel_claimer *c, struct celeriac_error *err)
{
    struct redisReply *reply = NULL;
    enum celeriac_err code = cel_conn_try_receive(c->conn, &reply, err);
    if (code == CELERIAC_OK && reply != NULL)
        code = cel_conn_fail(c->conn, CELERIAC_ERR_PROTOCOL, false, "an answer to nothing", err);
    cel_reply_destroy(reply);
    return code;
}

/* Asks the script connection whether it lives, when it was silent for long. */
static enum celeriac_err check_script_connection(struct cel_claimer *c, int64_t now,
                                                 struct celeriac_error *err)
{
    if (now - c->checked_ns < CEL_PUBSUB_EARLY(CHECK_INTERVAL_NS))
        return CELERIAC_OK;
    cel_pipeline_clear(&c->other);
    CEL_COMMAND(&c->other, SPAN("PING"));
    enum celeriac_err code = cel_pipeline_run(&c->other, c->conn, err);
    if (code == CELERIAC_OK)
        code = cel_reply_check(cel_pipeline_reply(&c->other, 0), err);
    c->checked_ns = clock_monotonic_ns();
    return code;
}

static int64_t earlier(int64_t a, int64_t b)
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return a < b ? a : b;
}

/* One poll() over both sockets and the caller's descriptor. */
static enum celeriac_err sleep_until(struct cel_claimer *c, int64_t until_ns, int wake_fd,
                                     bool *is_woken, struct celeriac_error *err)
{
    struct pollfd p[] = {
        {.fd = cel_conn_fd(cel_pubsub_conn(c->pubsub)), .events = POLLIN},
        {.fd = cel_conn_fd(c->conn), .events = POLLIN},
        {.fd = wake_fd, .events = POLLIN},
    };
    bool has_buffered = cel_pubsub_has_buffered(c->pubsub);
    int timeout = has_buffered ? 0 : clock_poll_ms(clock_monotonic_ns(), until_ns);
    int n = poll(p, sizeof p / sizeof p[0], timeout);
    if (n < 0 && errno != EINTR)
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "poll failed");
    *is_woken = n > 0 && p[2].revents != 0;
    enum celeriac_err code = CELERIAC_OK;
    if (has_buffered || (n > 0 && p[0].revents != 0))
        code = cel_pubsub_read(c->pubsub, NULL, err);
    if (code == CELERIAC_OK && n > 0 && p[1].revents != 0)
        code = check_silence(c, err);
    return code;
}

/* When polling: doubles the pause, and says when to look again. */
static int64_t next_poll(struct cel_claimer *c, int64_t now)
{
    int64_t pause = c->poll_pause_ns;
    c->poll_pause_ns = pause * 2 > POLL_LAST_NS ? POLL_LAST_NS : pause * 2;
    return now + pause;
}

/* One call of cel_claim_wait(). */
struct wait {
    bool for_messages;
    int64_t look_again_ns; /* when polling */
    int64_t until_ns;      /* when something of ours is due */
    bool is_ready;         /* there may be messages */
};

/* Looks at the lists, now that both connections are there. */
static enum celeriac_err look_if_due(struct cel_claimer *c, struct wait *wait, int64_t now,
                                     struct celeriac_error *err)
{
    bool has_any = false;
    bool is_due = c->is_polling ? now >= wait->look_again_ns : !c->is_armed;
    if (!wait->for_messages)
        return CELERIAC_OK;
    /* What a lost reply may have claimed lies in no list; the next claim fetches it. */
    if (c->is_in_doubt || c->has_doubt) {
        wait->is_ready = true;
        return CELERIAC_OK;
    }
    if (is_due) {
        /* What was told before is covered by this look. */
        c->has_changed = false;
        enum celeriac_err code = look(c, &has_any, err);
        if (code != CELERIAC_OK)
            return code;
        if (c->is_polling)
            wait->look_again_ns = next_poll(c, now);
    }
    wait->is_ready = has_any || c->has_changed;
    c->has_changed = false;
    return CELERIAC_OK;
}

/* Everything that has to be in order before sleeping. */
static enum celeriac_err prepare(struct cel_claimer *c, struct wait *wait,
                                 struct celeriac_error *err)
{
    int64_t check_ns = -1;
    enum celeriac_err code = connect_both(c, err);
    if (code == CELERIAC_OK && !c->is_polling)
        code = track(c, err);
    int64_t now = clock_monotonic_ns();
    /* First: what it may deliver is a reason to look, and both have answered when the other has. */
    if (code == CELERIAC_OK)
        code = cel_pubsub_check(c->pubsub, now, CHECK_INTERVAL_NS, &check_ns, err);
    if (code == CELERIAC_OK)
        code = look_if_due(c, wait, now, err);
    if (code == CELERIAC_OK)
        code = check_script_connection(c, now, err);
    wait->until_ns = earlier(check_ns, c->checked_ns + CHECK_INTERVAL_NS);
    if (cel_conn_is_watching(c->conn))
        wait->until_ns = earlier(wait->until_ns, now + LISTEN_INTERVAL_NS);
    if (wait->for_messages && c->is_polling)
        wait->until_ns = earlier(wait->until_ns, wait->look_again_ns);
    return code;
}

enum celeriac_err cel_claim_wait(struct cel_claimer *claimer, bool for_messages,
                                 int64_t deadline_ns, int wake_fd, enum cel_wake *why,
                                 struct celeriac_error *err)
{
    struct wait wait = {.for_messages = for_messages, .look_again_ns = -1};
    if (claimer->count > 0)
        claimer->poll_pause_ns = POLL_FIRST_NS;
    for (;;) {
        bool is_woken = false;
        enum celeriac_err code = prepare(claimer, &wait, err);
        if (code != CELERIAC_OK)
            return code;
        if (wait.is_ready) {
            *why = CEL_WAKE_MESSAGES;
            return CELERIAC_OK;
        }
        if (deadline_ns >= 0 && clock_monotonic_ns() >= deadline_ns) {
            *why = CEL_WAKE_DEADLINE;
            return CELERIAC_OK;
        }
        code = sleep_until(claimer, earlier(deadline_ns, wait.until_ns), wake_fd, &is_woken, err);
        if (code != CELERIAC_OK)
            return code;
        if (is_woken) {
            *why = CEL_WAKE_CALLER;
            return CELERIAC_OK;
        }
    }
}
