#include "worker/child_main.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "celery_proto/codec/task_message.h"
#include "worker/child_frame.h"
#include "worker/subtasks.h"
#include "worker/task_context.h"
#include "worker/task_host.h"
#include "worker/task_link.h"

/* Exit codes as billiard's: EX_OK and EX_FAILURE. */
#define EXIT_DONE 0
#define EXIT_BROKEN 1

/* Read at once; most requests are a few kilobytes. */
#define READ_CHUNK ((size_t)64 * 1024)

/* Above this a buffer is released after use: one large message should not stay in each child. */
#define KEPT_MAX ((size_t)1024 * 1024)

struct child {
    const struct cel_child_plan *plan;
    int socket;
    struct cel_task_decoder *decoder;
    struct celeriac_task task;
    struct cel_task_host host;
    struct strbuf in;
    struct strbuf out;
    bool said; /* something about the request has left, and BEGUN before it */
};

/* ---- the process --------------------------------------------------------------------------- */

/* Only interrupts what the task waits in, so that it looks at its soft limit. */
static void on_soft_limit(int number)
{
    (void)number;
}

/*
 * As celery/concurrency/prefork.py process_initializer() leaves its children: they die with the
 * worker, SIGINT is the worker's business, SIGTERM and the rest do what they do by default.
 */
static void become_child(pid_t parent)
{
    const struct sigaction soft = {.sa_handler = on_soft_limit};
    const struct sigaction ignored = {.sa_handler = SIG_IGN};
    sigset_t none;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_BROKEN);
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_NAME, "celeriac-child");
    (void)sigaction(SIGUSR1, &soft, NULL);
    (void)sigaction(SIGINT, &ignored, NULL);
    (void)sigaction(SIGPIPE, &ignored, NULL);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* ---- the socket ---------------------------------------------------------------------------- */

/* Sends what is in child->out. Without the worker there is nothing to live for. */
static void send_out(struct child *child)
{
    struct span left = strbuf_span(&child->out);

    if (strbuf_status(&child->out))
        _exit(EXIT_BROKEN);
    while (left.len > 0) {
        ssize_t n = send(child->socket, left.ptr, left.len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            _exit(EXIT_BROKEN);
        left.ptr += n;
        left.len -= (size_t)n;
    }
    strbuf_clear(&child->out);
    child->said = true;
}

/* What is left of what could not be written: nothing, or BEGUN, which goes with the next frame. */
static void write_anew(struct child *child)
{
    strbuf_close(&child->out);
    if (!child->said)
        cel_frame_add_plain(CEL_FRAME_BEGUN, &child->out);
}

static void say(struct child *child, enum cel_frame_kind kind)
{
    cel_frame_add_plain(kind, &child->out);
    send_out(child);
}

/* The next frame, which is all that child->in holds. False when the worker has closed the socket.
 */
static bool receive(struct child *child, struct cel_frame *frame)
{
    bool whole = false;

    strbuf_clear(&child->in);
    for (;;) {
        char *room = strbuf_reserve(&child->in, READ_CHUNK);
        ssize_t n = room ? recv(child->socket, room, READ_CHUNK, 0) : -1;

        if (n < 0 && room && errno == EINTR)
            continue;
        if (n == 0 && child->in.len == 0)
            return false;
        if (n <= 0)
            _exit(EXIT_BROKEN);
        strbuf_grow(&child->in, (size_t)n);
        if (cel_frame_take(strbuf_span(&child->in), frame, &whole))
            _exit(EXIT_BROKEN);
        if (whole)
            return true;
    }
}

static void shrink(struct strbuf *buffer)
{
    if (buffer->cap > KEPT_MAX)
        strbuf_close(buffer);
}

/* ---- what tasks ask for ---------------------------------------------------------------------- */

/* The worker stores it, in the order of the task's end. */
static enum celeriac_err tell_state(void *context, struct span state, struct span meta,
                                    struct span children)
{
    struct child *child = context;
    const struct cel_frame_state told = {.name = state, .children = children, .meta = meta};
    enum celeriac_err code = cel_frame_add_state(&told, &child->out);

    if (code)
        write_anew(child);
    else
        send_out(child);
    return code;
}

/* Over a connection of the child's own. */
static enum celeriac_err send_tasks(void *context, const struct celeriac_send *sends, size_t count,
                                    char (*ids)[CELERIAC_TASK_ID_SIZE], struct strbuf *children,
                                    struct celeriac_error *err)
{
    const struct child *child = context;
    const struct cel_runtime *runtime = child->plan->runtime;
    const struct cel_client_parent parent = cel_task_parent(runtime, child->task.message);

    return cel_subtasks_send(runtime->subtasks, &parent, sends, count, ids, children, err);
}

static enum celeriac_err apply(void *context, const struct celeriac_signature *signature, char *id,
                               struct strbuf *children, struct celeriac_error *err)
{
    const struct child *child = context;
    const struct cel_runtime *runtime = child->plan->runtime;
    const struct cel_client_parent parent = cel_task_parent(runtime, child->task.message);

    return cel_subtasks_apply(runtime->subtasks, &parent, signature, id, children, err);
}

/* ---- tasks --------------------------------------------------------------------------------- */

static int64_t most_memory_kib(void)
{
    struct rusage usage;

    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_maxrss : 0;
}

/* A message that the worker could read and we cannot: memory is short. */
static void run_message(struct child *child, const struct cel_task_message *message,
                        int64_t soft_deadline_ns)
{
    const struct cel_task_definition *definition = NULL;

    cel_task_context_begin(&child->task, message, soft_deadline_ns);
    if (message)
        definition = cel_registry_find(child->plan->runtime->registry, message->task);
    if (definition)
        definition->run(&child->task, definition->user);
    else
        cel_outcome_fail(&child->task.outcome, SPAN("MemoryError"), SPAN("builtins"),
                         (struct span){0}, false);
}

static void answer(struct child *child)
{
    struct cel_outcome *outcome = &child->task.outcome;
    int64_t memory = most_memory_kib();

    if (cel_frame_add_outcome(outcome, memory, &child->out)) {
        write_anew(child);
        cel_outcome_fail(outcome, SPAN("MemoryError"), SPAN("builtins"), (struct span){0}, false);
        if (cel_frame_add_outcome(outcome, memory, &child->out))
            _exit(EXIT_BROKEN);
    }
    send_out(child);
}

static void serve(struct child *child)
{
    struct cel_frame frame;

    while (receive(child, &frame)) {
        struct cel_frame_request request;
        struct cel_task_message *message = NULL;

        child->said = false;
        cel_frame_add_plain(CEL_FRAME_BEGUN, &child->out);
        if (frame.kind != CEL_FRAME_REQUEST || cel_frame_read_request(frame.payload, &request))
            _exit(EXIT_BROKEN);
        if (cel_task_message_create(child->decoder, request.message, &message))
            message = NULL;
        run_message(child, message, request.soft_deadline_ns);
        answer(child);
        cel_task_message_destroy(message);
        shrink(&child->in);
        shrink(&child->out);
    }
}

_Noreturn void cel_child_main(const struct cel_child_plan *plan, int socket, pid_t parent)
{
    struct child child = {.plan = plan, .socket = socket};
    struct celeriac_error err = {0};

    become_child(parent);
    strbuf_init(&child.in, CEL_FRAME_MAX + READ_CHUNK);
    strbuf_init(&child.out, CEL_FRAME_HEADER + CEL_FRAME_OUTCOME_MAX);
    cel_task_context_init(&child.task, plan->stopping);
    child.host = (struct cel_task_host){
        .context = &child, .tell_state = tell_state, .send = send_tasks, .apply = apply};
    child.task.host = &child.host;
    if (cel_task_decoder_create(NULL, &child.decoder))
        _exit(EXIT_BROKEN);
    if (plan->start && plan->start(plan->user, &err)) {
        cel_frame_add_failed(span_of(err.text), &child.out);
        send_out(&child);
        _exit(EXIT_BROKEN);
    }
    say(&child, CEL_FRAME_READY);
    serve(&child);
    if (plan->stop)
        plan->stop(plan->user);
    log_debug("worker", "child process ends");
    _exit(EXIT_DONE);
}
