/*
 * POST /v1/notify/batch/: each item is validated by itself; those that are valid are inserted in
 * one transaction and published in one round trip.
 */
#include <stdatomic.h>
#include <stdio.h>

#include "api/batch_templates.h"
#include "api/handlers.h"
#include "api/idempotency.h"
#include "api/notify_item.h"
#include "api/python_value.h"
#include "api/reply.h"
#include "api/trace_context.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"

#define FIELD_NAME "notifications"

/* The array and its items; what is in an item its own body shows. */
#define ARRAY_KEEP_DEPTH 2

/* One item on its way. */
struct batch_item {
    struct body body;
    struct notify_item item;
    unsigned status;          /* of its answer; 0: in order so far */
    struct strbuf answer;     /* the document of its problem */
    struct template_ask *ask; /* for its template; NULL: it has none */
};

struct batch {
    struct json_doc array;
    struct batch_item *items;
    size_t count;
    size_t accepted; /* items with a row */
    bool repeated;   /* a template was deleted in between, once */
    struct batch_templates templates;
    struct store_new_notification *rows;
    struct notify_publication *publications;
    size_t publication_count;
    struct store_find_answer repeat;
    struct store_insert_batch insert;
    struct strbuf answer;
};

static void release_batch(void *state)
{
    struct batch *b = state;

    store_call_release(&b->repeat.call);
    store_call_release(&b->insert.call);
    batch_templates_close(&b->templates);
    for (size_t i = 0; i < b->count; i++) {
        notify_item_close(&b->items[i].item);
        strbuf_close(&b->items[i].answer);
        body_close(&b->items[i].body);
    }
    mem_free(b->items);
    mem_free(b->rows);
    mem_free(b->publications);
    strbuf_close(&b->answer);
    json_close(&b->array);
}

/* ---- answer -------------------------------------------------------------------------------- */

static void write_answer(const struct batch *b, struct strbuf *out)
{
    struct json_writer w;

    json_writer_init(&w, out, JSON_STYLE_DRF);
    json_begin_object(&w);
    json_key(&w, "accepted");
    json_integer(&w, (int64_t)b->accepted);
    json_key(&w, "rejected");
    json_integer(&w, (int64_t)(b->count - b->accepted));
    json_key(&w, "results");
    json_begin_array(&w);
    for (size_t i = 0; i < b->count; i++) {
        const struct batch_item *item = &b->items[i];

        json_begin_object(&w);
        json_key(&w, "status");
        json_integer(&w, item->status == 0 ? 202 : item->status);
        json_key(&w, "body");
        if (item->status == 0)
            notify_item_write(&item->item, &w);
        else
            json_value(&w, strbuf_span(&item->answer));
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
}

/* Whether memory was short for an item's answer. */
static bool is_answer_lost(const struct batch_item *item)
{
    return item->status == 503 || strbuf_status(&item->answer) != CELERIAC_OK;
}

/* ---- insertion ----------------------------------------------------------------------------- */

static void find_templates(struct api_call *call, struct batch *b);

/* On the store's thread, right after the commit. */
static void publish(struct api_call *call)
{
    const struct batch *b = call->state;

    if (b->insert.idempotency.repeat == STORE_REPEAT_NONE)
        notify_enqueue_publish(call->api->enqueue, b->publications, b->publication_count);
}

static void on_inserted(struct api_call *call)
{
    struct batch *b = call->state;
    enum celeriac_err rc = b->insert.call.error.code;

    if (rc == CELERIAC_ERR_VALUE && b->templates.count > 0 && !b->repeated) {
        /* A template was deleted in the meantime: who used it hears so, the others go on. */
        b->repeated = true;
        find_templates(call, b);
        return;
    }
    if (rc != CELERIAC_OK) {
        reply_store_failure(call, &b->insert.call.error);
        return;
    }
    if (idempotency_reply(call, &b->insert.idempotency))
        return;
    strbuf_add_span(&call->response->body, strbuf_span(&b->answer));
    strbuf_close(&b->answer);
    reply_document(call, 202);
}

static void reply_none(struct api_call *call, const struct batch *b)
{
    write_answer(b, &call->response->body);
    if (reply_fits(call))
        reply_document(call, 400);
}

static void insert(struct api_call *call, struct batch *b)
{
    strbuf_close(&b->answer);
    strbuf_init(&b->answer, STORE_ANSWER_MAX);
    write_answer(b, &b->answer);
    if (strbuf_status(&b->answer) == CELERIAC_ERR_LIMIT) {
        reply_detail(call, 413,
                     "The answer would be too long; send fewer notifications at a time.");
        return;
    }
    if (strbuf_status(&b->answer) != CELERIAC_OK) {
        reply_later(call);
        return;
    }
    /* Once they are inserted it must be told. */
    if (!http_hold(call->http, b->answer.cap)) {
        reply_later(call);
        return;
    }
    store_call_release(&b->insert.call);
    store_insert_batch_init(&b->insert, &call->who.tenant_id);
    b->insert.rows = b->rows;
    b->insert.count = b->accepted;
    if (b->repeat.idempotency.key.len > 0) {
        b->insert.idempotency.key = b->repeat.idempotency.key;
        b->insert.idempotency.digest = b->repeat.idempotency.digest;
        b->insert.idempotency.document = strbuf_span(&b->answer);
    }
    call_submit_store(call, &b->insert.call, CALL_STORE_NS, on_inserted, publish);
}

/* Takes over what was found of an item's template, and makes its row. */
static void make_row(struct api_call *call, struct batch *b, struct batch_item *item,
                     int64_t now_us)
{
    int64_t template_id = 0;

    if (item->ask && !template_ask_found(item->ask, &template_id)) {
        item->status = notify_item_no_template(&item->item, &item->answer);
        return;
    }
    item->status = notify_item_make_row(&item->item, template_id, now_us,
                                        call->api->settings->send_at_horizon_us, &item->answer);
    if (item->status != 0)
        return;
    if (call_is_simulated(call))
        notify_item_simulate(&item->item);
    item->item.row.headers = call_headers(call);
    b->rows[b->accepted++] = item->item.row;
    if (notify_item_publication(&item->item, &b->publications[b->publication_count]))
        b->publication_count++;
}

static void make_rows(struct api_call *call, struct batch *b)
{
    int64_t now_us = clock_wall_us();

    b->accepted = 0;
    b->publication_count = 0;
    for (size_t i = 0; i < b->count; i++) {
        if (b->items[i].status == 0)
            make_row(call, b, &b->items[i], now_us);
        if (is_answer_lost(&b->items[i])) {
            reply_later(call);
            return;
        }
    }
    if (b->accepted == 0)
        reply_none(call, b);
    else
        insert(call, b);
}

/* ---- templates ----------------------------------------------------------------------------- */

static void on_templates(struct api_call *call)
{
    struct batch *b = call->state;
    const struct celeriac_error *error = batch_templates_error(&b->templates);

    if (error)
        reply_store_failure(call, error);
    else
        make_rows(call, b);
}

static void find_templates(struct api_call *call, struct batch *b)
{
    batch_templates_close(&b->templates);
    if (batch_templates_init(&b->templates, b->count) != CELERIAC_OK) {
        reply_later(call);
        return;
    }
    for (size_t i = 0; i < b->count; i++) {
        struct batch_item *item = &b->items[i];

        if (item->status == 0)
            item->ask = batch_templates_add(&b->templates, &item->item);
    }
    if (b->templates.count == 0)
        make_rows(call, b);
    else
        batch_templates_find(&b->templates, call, on_templates);
}

/* ---- request ------------------------------------------------------------------------------- */

/* The array of the request, or NULL: a reply has been made, in the words of DRF's ListField. */
static const struct json_node *find_array(struct api_call *call)
{
    const struct json_node *root =
        call->body.kind == BODY_JSON ? json_root(&call->body.json) : NULL;
    const struct json_node *array = json_get(root, FIELD_NAME);
    char message[96];

    if (root && root->type != JSON_OBJECT) {
        (void)snprintf(message, sizeof message, "Invalid data. Expected a dictionary, but got %s.",
                       raw_type_name(root));
        reply_problem(call, PROBLEMS_NO_FIELD, message);
        return NULL;
    }
    if (!array) {
        reply_problem(call, FIELD_NAME, "This field is required.");
        return NULL;
    }
    if (array->type == JSON_ARRAY)
        return array;
    (void)snprintf(message, sizeof message, "Expected a list of items but got type \"%s\".",
                   raw_type_name(array));
    reply_problem(call, FIELD_NAME,
                  array->type == JSON_NULL ? "This field may not be null." : message);
    return NULL;
}

static bool make_room(struct batch *b, size_t count)
{
    b->items = mem_calloc(count, sizeof *b->items);
    b->rows = mem_calloc(count, sizeof *b->rows);
    b->publications = mem_calloc(count, sizeof *b->publications);
    return b->items && b->rows && b->publications;
}

/* Reads one item; false when memory is short. */
static bool read_item(struct batch_item *item, const struct json_node *node, int64_t now_us)
{
    body_init(&item->body);
    strbuf_init(&item->answer, HTTP_RESPONSE_MAX);
    if (body_parse_json(&item->body, json_raw(node), NULL) != CELERIAC_OK)
        return false; /* the text was parsed before, so only memory can be the reason */
    item->status = notify_item_read(&item->item, &item->body, now_us, &item->answer);
    return !is_answer_lost(item);
}

/* Reads the items; false: a reply has been made. */
static bool read_items(struct api_call *call, struct batch *b)
{
    const struct json_options options = {.keep_depth = ARRAY_KEEP_DEPTH, .strict = true};
    const struct json_node *array = find_array(call);
    int64_t now_us = clock_wall_us();
    size_t count;

    if (!array)
        return false;
    count = array->count;
    if (count == 0) {
        reply_problem(call, FIELD_NAME, "This list may not be empty.");
        return false;
    }
    if (count > STORE_BATCH_INSERT_MAX) {
        reply_problem(call, FIELD_NAME, "Ensure this field has no more than 1000 elements.");
        return false;
    }
    if (!make_room(b, count) ||
        json_parse(&b->array, json_raw(array), &options, NULL) != CELERIAC_OK) {
        reply_later(call);
        return false;
    }
    array = json_root(&b->array);
    for (const struct json_node *e = json_first(array); e; e = json_next(array, e)) {
        if (!read_item(&b->items[b->count++], e, now_us)) {
            reply_later(call);
            return false;
        }
    }
    return true;
}

static void begin(struct api_call *call)
{
    find_templates(call, call->state);
}

/* A batch costs as much as its items one by one; one of them was counted with the request. */
static void count_items(struct api_call *call)
{
    const struct batch *b = call->state;

    if (b->count > 1)
        call_check_rate(call, b->count - 1, begin);
    else
        begin(call);
}

static void on_repeat(struct api_call *call)
{
    struct batch *b = call->state;

    if (b->repeat.call.error.code != CELERIAC_OK)
        reply_store_failure(call, &b->repeat.call.error);
    else if (!idempotency_reply(call, &b->repeat.idempotency))
        count_items(call);
}

static const struct member batch_members[] = {
    {.name = FIELD_NAME,
     .shape = SHAPE_OBJECT,
     .schema = &notify_request_schema,
     .is_list = true,
     .help = "1 to 1,000 of them"},
    {.name = NULL},
};
static const struct schema batch_schema = {
    .name = "NewNotifications", .help = "What to send to whom", .members = batch_members};

static const struct member result_members[] = {
    {.name = "status", .shape = SHAPE_INTEGER, .help = "Of the answer to this one by itself"},
    {.name = "body", .shape = SHAPE_ANY, .help = "The document of that answer"},
    {.name = NULL},
};
static const struct schema result_schema = {
    .name = "BatchResult", .help = "What became of one notification", .members = result_members};

static const struct member answer_members[] = {
    {.name = "accepted", .shape = SHAPE_INTEGER, .help = "How many will be sent"},
    {.name = "rejected", .shape = SHAPE_INTEGER, .help = "How many will not"},
    {.name = "results",
     .shape = SHAPE_OBJECT,
     .schema = &result_schema,
     .is_list = true,
     .help = "One for each, in their order"},
    {.name = NULL},
};
static const struct schema answer_schema = {
    .name = "BatchAnswer", .help = "What became of a batch", .members = answer_members};

const struct description about_notify_batch = {
    .id = "sendNotifications",
    .group = "Notifications",
    .text = "Each is validated by itself. Those in order are stored in one transaction, and sent "
            "soon after. Against a limit of rate a batch counts as many requests as it has items.",
    .parameters = {IDEMPOTENCY_PARAMETER, TRACE_PARAMETERS},
    .request = &batch_schema,
    .answers = {{.status = 202, .schema = &answer_schema, .help = "At least one was accepted"},
                {.status = 400, .schema = &answer_schema, .help = "None was accepted"},
                {.status = 400, .schema = &refusal_schema, .help = "The Idempotency-Key is no key"},
                IDEMPOTENCY_CONFLICT},
};

void handle_notify_batch(struct api_call *call)
{
    struct batch *b = call_state(call, sizeof *b, release_batch);

    if (!b)
        return;
    store_find_answer_init(&b->repeat, &call->who.tenant_id);
    if (!idempotency_read(call, &b->repeat.idempotency) || !call_parse_body(call) ||
        !read_items(call, b))
        return;
    if (b->repeat.idempotency.key.len > 0)
        call_submit_store(call, &b->repeat.call, CALL_STORE_NS, on_repeat, NULL);
    else
        count_items(call);
}
