#include "notify/providers/provider_table.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "notify/rules/channel.h"

/* Kept states: more than there are task threads (worker.h allows 4096), so nothing is ever refused.
 */
#define IDLE_MAX 8192

/* A state that waits for its next message. */
struct kept {
    void *state;
    int64_t since_ns;
};

/* What is known of one channel. Without a provider it is not implemented. */
struct row {
    const struct notify_provider *provider;
    const void *config;
    struct kept *idle; /* a stack: the state used last is on top, at idle[count - 1] */
    size_t count;
    size_t cap;
};

struct notify_providers {
    struct row rows[NOTIFY_CHANNEL_COUNT];
    struct notify_smtp_config *smtp;
    int64_t idle_ns;
    pthread_mutex_t lock; /* guards the stacks and the numbers */
    struct notify_providers_stats stats;
};

enum celeriac_err notify_providers_create(const struct notify_providers_options *options,
                                          struct notify_providers **providers,
                                          struct celeriac_error *err)
{
    struct notify_providers *p = mem_calloc(1, sizeof *p);
    enum celeriac_err code;

    if (p == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "%s",
                                  celeriac_err_name(CELERIAC_ERR_MEMORY));
    if (pthread_mutex_init(&p->lock, NULL) != 0) {
        mem_free(p);
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot make a lock");
    }
    p->idle_ns = options->idle_ns != 0 ? options->idle_ns : NOTIFY_PROVIDERS_IDLE_NS;
    code = notify_smtp_config_create(&options->smtp, &p->smtp, err);
    if (code != CELERIAC_OK) {
        notify_providers_destroy(p);
        return code;
    }
    p->rows[NOTIFY_CHANNEL_EMAIL] =
        (struct row){.provider = &notify_smtp_provider, .config = p->smtp};
    *providers = p;
    return CELERIAC_OK;
}

void notify_providers_destroy(struct notify_providers *providers)
{
    if (providers == NULL)
        return;
    for (size_t i = 0; i < NOTIFY_CHANNEL_COUNT; i++) {
        struct row *row = &providers->rows[i];

        for (size_t k = 0; k < row->count; k++)
            row->provider->destroy(row->idle[k].state);
        mem_free(row->idle);
    }
    notify_smtp_config_destroy(providers->smtp);
    (void)pthread_mutex_destroy(&providers->lock);
    mem_free(providers);
}

/* The state that was used last, or a new one. */
static enum celeriac_err take_state(struct notify_providers *p, struct row *row, void **state)
{
    enum celeriac_err code;

    (void)pthread_mutex_lock(&p->lock);
    *state = row->count > 0 ? row->idle[--row->count].state : NULL;
    if (*state == NULL)
        p->stats.states++;
    (void)pthread_mutex_unlock(&p->lock);
    if (*state != NULL)
        return CELERIAC_OK;
    code = row->provider->create(row->config, state, NULL);
    if (code != CELERIAC_OK) {
        (void)pthread_mutex_lock(&p->lock);
        p->stats.states--;
        (void)pthread_mutex_unlock(&p->lock);
    }
    return code;
}

/* Room for one more kept state; false when there is none. Under the lock. */
static bool make_room(struct row *row)
{
    size_t cap = row->cap > 0 ? row->cap * 2 : 16;
    struct kept *bigger;

    if (row->count < row->cap)
        return true;
    if (cap > IDLE_MAX)
        return false;
    bigger = mem_resize(row->idle, cap, sizeof *bigger);
    if (bigger == NULL)
        return false;
    row->idle = bigger;
    row->cap = cap;
    return true;
}

/* Takes the state that has been idle longest, if that is too long. Under the lock. */
static void *take_stale(struct notify_providers *p, struct row *row, int64_t now_ns)
{
    void *state;

    if (row->count == 0 || now_ns - row->idle[0].since_ns < p->idle_ns)
        return NULL;
    state = row->idle[0].state;
    row->count--;
    memmove(row->idle, row->idle + 1, row->count * sizeof row->idle[0]);
    p->stats.states--;
    return state;
}

static void count_outcome(struct notify_providers_stats *stats, enum notify_outcome_kind kind)
{
    switch (kind) {
    case NOTIFY_OUTCOME_SENT:
        stats->sent++;
        break;
    case NOTIFY_OUTCOME_LATER:
        stats->later++;
        break;
    case NOTIFY_OUTCOME_NEVER:
        stats->never++;
        break;
    }
}

/* Keeps the state for the next message, and closes one that nobody needed for too long. */
static void give_back(struct notify_providers *p, struct row *row, void *state,
                      enum notify_outcome_kind kind)
{
    int64_t now_ns = clock_monotonic_ns();
    void *surplus = NULL;

    (void)pthread_mutex_lock(&p->lock);
    count_outcome(&p->stats, kind);
    if (make_room(row)) {
        row->idle[row->count++] = (struct kept){state, now_ns};
        surplus = take_stale(p, row, now_ns);
    } else {
        surplus = state;
        p->stats.states--;
    }
    (void)pthread_mutex_unlock(&p->lock);
    row->provider->destroy(surplus);
}

static void refuse(struct notify_providers *p, struct notify_outcome *outcome)
{
    (void)pthread_mutex_lock(&p->lock);
    count_outcome(&p->stats, outcome->kind);
    (void)pthread_mutex_unlock(&p->lock);
}

void notify_providers_send(struct notify_providers *providers, struct span channel,
                           const struct notify_message *message, struct notify_outcome *outcome)
{
    enum notify_channel known = NOTIFY_CHANNEL_EMAIL;
    struct row *row;
    void *state = NULL;

    if (!notify_channel_parse(channel, &known)) {
        notify_outcome_fail(outcome, NOTIFY_OUTCOME_NEVER, 0, "unsupported channel",
                            "Unsupported channel: %.*s", SPAN_PRINTF(channel));
        refuse(providers, outcome);
        return;
    }
    row = &providers->rows[known];
    if (row->provider == NULL) {
        notify_outcome_fail(outcome, NOTIFY_OUTCOME_NEVER, 0, "no provider",
                            "Provider for channel '%s' is not implemented yet.",
                            notify_channel_name(known));
        refuse(providers, outcome);
        return;
    }
    if (take_state(providers, row, &state) != CELERIAC_OK) {
        notify_outcome_fail(outcome, NOTIFY_OUTCOME_LATER, 0, "out of memory", "out of memory");
        refuse(providers, outcome);
        return;
    }
    row->provider->send(state, message, outcome);
    give_back(providers, row, state, outcome->kind);
}

void notify_providers_close_idle(struct notify_providers *providers, int64_t now_ns)
{
    for (size_t i = 0; i < NOTIFY_CHANNEL_COUNT; i++) {
        struct row *row = &providers->rows[i];
        void *state;

        do {
            (void)pthread_mutex_lock(&providers->lock);
            state = take_stale(providers, row, now_ns);
            (void)pthread_mutex_unlock(&providers->lock);
            if (state != NULL)
                row->provider->destroy(state);
        } while (state != NULL);
    }
}

void notify_providers_get_stats(struct notify_providers *providers,
                                struct notify_providers_stats *stats)
{
    (void)pthread_mutex_lock(&providers->lock);
    *stats = providers->stats;
    for (size_t i = 0; i < NOTIFY_CHANNEL_COUNT; i++)
        stats->idle += providers->rows[i].count;
    (void)pthread_mutex_unlock(&providers->lock);
}
