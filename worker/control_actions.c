/* Remote commands that change something (celery/worker/control.py). */
#include "base/log.h"
#include "worker/control_call.h"
#include "worker/events.h"

static void run_enable_events(struct cel_control_call *call)
{
    if (cel_events_enable(call->view->runtime->events, true)) {
        log_info("control", "task events enabled by remote");
        cel_control_ok(call, "task events enabled");
    } else {
        cel_control_ok(call, "task events already enabled");
    }
}

static void run_disable_events(struct cel_control_call *call)
{
    if (cel_events_enable(call->view->runtime->events, false)) {
        log_info("control", "task events disabled by remote");
        cel_control_ok(call, "task events disabled");
    } else {
        cel_control_ok(call, "task events already disabled");
    }
}

static void run_heartbeat(struct cel_control_call *call)
{
    call->view->beat_wanted = true;
    json_null(&call->answer);
}

/* Elections are held by gossip, which this worker does not take part in. */
static void run_election(struct cel_control_call *call)
{
    json_null(&call->answer);
}

const struct cel_control_command cel_control_actions[] = {
    {"enable_events", NULL, run_enable_events, NULL, ""},
    {"disable_events", NULL, run_disable_events, NULL, ""},
    {"heartbeat", NULL, run_heartbeat, NULL, ""},
    {"election", NULL, run_election, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
