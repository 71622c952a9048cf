#include "tests/integration/store/stage.h"

struct store *store;
struct uuid tenant;

int stage_set_up(void **state)
{
    (void)database_set_up(state);
    store = database_store(NULL);
    tenant = database_tenant();
    return 0;
}

int stage_tear_down(void **state)
{
    (void)state;
    store_destroy(store);
    return 0;
}
