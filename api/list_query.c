#include "api/list_query.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/problems.h"
#include "api/python_value.h"
#include "api/reply.h"
#include "base/iso8601.h"
#include "base/parse_num.h"

void list_query_init(struct list_query *query)
{
    form_init(&query->form);
    store_page_init(&query->page, LIST_LIMIT_DEFAULT);
    query->is_paged = false;
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
    enum celeriac_err rc = python_int(text, &digits);
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

/* "1795379186823977.ff0c...": microseconds, then the id. False when it is none of ours. */
static bool read_cursor(struct list_query *query)
{
    struct span text = list_query_filter(query, "cursor");
    struct span time, id;

    query->is_paged = form_find(&query->form, "cursor");
    if (text.len == 0)
        return true;
    return span_cut(text, '.', &time, &id) &&
           parse_int64(time, ISO8601_MIN_US, ISO8601_MAX_US, &query->page.after.created_at_us) ==
               CELERIAC_OK &&
           uuid_parse(id, &query->page.after.id) == CELERIAC_OK;
}

/* An empty filter is none, as an empty ?status= is. */
static bool read_time(const struct list_query *query, const char *name, int64_t *us)
{
    struct span text = list_query_filter(query, name);

    return text.len == 0 || iso8601_parse(text, us) == CELERIAC_OK;
}

/* The filters by time, in the words of Django's form field. False: a reply has been made. */
static bool read_times(struct api_call *call, struct list_query *query)
{
    const char *wrong = NULL;

    if (!read_time(query, "created_after", &query->page.created_after_us))
        wrong = "created_after";
    else if (!read_time(query, "created_before", &query->page.created_before_us))
        wrong = "created_before";
    if (wrong)
        reply_problem(call, wrong, "Enter a valid date/time.");
    return !wrong;
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
        rc = read_limit(form_value(&query->form, limit), &query->page.limit, &problem);
    if (rc == CELERIAC_ERR_MEMORY)
        reply_later(call);
    else if (rc != CELERIAC_OK)
        reply_detail(call, 400, err.text);
    else if (problem)
        reply_problem(call, "limit", problem);
    if (rc != CELERIAC_OK || problem)
        return false;
    if (!read_cursor(query)) {
        reply_detail(call, 404, "Invalid cursor");
        return false;
    }
    return read_times(call, query);
}

struct span list_query_filter(const struct list_query *query, const char *name)
{
    const struct form_field *field = form_find(&query->form, name);

    return field ? form_value(&query->form, field) : SPAN("");
}

void list_begin(struct api_call *call, struct json_writer *w, const struct list_query *query)
{
    document_begin(call, w);
    if (query->is_paged) {
        json_begin_object(w);
        json_key(w, "results");
    }
    json_begin_array(w);
}

void list_end(struct api_call *call, struct json_writer *w, const struct list_query *query,
              const struct store_cursor *next)
{
    char id[UUID_SIZE], text[UUID_SIZE + 24];

    json_end_array(w);
    if (query->is_paged) {
        json_key(w, "next_cursor");
        if (next && next->created_at_us != STORE_NO_TIME) {
            uuid_format(&next->id, id);
            (void)snprintf(text, sizeof text, "%" PRId64 ".%s", next->created_at_us, id);
            json_text(w, text);
        } else {
            json_null(w);
        }
        json_end_object(w);
    }
    reply_document(call, 200);
}
