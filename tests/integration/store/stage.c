#include "tests/integration/store/stage.h"

struct store *store;
struct uuid tenant;

struct store_page *newest(uint32_t limit)
{
    static struct store_page page;
    store_page_init(&page, limit);
    return &page;
}

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
