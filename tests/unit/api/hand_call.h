/*
 * A call that was made by hand: what a handler sees, without a server, a store or a socket. One at
 * a time; steps that other threads post are run by hand_call_run(). Fails the running test when it
 * cannot do its work.
 */
#ifndef TESTS_UNIT_API_HAND_CALL_H
#define TESTS_UNIT_API_HAND_CALL_H

#include "api/call.h"

/* Makes a call of GET /things/ with that query ("" for none), as DRF's style has it. */
struct api_call *hand_call_create(struct api *api, const char *query);

/* Releases it; may be repeated. */
void hand_call_destroy(void);

/* Waits for the next step and runs it. */
void hand_call_run(void);

/* The answer: its status and document, and the value of a header (NULL: not there). */
unsigned hand_call_status(void);
const char *hand_call_body(void);
const char *hand_call_header(const char *name);

#endif
