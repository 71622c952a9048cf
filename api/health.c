#include "api/health.h"

bool api_health_is_live(const struct api_health *health, int64_t now_ns, struct strbuf *answer)
{
    struct notify_enqueue_stats stats;

    notify_enqueue_get_stats(health->enqueue, &stats);
    if (now_ns - stats.round_ns > API_HEALTH_SILENCE_NS) {
        strbuf_add_text(answer, "the publisher is stuck");
        return false;
    }
    strbuf_add_text(answer, atomic_load(&health->stopping) ? "stopping" : "serving");
    return true;
}

static const char *broker_state(const struct api_health *health)
{
    struct notify_enqueue_stats stats;

    notify_enqueue_get_stats(health->enqueue, &stats);
    if (stats.broker == NOTIFY_BROKER_AWAY)
        return "away; accepted notifications wait in the outbox";
    return stats.broker == NOTIFY_BROKER_REACHED ? "ok" : "not tried yet";
}

bool api_health_is_ready(const struct api_health *health, int64_t now_ns, struct strbuf *answer)
{
    struct celeriac_error why = {0};
    bool database = store_wait_ready(health->store, 0, &why) == CELERIAC_OK;
    struct strbuf how;
    bool ready;

    strbuf_init(&how, CELERIAC_ERROR_TEXT_MAX);
    ready = api_health_is_live(health, now_ns, &how) && !atomic_load(&health->stopping) && database;
    strbuf_printf(answer, "%s: %s\ndatabase: %s\nbroker: %s", ready ? "ready" : "not ready",
                  strbuf_text(&how), database ? "ok" : why.text, broker_state(health));
    strbuf_close(&how);
    return ready;
}
