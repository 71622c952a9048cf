/*
 * The operator's side of remote control: a request to workers and what they answer (kombu/pidbox.py
 * Mailbox._broadcast). One thread.
 */
#ifndef CLI_MAILBOX_H
#define CLI_MAILBOX_H

#include "cli/cli.h"

/* One request. */
struct cli_request {
    struct span method;
    struct span arguments; /* JSON object */
};

/* What is called with each answer, as JSON text; both are borrowed. */
typedef enum celeriac_err cli_answer_fn(void *context, struct span node, struct span answer,
                                        struct celeriac_error *err);

/*
 * Sends a request to all workers, or those of --destination, and gathers answers for --timeout, or
 * until each destination has answered. *heard counts the workers that were reached.
 */
enum celeriac_err cli_ask(struct cli *cli, const struct cli_request *request, cli_answer_fn *answer,
                          void *context, size_t *heard,
                          struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
