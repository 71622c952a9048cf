#include "api/list_query.h"

#include "api/problems.h"
#include "api/python_value.h"
#include "api/reply.h"
#include "base/parse_num.h"

void list_query_init(struct list_query *query)
{
    form_init(&query->form);
    query->limit = LIST_LIMIT_DEFAULT;
}

void list_query_close(struct list_query *query)
{
    form_close(&query->form);
}

/*
 * Sets *limit, or *problem to what is wrong with it, in DRF's words. CELERIAC_ERR_MEMORY.
 */
static enum celeriac_err read_limit(struct span text, uint32_t *limit, const char **problem)
{
    struct strbuf digits;
    int64_t number;

    strbuf_init(&digits, text.len + 1);
    enum celeriac_err rc = python_integer(text, &digits);
    if (rc == CELERIAC_ERR_MEMORY) {
        strbuf_close(&digits);
        return rc;
    }
    if (rc != CELERIAC_OK)
        *problem = "A valid integer is required.";
    else if (strbuf_text(&digits)[0] == '-')
        *problem = "Ensure this value is greater than or equal to 0.";
    else if (parse_int64(strbuf_span(&digits), 0, LIST_LIMIT_MAX, &number) == CELERIAC_OK)
        *limit = (uint32_t)number;
    else
        *limit = LIST_LIMIT_MAX;
    strbuf_close(&digits);
    return CELERIAC_OK;
}

bool list_query_read(struct api_call *call, struct list_query *query)
{
    struct celeriac_error err = {0};
    const struct form_field *limit;
    const char *problem = NULL;
    enum celeriac_err rc =
        form_add_urlencoded(&query->form, call->request->query, CHARSET_UTF8, &err);

    limit = rc == CELERIAC_OK ? form_find(&query->form, "limit") : NULL;
    if (limit)
        rc = read_limit(form_value(&query->form, limit), &query->limit, &problem);
    if (rc == CELERIAC_ERR_MEMORY)
        reply_later(call);
    else if (rc != CELERIAC_OK)
        reply_detail(call, 400, err.text);
    else if (problem)
        reply_problem(call, "limit", problem);
    return rc == CELERIAC_OK && !problem;
}

struct span list_query_filter(const struct list_query *query, const char *name)
{
    const struct form_field *field = form_find(&query->form, name);

    return field ? form_value(&query->form, field) : SPAN("");
}
