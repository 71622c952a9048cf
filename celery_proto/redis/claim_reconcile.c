#include "celery_proto/redis/claim_reconcile.h"

#include "celery_proto/redis/claim_state.h"
#include "celery_proto/redis/restore.h"

int64_t cel_claim_reconcile_due(struct cel_claimer *claimer, int64_t now_ns)
{
    uint64_t generation = cel_conn_generation(claimer->conn);
    if (claimer->compared == generation)
        return claimer->compare_again_ns;
    /* On its first connection a worker holds what it has just claimed and nothing else. */
    if (claimer->compared == 0) {
        claimer->compared = generation;
        claimer->compare_again_ns = INT64_MAX;
        return INT64_MAX;
    }
    return now_ns;
}

enum celeriac_err cel_claim_reconcile(struct cel_claimer *claimer, const struct hashmap *tags,
                                      int64_t now_ns, size_t *restored, struct celeriac_error *err)
{
    struct cel_restorer *restorer = NULL;
    struct cel_restore_report report = {0};
    uint64_t generation = cel_conn_generation(claimer->conn);
    size_t count = 0;
    enum celeriac_err code = cel_restorer_create(claimer->keys, &restorer);
    if (code != CELERIAC_OK)
        return celeriac_error_set(err, code, "no memory to compare what is held");
    while (code == CELERIAC_OK && !report.is_over) {
        code =
            cel_restore_forgotten(restorer, claimer->conn, claimer->worker_id, tags, &report, err);
        count += report.restored;
    }
    cel_restorer_destroy(restorer);
    if (code != CELERIAC_OK)
        return code;
    claimer->compare_again_ns =
        claimer->compared == generation ? INT64_MAX : now_ns + CEL_RECONCILE_AGAIN_NS;
    claimer->compared = generation;
    *restored = count;
    return CELERIAC_OK;
}
