#include "tests/integration/store/stage.h"

struct store *store;
struct store *sender;
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

int stage_set_up_sender(void **state)
{
    (void)stage_set_up(state);
    sender = database_sender(NULL, NULL);
    return 0;
}

int stage_tear_down_sender(void **state)
{
    store_destroy(sender);
    return stage_tear_down(state);
}
