#include "notify/store/page.h"

void store_page_init(struct store_page *page, uint32_t limit)
{
    *page = (struct store_page){.after = {.created_at_us = STORE_NO_TIME},
                                .created_after_us = STORE_NO_TIME,
                                .created_before_us = STORE_NO_TIME,
                                .limit = limit};
}

enum celeriac_err store_page_check(const struct store_page *page, struct celeriac_error *err)
{
    if (page->limit > STORE_LIST_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "limit: more than %d", STORE_LIST_MAX);
    return CELERIAC_OK;
}
