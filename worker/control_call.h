/*
 * One remote command on its way through its handler. Handlers run on the control thread, one at a
 * time; they read arguments and write one JSON value as their answer.
 */
#ifndef WORKER_CONTROL_CALL_H
#define WORKER_CONTROL_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/json_writer.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "worker/control.h"
#include "worker/control_queues.h"
#include "worker/runtime.h"

/*
 * Most requests that one answer lists, and most bytes of it. A worker may hold 65,536 messages of
 * any size; who asks reads the whole answer.
 */
#define CEL_CONTROL_LIST_MAX 10000
#define CEL_CONTROL_ANSWER_MAX ((size_t)16 * 1024 * 1024)

struct cel_mailbox;

/* What handlers work on. */
struct cel_control_view {
    struct cel_runtime *runtime;
    const struct cel_control_options *options;
    struct cel_control_queues *queues; /* consumed now */
    struct cel_mailbox *mailbox;
    int64_t started_ns; /* monotonic time of the worker's start */
    bool beat_wanted;   /* set by `heartbeat` */
};

/* One call. */
struct cel_control_call {
    struct cel_control_view *view;
    const char *command;               /* its name in the table */
    const struct json_node *arguments; /* an object, or NULL */
    struct json_writer answer;         /* writes to *out */
    struct strbuf *out;
    bool silent; /* set by a command that is never answered */
};

/* A handler: reads the call's arguments and writes its answer. */
typedef void cel_control_fn(struct cel_control_call *call);

/* One command. */
struct cel_control_command {
    const char *name;
    const char *alias; /* NULL: none */
    cel_control_fn *run;
    const char *required; /* argument without which Python raises TypeError; NULL: none */
    const char *allowed;  /* all arguments, separated by ' '; NULL: any */
};

/* The tables, each ends with a row whose name is NULL. */
extern const struct cel_control_command cel_control_inspect[];
extern const struct cel_control_command cel_control_stats[];
extern const struct cel_control_command cel_control_actions[];
extern const struct cel_control_command cel_control_revoking[];

/* Answers {"ok": text} and {"error": text}. */
void cel_control_ok(struct cel_control_call *call, const char *text);
void cel_control_nok(struct cel_control_call *call, const char *text);

/* Answers {"error": "Type('text')"}, as for an exception of a builtin type; drops what was written.
 */
void cel_control_raise(struct cel_control_call *call, const char *type, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* An argument, or NULL when it was not given. */
const struct json_node *cel_control_argument(const struct cel_control_call *call, const char *name);

/*
 * A text argument, decoded into `text` (cleared first). False when it was not given, is null, or is
 * no string; `text` is then empty.
 */
bool cel_control_text(const struct cel_control_call *call, const char *name, struct strbuf *text);

#endif
