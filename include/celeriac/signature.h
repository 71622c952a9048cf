/*
 * Canvases: tasks put together before they are sent, as Celery's signatures, chains, groups and
 * chords. Build them from the inside out, send the outermost with celeriac_client_apply().
 *
 *     celeriac_signature_create(&add, false, &steps[0], &err);
 *     celeriac_signature_create(&mul, false, &steps[1], &err);
 *     celeriac_signature_chain(steps, 2, &chain, &err);
 *     celeriac_client_apply(client, chain, id, &err);
 *
 * What is put into another signature is copied and stays the caller's.
 *
 * Threads: a signature is used by one thread at a time, also to send it; signatures know nothing of
 * each other.
 */
#ifndef CELERIAC_SIGNATURE_H
#define CELERIAC_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>

#include "celeriac/bytes.h"
#include "celeriac/client.h"
#include "celeriac/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct celeriac_signature;

/*
 * One task, with the options of celeriac_client_send() except unique_key and exchange_type.
 * immutable: it takes no result of the step before (Python's si()). CELERIAC_ERR_VALUE names the
 * bad field; _MEMORY. The caller destroys it.
 */
CELERIAC_PUBLIC enum celeriac_err celeriac_signature_create(
    const struct celeriac_send *task, bool immutable, struct celeriac_signature **signature,
    struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* A signature of any kind as Celery serialises it (JSON text). CELERIAC_ERR_VALUE, _MEMORY. */
CELERIAC_PUBLIC enum celeriac_err celeriac_signature_from_json(
    const char *json, struct celeriac_signature **signature,
    struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Releases it; signature may be NULL. */
CELERIAC_PUBLIC void celeriac_signature_destroy(struct celeriac_signature *signature);

/* Steps one after the other, each with the result of the one before in front of its arguments. */
CELERIAC_PUBLIC enum celeriac_err celeriac_signature_chain(
    struct celeriac_signature *const *steps, size_t count, struct celeriac_signature **signature,
    struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Tasks side by side. */
CELERIAC_PUBLIC enum celeriac_err celeriac_signature_group(
    struct celeriac_signature *const *tasks, size_t count, struct celeriac_signature **signature,
    struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Tasks side by side, and then body with the list of their results. */
CELERIAC_PUBLIC enum celeriac_err celeriac_signature_chord(
    struct celeriac_signature *const *header, size_t count, const struct celeriac_signature *body,
    struct celeriac_signature **signature, struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Adds a callback on success, or on failure. CELERIAC_ERR_MEMORY. */
CELERIAC_PUBLIC enum celeriac_err celeriac_signature_link(struct celeriac_signature *signature,
                                                          const struct celeriac_signature *callback)
    CELERIAC_MUST_CHECK;
CELERIAC_PUBLIC enum celeriac_err celeriac_signature_link_error(
    struct celeriac_signature *signature,
    const struct celeriac_signature *errback) CELERIAC_MUST_CHECK;

/* Its JSON text, NUL-terminated; borrowed until it changes or goes. */
CELERIAC_PUBLIC struct celeriac_bytes celeriac_signature_json(
    const struct celeriac_signature *signature);

/*
 * Sends a canvas. id (may be NULL, else CELERIAC_TASK_ID_SIZE bytes) gets the id of the task whose
 * result is that of the whole: the last step, the body; for a group the group's id. Unlike
 * celeriac_client_send() a lost connection may leave a part of the canvas sent. Errors as there.
 */
CELERIAC_PUBLIC enum celeriac_err celeriac_client_apply(
    struct celeriac_client *client, const struct celeriac_signature *signature, char *id,
    struct celeriac_error *err) CELERIAC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
