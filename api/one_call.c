#include "api/one_call.h"

#include "base/clock.h"
#include "notify/store/store.h"

/* How long the database is waited for, and how long the call may take. */
#define READY_WAIT_NS (10 * NS_PER_SEC)
#define CALL_WAIT_NS (10 * NS_PER_SEC)

enum celeriac_err api_one_call(const struct api_options *options, const char *application_name,
                               struct store_call *call, struct celeriac_error *err)
{
    const struct store_options store_options = {
        .server = {.keywords = options->notify.database.keywords,
                   .values = options->notify.database.values},
        .application_name = application_name,
        .connections = 1};
    struct store *store = NULL;
    enum celeriac_err rc = store_create(&store_options, &store, err);

    if (rc == CELERIAC_OK)
        rc = store_wait_ready(store, READY_WAIT_NS, err);
    if (rc == CELERIAC_OK) {
        call->deadline_ns = clock_monotonic_ns() + CALL_WAIT_NS;
        rc = store_run(store, call);
        if (rc != CELERIAC_OK)
            (void)celeriac_error_set(err, rc, "%s", call->error.text);
    }
    store_destroy(store);
    return rc;
}
