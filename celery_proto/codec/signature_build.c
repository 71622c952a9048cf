/* Building signatures: see celeriac/signature.h. A signature is its JSON text. */
#include "celeriac/signature.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/iso8601.h"
#include "base/json_writer.h"
#include "celery_proto/codec/envelope.h"
#include "celery_proto/codec/json_tree.h"
#include "celery_proto/codec/send_options.h"
#include "celery_proto/codec/signature.h"

struct celeriac_signature {
    char *json;
    size_t len;
};

static enum celeriac_err no_memory(struct celeriac_error *err, enum celeriac_err code)
{
    return celeriac_error_set(err, code, "signature: %s", celeriac_err_name(code));
}

/* Moves a text into a new signature; the buffer is closed. */
static enum celeriac_err make(struct strbuf *json, struct celeriac_signature **signature,
                              struct celeriac_error *err)
{
    struct celeriac_signature *s = mem_calloc(1, sizeof *s);
    enum celeriac_err code = s ? strbuf_take(json, &s->json, &s->len) : CELERIAC_ERR_MEMORY;

    strbuf_close(json);
    if (code) {
        mem_free(s);
        return no_memory(err, code);
    }
    *signature = s;
    return CELERIAC_OK;
}

void celeriac_signature_destroy(struct celeriac_signature *signature)
{
    if (!signature)
        return;
    mem_free(signature->json);
    mem_free(signature);
}

struct celeriac_bytes celeriac_signature_json(const struct celeriac_signature *signature)
{
    return (struct celeriac_bytes){.ptr = signature->json, .len = signature->len};
}

/* ---- one task ------------------------------------------------------------------------------ */

static void add_text(struct json_writer *w, const char *key, const char *text)
{
    if (!text)
        return;
    json_key(w, key);
    json_text(w, text);
}

static void add_raw(struct json_writer *w, const char *key, const char *raw)
{
    if (!raw)
        return;
    json_key(w, key);
    json_value(w, span_of(raw));
}

static void add_number(struct json_writer *w, const char *key, double number)
{
    if (number == 0)
        return;
    json_key(w, key);
    json_number(w, number);
}

static void add_time(struct json_writer *w, const char *key, int64_t us)
{
    char text[ISO8601_MAX];

    if (us == 0)
        return;
    (void)iso8601_python(us, text);
    add_text(w, key, text);
}

/* The members of the stamps, and the bracket that closes what they stand in. */
static enum celeriac_err write_stamps(const char *stamps_json, struct strbuf *options,
                                      struct celeriac_error *err)
{
    struct strbuf members;
    enum celeriac_err code;

    strbuf_init(&members, CEL_ENVELOPE_MAX);
    code = cel_send_options_stamp(stamps_json, &members, err);
    strbuf_add_text(options, options->len > 1 ? ", " : "");
    strbuf_add_span(options, strbuf_span(&members));
    strbuf_add_char(options, '}');
    strbuf_close(&members);
    return code ? code : strbuf_status(options);
}

static void add_options(struct json_writer *w, const struct celeriac_send *task)
{
    add_text(w, "task_id", task->id);
    add_text(w, "queue", task->queue);
    add_number(w, "countdown", (double)task->countdown_ms / 1000);
    add_time(w, "eta", task->eta_us);
    add_time(w, "expires", task->expires_us);
    if (task->priority != 0) {
        json_key(w, "priority");
        json_integer(w, task->priority);
    }
    if (task->ignore_result) {
        json_key(w, "ignore_result");
        json_boolean(w, true);
    }
    add_number(w, "time_limit", task->time_limit);
    add_number(w, "soft_time_limit", task->soft_time_limit);
    add_text(w, "shadow", task->shadow);
    add_raw(w, "headers", task->headers_json);
    add_raw(w, "link", task->link_json);
    add_raw(w, "link_error", task->link_error_json);
    add_text(w, "serializer", task->serializer);
    add_text(w, "compression", task->compression);
    add_text(w, "exchange", task->exchange);
    add_text(w, "routing_key", task->routing_key);
    add_text(w, "argsrepr", task->argsrepr);
    add_text(w, "kwargsrepr", task->kwargsrepr);
}

/* {members, stamps}: stamps stand among the options. */
static enum celeriac_err write_options(const struct celeriac_send *task, struct strbuf *options,
                                       struct celeriac_error *err)
{
    struct json_writer writer;
    enum celeriac_err code;

    json_writer_init(&writer, options, JSON_STYLE_PYTHON);
    json_begin_object(&writer);
    add_options(&writer, task);
    json_end_object(&writer);
    code = strbuf_status(options);
    if (code || !task->stamps_json || !*task->stamps_json)
        return code;
    strbuf_truncate(options, options->len - 1);
    return write_stamps(task->stamps_json, options, err);
}

/* What callers give as JSON must be JSON of its type. */
static enum celeriac_err check_raw(const char *raw, const char *field, const char *types,
                                   struct celeriac_error *err)
{
    static const struct json_options shallow = {.keep_depth = 1};
    struct celeriac_error why = {0};
    struct json_doc doc;
    enum celeriac_err code = CELERIAC_OK;

    if (!raw)
        return CELERIAC_OK;
    json_init(&doc);
    if (json_parse(&doc, span_of(raw), &shallow, &why))
        code = celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: %s", field, why.text);
    else if (*json_root(&doc)->ptr != types[0] && *json_root(&doc)->ptr != types[1])
        code = celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: has a wrong type", field);
    json_close(&doc);
    return code;
}

/* As for a task that is sent at once. */
static enum celeriac_err check_options(const struct celeriac_send *task, struct celeriac_error *err)
{
    struct cel_task_send fields = {0};
    struct cel_send_route route;
    struct strbuf stamped;
    enum celeriac_err code;

    strbuf_init(&stamped, CEL_ENVELOPE_MAX);
    code = cel_send_options_read(task, &fields, &route, &stamped, err);
    strbuf_close(&stamped);
    return code;
}

static enum celeriac_err check_task(const struct celeriac_send *task, struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;

    if (!task->task || !*task->task)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "task: is missing");
    if (task->unique_key)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "unique_key: not in a canvas");
    if (task->exchange_type)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "exchange_type: not in a canvas");
    code = check_options(task, err);
    if (code == CELERIAC_OK)
        code = check_raw(task->args_json, "args_json", "[[", err);
    if (code == CELERIAC_OK)
        code = check_raw(task->kwargs_json, "kwargs_json", "{{", err);
    if (code == CELERIAC_OK)
        code = check_raw(task->headers_json, "headers_json", "{{", err);
    if (code == CELERIAC_OK)
        code = check_raw(task->link_json, "link_json", "[{", err);
    if (code == CELERIAC_OK)
        code = check_raw(task->link_error_json, "link_error_json", "[{", err);
    return code;
}

enum celeriac_err celeriac_signature_create(const struct celeriac_send *task, bool immutable,
                                            struct celeriac_signature **signature,
                                            struct celeriac_error *err)
{
    struct strbuf options;
    struct strbuf json;
    enum celeriac_err code = check_task(task, err);

    if (code)
        return code;
    strbuf_init(&options, CEL_ENVELOPE_MAX);
    strbuf_init(&json, CEL_ENVELOPE_MAX);
    code = write_options(task, &options, err);
    if (code == CELERIAC_OK)
        cel_signature_write(span_of(task->task), span_of(task->args_json),
                            span_of(task->kwargs_json), strbuf_span(&options), immutable, &json);
    strbuf_close(&options);
    if (code) {
        strbuf_close(&json);
        return no_memory(err, code);
    }
    return make(&json, signature, err);
}

enum celeriac_err celeriac_signature_from_json(const char *json,
                                               struct celeriac_signature **signature,
                                               struct celeriac_error *err)
{
    struct cel_signature parsed;
    struct json_doc doc;
    struct strbuf copy;
    enum celeriac_err code;

    json_init(&doc);
    code = json_parse(&doc, span_of(json), NULL, err);
    if (code == CELERIAC_OK)
        code = cel_signature_read(json_root(&doc), &parsed, err);
    json_close(&doc);
    if (code)
        return code == CELERIAC_ERR_SYNTAX ? CELERIAC_ERR_VALUE : code;
    strbuf_init(&copy, CEL_ENVELOPE_MAX);
    strbuf_add_span(&copy, span_trim(span_of(json)));
    return make(&copy, signature, err);
}

/* ---- several ------------------------------------------------------------------------------- */

static void add_list(struct strbuf *json, struct celeriac_signature *const *list, size_t count)
{
    strbuf_add_char(json, '[');
    for (size_t i = 0; i < count; i++) {
        strbuf_add_text(json, i > 0 ? ", " : "");
        strbuf_add(json, list[i]->json, list[i]->len);
    }
    strbuf_add_char(json, ']');
}

static void add_head(struct strbuf *json, const char *task, const char *kwargs)
{
    strbuf_add_text(json, "{\"task\": \"");
    strbuf_add_text(json, task);
    strbuf_add_text(json, "\", \"args\": [], \"kwargs\": {");
    strbuf_add_text(json, kwargs);
}

static void add_tail(struct strbuf *json, const char *type)
{
    strbuf_add_text(json, "}, \"options\": {}, \"subtask_type\": \"");
    strbuf_add_text(json, type);
    strbuf_add_text(json, "\", \"immutable\": false}");
}

enum celeriac_err celeriac_signature_chain(struct celeriac_signature *const *steps, size_t count,
                                           struct celeriac_signature **signature,
                                           struct celeriac_error *err)
{
    struct strbuf json;

    if (count == 0)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "a chain has at least one step");
    strbuf_init(&json, CEL_ENVELOPE_MAX);
    add_head(&json, "celery.chain", "\"tasks\": ");
    add_list(&json, steps, count);
    add_tail(&json, "chain");
    return make(&json, signature, err);
}

enum celeriac_err celeriac_signature_group(struct celeriac_signature *const *tasks, size_t count,
                                           struct celeriac_signature **signature,
                                           struct celeriac_error *err)
{
    struct strbuf json;

    strbuf_init(&json, CEL_ENVELOPE_MAX);
    add_head(&json, "celery.group", "\"tasks\": ");
    add_list(&json, tasks, count);
    add_tail(&json, "group");
    return make(&json, signature, err);
}

enum celeriac_err celeriac_signature_chord(struct celeriac_signature *const *header, size_t count,
                                           const struct celeriac_signature *body,
                                           struct celeriac_signature **signature,
                                           struct celeriac_error *err)
{
    struct strbuf json;

    strbuf_init(&json, CEL_ENVELOPE_MAX);
    add_head(&json, "celery.chord", "\"kwargs\": {}, \"header\": ");
    add_list(&json, header, count);
    strbuf_add_text(&json, ", \"body\": ");
    strbuf_add(&json, body->json, body->len);
    add_tail(&json, "chord");
    return make(&json, signature, err);
}

/* ---- links --------------------------------------------------------------------------------- */

static enum celeriac_err add_link(struct celeriac_signature *signature, const char *name,
                                  const struct celeriac_signature *other)
{
    struct cel_tree *tree = NULL;
    struct cel_value *sig, *options, *list;
    struct span json;
    char *text;
    enum celeriac_err code = cel_tree_create(&tree);

    if (code)
        return code;
    sig = cel_tree_raw(tree, (struct span){signature->json, signature->len});
    options = cel_value_get(tree, sig, "options");
    list = cel_value_get(tree, options, name);
    if (!cel_value_is_array(list)) {
        struct cel_value *only = cel_value_is_object(list) ? list : NULL;

        list = cel_tree_array(tree);
        cel_value_append(tree, list, only);
        cel_value_set(tree, options, name, list);
    }
    cel_value_append(tree, list, cel_tree_raw(tree, (struct span){other->json, other->len}));
    json = cel_value_json(tree, sig);
    code = cel_tree_status(tree);
    text = code ? NULL : mem_dup_span(json);
    if (text) {
        mem_free(signature->json);
        signature->json = text;
        signature->len = json.len;
    }
    cel_tree_destroy(tree);
    return code ? code : (text ? CELERIAC_OK : CELERIAC_ERR_MEMORY);
}

enum celeriac_err celeriac_signature_link(struct celeriac_signature *signature,
                                          const struct celeriac_signature *callback)
{
    return add_link(signature, "link", callback);
}

enum celeriac_err celeriac_signature_link_error(struct celeriac_signature *signature,
                                                const struct celeriac_signature *errback)
{
    return add_link(signature, "link_error", errback);
}
