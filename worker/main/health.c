#include "worker/main/health.h"

void worker_health_progress(struct worker_health *health, bool consuming, int64_t now_ns)
{
    atomic_store(&health->consuming, consuming);
    atomic_store(&health->progress_ns, now_ns);
}

void worker_health_stopping(struct worker_health *health)
{
    atomic_store(&health->stopping, true);
}

bool worker_health_is_live(const struct worker_health *health, int64_t now_ns, const char **why)
{
    int64_t last = atomic_load(&health->progress_ns);

    *why = "stopping";
    if (atomic_load(&health->stopping))
        return true;
    *why = "starting";
    if (last == 0)
        return true;
    *why = "the consumer is stuck";
    if (now_ns - last > HEALTH_SILENCE_NS)
        return false;
    *why = atomic_load(&health->consuming) ? "consuming" : "waiting for the broker";
    return true;
}

bool worker_health_is_ready(const struct worker_health *health, int64_t now_ns, const char **why)
{
    return worker_health_is_live(health, now_ns, why) && !atomic_load(&health->stopping) &&
           atomic_load(&health->progress_ns) != 0 && atomic_load(&health->consuming);
}
