#include "celery_proto/codec/result_doc.h"

#include "base/iso8601.h"
#include "base/json_writer.h"
#include "celery_proto/codec/json_fields.h"
#include "celery_proto/codec/stored.h"

/* Longest record read: a Redis string of a size that no sane result reaches. */
#define RESULT_TEXT_MAX ((size_t)64 * 1024 * 1024)

/* Levels of a record that have nodes of their own; callers parse a result's value themselves. */
#define RESULT_KEEP_DEPTH 5

static const char *const state_names[] = {
    [CEL_STATE_PENDING] = "PENDING", [CEL_STATE_RECEIVED] = "RECEIVED",
    [CEL_STATE_STARTED] = "STARTED", [CEL_STATE_RETRY] = "RETRY",
    [CEL_STATE_SUCCESS] = "SUCCESS", [CEL_STATE_FAILURE] = "FAILURE",
    [CEL_STATE_REVOKED] = "REVOKED", [CEL_STATE_CUSTOM] = "",
};

const char *cel_state_name(enum cel_state state)
{
    return state >= CEL_STATE_PENDING && state < CEL_STATE_CUSTOM ? state_names[state] : "";
}

enum cel_state cel_state_of(struct span name)
{
    for (int s = CEL_STATE_PENDING; s < CEL_STATE_CUSTOM; s++) {
        if (span_is(name, state_names[s]))
            return (enum cel_state)s;
    }
    return CEL_STATE_CUSTOM;
}

bool cel_state_is_ready(enum cel_state state)
{
    return state == CEL_STATE_SUCCESS || state == CEL_STATE_FAILURE || state == CEL_STATE_REVOKED;
}

/* A string after some text, null when it is empty. */
static void add_text(struct strbuf *out, const char *before, struct span text)
{
    strbuf_add_text(out, before);
    if (text.len > 0)
        json_quote(out, text, JSON_STYLE_PYTHON);
    else
        strbuf_add_text(out, "null");
}

static void add_raw(struct strbuf *out, const char *before, struct span raw, const char *fallback)
{
    strbuf_add_text(out, before);
    if (raw.len > 0)
        strbuf_add_span(out, raw);
    else
        strbuf_add_text(out, fallback);
}

/* The traceback alone tells an empty text from none. */
static void add_traceback(struct strbuf *out, struct span traceback)
{
    strbuf_add_text(out, ", \"traceback\": ");
    if (traceback.ptr != NULL)
        json_quote(out, traceback, JSON_STYLE_PYTHON);
    else
        strbuf_add_text(out, "null");
}

static void add_date_done(struct strbuf *out, const struct cel_result *result)
{
    char text[ISO8601_MAX];

    add_text(out, ", \"date_done\": ",
             cel_state_is_ready(result->state)
                 ? (struct span){text, iso8601_python(result->date_done.us, text)}
                 : (struct span){NULL, 0});
}

static void add_extended(struct strbuf *out, const struct cel_result_extended *e)
{
    add_text(out, ", \"name\": ", e->name);
    add_raw(out, ", \"args\": ", e->args, "null");
    add_raw(out, ", \"kwargs\": ", e->kwargs, "null");
    add_text(out, ", \"worker\": ", e->worker);
    strbuf_add_text(out, ", \"retries\": ");
    strbuf_add_int(out, e->retries);
    add_text(out, ", \"queue\": ", e->queue);
    if (e->stamped_headers.len > 0 && e->stamps.len > 2) {
        struct span members = span_trim((struct span){e->stamps.ptr + 1, e->stamps.len - 2});

        if (members.len > 0) {
            add_raw(out, ", \"stamped_headers\": ", e->stamped_headers, "null");
            add_raw(out, ", ", members, "");
        }
    }
}

enum celeriac_err cel_result_write(const struct cel_result *result, struct strbuf *out)
{
    struct span status =
        result->state == CEL_STATE_CUSTOM ? result->status : span_of(cel_state_name(result->state));
    size_t start = out->len;
    enum celeriac_err code;

    if (result->task_id.len == 0 || status.len == 0 ||
        (cel_state_is_ready(result->state) && !result->date_done.set))
        return CELERIAC_ERR_VALUE;
    add_text(out, "{\"status\": ", status);
    add_raw(out, ", \"result\": ", result->result, "null");
    add_traceback(out, result->traceback);
    add_raw(out,
            ", \"children\": ", result->children_null ? (struct span){NULL, 0} : result->children,
            result->children_null ? "null" : "[]");
    add_date_done(out, result);
    if (result->group_id.len > 0)
        add_text(out, ", \"group_id\": ", result->group_id);
    if (result->parent_id.len > 0)
        add_text(out, ", \"parent_id\": ", result->parent_id);
    if (result->extended != NULL)
        add_extended(out, result->extended);
    add_text(out, ", \"task_id\": ", result->task_id);
    strbuf_add_char(out, '}');
    code = strbuf_status(out);
    if (code != CELERIAC_OK)
        strbuf_truncate(out, start);
    return code;
}

void cel_result_tuple_write(struct span task_id, struct strbuf *out)
{
    strbuf_add_text(out, "[[");
    json_quote(out, task_id, JSON_STYLE_PYTHON);
    strbuf_add_text(out, ", null], null]");
}

void cel_result_reader_init(struct cel_result_reader *reader)
{
    json_init(&reader->doc);
    strbuf_init(&reader->text, RESULT_TEXT_MAX);
    strbuf_init(&reader->plain, RESULT_TEXT_MAX);
}

void cel_result_reader_close(struct cel_result_reader *reader)
{
    json_close(&reader->doc);
    strbuf_close(&reader->text);
    strbuf_close(&reader->plain);
}

enum result_field {
    RESULT_STATUS,
    RESULT_RESULT,
    RESULT_TRACEBACK,
    RESULT_CHILDREN,
    RESULT_DATE_DONE,
    RESULT_GROUP_ID,
    RESULT_PARENT_ID,
    RESULT_TASK_ID,
    RESULT_FIELDS
};

static const struct cel_field_name result_names[RESULT_FIELDS] = {
    CEL_FIELD("status"),    CEL_FIELD("result"),   CEL_FIELD("traceback"), CEL_FIELD("children"),
    CEL_FIELD("date_done"), CEL_FIELD("group_id"), CEL_FIELD("parent_id"), CEL_FIELD("task_id")};

/* A string field; missing and null give an empty span with a NULL pointer. */
static enum celeriac_err read_text(struct cel_result_reader *reader,
                                   const struct json_node *const *fields, enum result_field which,
                                   struct span *text, struct celeriac_error *err)
{
    size_t start = reader->text.len;
    enum celeriac_err code;

    *text = (struct span){NULL, 0};
    if (json_is_null(fields[which]) || json_peek_string(fields[which], text))
        return CELERIAC_OK;
    /* Room for all strings at once, so that the buffer does not move. */
    if (start == 0 && strbuf_reserve(&reader->text, json_raw(json_root(&reader->doc)).len) == NULL)
        return strbuf_status(&reader->text);
    code = json_decode_string(fields[which], &reader->text);
    if (code == CELERIAC_ERR_VALUE)
        return celeriac_error_set(err, code, "%s: not a string", result_names[which].name);
    if (code == CELERIAC_OK)
        *text = (struct span){reader->text.ptr + start, reader->text.len - start};
    return code;
}

/* Parses the text and looks its fields up. */
static enum celeriac_err parse(struct cel_result_reader *reader, struct span stored,
                               const struct json_node **fields, struct celeriac_error *err)
{
    static const struct json_options options = {.keep_depth = RESULT_KEEP_DEPTH};
    struct span json;
    enum celeriac_err code;

    strbuf_clear(&reader->text);
    if (stored.len > RESULT_TEXT_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "result: larger than allowed");
    code = cel_stored_read(stored, RESULT_TEXT_MAX, &reader->plain, &json, err);
    if (code == CELERIAC_OK)
        code = json_parse(&reader->doc, json, &options, err);
    if (code != CELERIAC_OK)
        return code;
    if (json_root(&reader->doc)->type != JSON_OBJECT)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "result: not an object");
    cel_json_fields(json_root(&reader->doc), result_names, RESULT_FIELDS, fields);
    return CELERIAC_OK;
}

static enum celeriac_err read_view(struct cel_result_reader *reader,
                                   const struct json_node *const *fields, struct cel_result_view *v,
                                   struct celeriac_error *err)
{
    struct span date_done;
    enum celeriac_err code = read_text(reader, fields, RESULT_STATUS, &v->status, err);

    if (code == CELERIAC_OK && v->status.len == 0)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "status: missing");
    v->state = cel_state_of(v->status);
    if (code == CELERIAC_OK)
        code = read_text(reader, fields, RESULT_TRACEBACK, &v->traceback, err);
    if (code == CELERIAC_OK)
        code = read_text(reader, fields, RESULT_GROUP_ID, &v->group_id, err);
    if (code == CELERIAC_OK)
        code = read_text(reader, fields, RESULT_PARENT_ID, &v->parent_id, err);
    if (code == CELERIAC_OK)
        code = read_text(reader, fields, RESULT_TASK_ID, &v->task_id, err);
    if (code == CELERIAC_OK)
        code = read_text(reader, fields, RESULT_DATE_DONE, &date_done, err);
    if (code != CELERIAC_OK || date_done.len == 0)
        return code;
    if (iso8601_parse(date_done, &v->date_done.us) != CELERIAC_OK)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "date_done: no ISO 8601 time");
    v->date_done.set = true;
    return CELERIAC_OK;
}

enum celeriac_err cel_result_read(struct cel_result_reader *reader, struct span json,
                                  struct cel_result_view *view, struct celeriac_error *err)
{
    const struct json_node *fields[RESULT_FIELDS] = {NULL};
    struct cel_result_view v = {.state = CEL_STATE_PENDING};
    enum celeriac_err code = parse(reader, json, fields, err);

    if (code == CELERIAC_OK)
        code = read_view(reader, fields, &v, err);
    if (code != CELERIAC_OK)
        return celeriac_error_set(err, code, "%s", celeriac_err_name(code));
    v.record = json_root(&reader->doc);
    v.result = fields[RESULT_RESULT];
    v.children = fields[RESULT_CHILDREN];
    *view = v;
    return CELERIAC_OK;
}

enum cel_state cel_result_peek_state(struct cel_result_reader *reader, struct span json)
{
    const struct json_node *fields[RESULT_FIELDS] = {NULL};
    struct span status;

    if (parse(reader, json, fields, NULL) != CELERIAC_OK || fields[RESULT_STATUS] == NULL ||
        !json_peek_string(fields[RESULT_STATUS], &status))
        return CEL_STATE_PENDING;
    return cel_state_of(status);
}
