#include "worker/exit_text.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

/* The first and last signal of the kernel's real-time range, which are all that Python names. */
#define REAL_TIME_FIRST 34
#define REAL_TIME_LAST 64

static void add_signal(int number, struct strbuf *out)
{
    const char *name = sigabbrev_np(number);

    if (number == REAL_TIME_FIRST)
        name = "RTMIN";
    if (number == REAL_TIME_LAST)
        name = "RTMAX";
    strbuf_printf(out, "signal %d", number);
    if (name)
        strbuf_printf(out, " (SIG%s)", name);
}

void cel_exit_text(int status, struct strbuf *out)
{
    if (WIFSIGNALED(status))
        add_signal(WTERMSIG(status), out);
    else
        strbuf_printf(out, "exitcode %d", WEXITSTATUS(status));
}

void cel_lost_text(int status, uint64_t job, struct strbuf *out)
{
    strbuf_add_text(out, "Worker exited prematurely: ");
    cel_exit_text(status, out);
    strbuf_printf(out, " Job: %llu.", (unsigned long long)job);
}
