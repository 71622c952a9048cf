#include "worker/main/stop_signals.h"

#include <signal.h>
#include <stdlib.h>

static enum stop_action begin_warm(struct stop_signals *s)
{
    if (s->warm)
        return STOP_NOTHING;
    s->warm = true;
    return STOP_WARM;
}

static enum stop_action quit(struct stop_signals *s, unsigned active, int64_t now_ns)
{
    bool first = !s->quit;

    s->quit = true;
    s->restart = false;
    if (first && s->soft_ns > 0 && (active > 0 || s->soft_when_idle)) {
        s->cold_at_ns = now_ns + s->soft_ns;
        return begin_warm(s);
    }
    s->cold_at_ns = 0;
    return STOP_COLD;
}

enum stop_action stop_signals_take(struct stop_signals *s, int number, unsigned active,
                                   int64_t now_ns)
{
    bool again = s->interrupted;

    /* As seen with Celery 5.7: what came first decides, and of these only INT is a failure. */
    if (!s->warm && !s->quit)
        s->exit_code = number == SIGINT ? EXIT_FAILURE : EXIT_SUCCESS;
    if (number == SIGQUIT || (number == SIGTERM && s->term_is_quit))
        return quit(s, active, now_ns);
    if (number == SIGINT) {
        s->interrupted = true;
        return again ? quit(s, active, now_ns) : begin_warm(s);
    }
    if (number == SIGHUP && !s->hup_is_term && !s->warm)
        s->restart = true;
    else if (number == SIGTERM)
        s->restart = false;
    return begin_warm(s);
}

bool stop_signals_is_over(struct stop_signals *s, int64_t now_ns)
{
    if (s->cold_at_ns == 0 || now_ns < s->cold_at_ns)
        return false;
    s->cold_at_ns = 0;
    return true;
}
