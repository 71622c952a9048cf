#include "worker/chord_join.h"

#include "base/alloc.h"
#include "base/json.h"
#include "celery_proto/codec/exception_doc.h"
#include "celery_proto/codec/json_tree.h"
#include "celery_proto/codec/result_doc.h"
#include "celery_proto/codec/stored.h"

/* Groups within groups. */
#define GROUP_DEPTH_MAX 40

/* Why a body is not called whose part nobody understands. */
#define UNREADABLE_PART "Join error: ValueError('a part cannot be read')"

/* repr() of an exception object, as Python shows the exception that it reads from it. */
static enum celeriac_err add_exception(const struct json_node *object, struct strbuf *out)
{
    struct cel_exception exception = {0};
    struct strbuf text;
    enum celeriac_err code;

    strbuf_init(&text, CEL_JOIN_MAX);
    code = cel_exception_read(object, &text, &exception);
    if (code == CELERIAC_OK)
        cel_exception_repr(&exception, out);
    else if (code == CELERIAC_ERR_VALUE)
        strbuf_add_span(out, json_raw(object));
    strbuf_close(&text);
    return code == CELERIAC_ERR_MEMORY ? code : strbuf_status(out);
}

static bool has_failed(const struct json_node *state)
{
    return json_string_is(state, "FAILURE") || json_string_is(state, "REVOKED");
}

/* One part, decompressed. */
static enum celeriac_err add_part(struct span document, bool is_first, struct strbuf *results,
                                  struct strbuf *why)
{
    struct json_doc doc;
    const struct json_node *root;
    const struct json_node *id;
    enum celeriac_err code;

    json_init(&doc);
    code = json_parse(&doc, document, NULL, NULL);
    root = json_root(&doc);
    if (code == CELERIAC_ERR_MEMORY) {
        json_close(&doc);
        return code;
    }
    if (code || root->type != JSON_ARRAY || root->count != 4) {
        strbuf_add_text(why, UNREADABLE_PART);
    } else if (has_failed(json_at(root, 2))) {
        id = json_at(root, 1);
        strbuf_add_text(why, "Dependency ");
        if (json_decode_string(id, why))
            strbuf_add_span(why, json_raw(id));
        strbuf_add_text(why, " raised ");
        if (add_exception(json_at(root, 3), why) == CELERIAC_ERR_MEMORY)
            strbuf_add_text(why, "an exception");
    } else {
        strbuf_add_text(results, is_first ? "" : ", ");
        strbuf_add_span(results, json_raw(json_at(root, 3)));
    }
    json_close(&doc);
    return strbuf_status(results) ? strbuf_status(results) : strbuf_status(why);
}

enum celeriac_err cel_chord_add_part(struct span document, bool is_first, struct strbuf *results,
                                     struct strbuf *why)
{
    struct strbuf plain;
    struct span text;
    enum celeriac_err code;

    strbuf_init(&plain, CEL_JOIN_MAX);
    code = cel_stored_read(document, CEL_JOIN_MAX, &plain, &text, NULL);
    if (code == CELERIAC_OK) {
        code = add_part(text, is_first, results, why);
    } else if (code != CELERIAC_ERR_MEMORY) {
        strbuf_add_text(why, UNREADABLE_PART);
        code = strbuf_status(why);
    }
    strbuf_close(&plain);
    return code;
}

/* ---- headers with groups ------------------------------------------------------------------- */

struct cel_group_join {
    struct cel_tree *tree;
    char *record;                         /* the tree points into it */
    struct cel_value *tuple;              /* structure of the header */
    struct span ids[CEL_CHORD_PARTS_MAX]; /* of one MGET */
    struct span *all_ids;
    struct span *documents; /* results, in the order of the ids; NULL pointer: not there yet */
    size_t count, cap;
};

/* Collects the tasks of a result tuple [[id, parent], children or null] in order. */
static enum celeriac_err collect(struct cel_group_join *j, struct cel_value *tuple, unsigned depth)
{
    struct cel_value *children = cel_value_at(j->tree, tuple, 1);
    enum celeriac_err code = CELERIAC_OK;

    if (depth > GROUP_DEPTH_MAX)
        return CELERIAC_ERR_LIMIT;
    if (cel_value_is_array(children)) {
        for (size_t i = 0; code == CELERIAC_OK && i < cel_value_count(j->tree, children); i++)
            code = collect(j, cel_value_at(j->tree, children, i), depth + 1);
        return code;
    }
    if (j->count == CEL_JOIN_TASKS_MAX)
        return CELERIAC_ERR_LIMIT;
    if (j->count == j->cap) {
        size_t cap = j->cap ? j->cap * 2 : 64;
        struct span *larger = mem_resize(j->all_ids, cap, sizeof *larger);

        if (!larger)
            return CELERIAC_ERR_MEMORY;
        j->all_ids = larger;
        j->cap = cap;
    }
    j->all_ids[j->count++] =
        cel_value_text(j->tree, cel_value_at(j->tree, cel_value_at(j->tree, tuple, 0), 0));
    return cel_tree_status(j->tree);
}

/* Appends the structure of a tuple, taking results one after the other. */
static void write_structure(const struct cel_group_join *j, struct cel_value *tuple, size_t *next,
                            struct strbuf *out)
{
    struct cel_value *children = cel_value_at(j->tree, tuple, 1);

    if (!cel_value_is_array(children)) {
        strbuf_add_span(out, j->documents[(*next)++]);
        return;
    }
    strbuf_add_char(out, '[');
    for (size_t i = 0; i < cel_value_count(j->tree, children); i++) {
        if (i > 0)
            strbuf_add_text(out, ", ");
        write_structure(j, cel_value_at(j->tree, children, i), next, out);
    }
    strbuf_add_char(out, ']');
}

/* What a stored record says: its result into *result, or why its task has failed. */
static enum celeriac_err read_record(struct cel_tree *tree, struct span record, struct span *result,
                                     bool *is_ready, struct strbuf *why)
{
    struct cel_result_reader reader;
    struct cel_result_view view;
    enum celeriac_err code;

    cel_result_reader_init(&reader);
    code = cel_result_read(&reader, record, &view, NULL);
    *is_ready = code == CELERIAC_OK && cel_state_is_ready(view.state);
    if (*is_ready && view.state != CEL_STATE_SUCCESS && strbuf_span(why).len == 0) {
        strbuf_add_text(why, "Join error: ");
        code = view.result ? add_exception(view.result, why) : CELERIAC_OK;
    } else if (*is_ready) {
        /* The record goes away with its reply; the tree keeps a copy. */
        struct cel_value *value =
            cel_tree_raw(tree, view.result ? json_raw(view.result) : SPAN("null"));
        struct cel_value *list = cel_tree_array(tree);

        cel_value_append(tree, list, value);
        *result = cel_value_json(tree, list);
        if (result->len >= 2)
            *result = (struct span){result->ptr + 1, result->len - 2};
    }
    cel_result_reader_close(&reader);
    return code == CELERIAC_ERR_MEMORY ? code : cel_tree_status(tree);
}

/* A copy of the record's text, which the tree points into. */
static enum celeriac_err keep_record(struct cel_group_join *j, struct span record,
                                     struct span *kept)
{
    struct strbuf plain;
    enum celeriac_err code;

    strbuf_init(&plain, CEL_JOIN_MAX);
    code = cel_stored_read(record, CEL_JOIN_MAX, &plain, kept, NULL);
    if (code == CELERIAC_OK && !(j->record = mem_dup_span(*kept)))
        code = CELERIAC_ERR_MEMORY;
    kept->ptr = j->record;
    strbuf_close(&plain);
    return code;
}

enum celeriac_err cel_group_join_create(struct span record, struct cel_group_join **join,
                                        struct celeriac_error *err)
{
    struct cel_group_join *j = mem_calloc(1, sizeof *j);
    enum celeriac_err code = j ? cel_tree_create(&j->tree) : CELERIAC_ERR_MEMORY;
    struct span text;

    if (code == CELERIAC_OK)
        code = keep_record(j, record, &text);
    if (code == CELERIAC_OK) {
        j->tuple = cel_value_get(j->tree, cel_tree_raw(j->tree, text), "result");
        code = collect(j, j->tuple, 0);
        if (code == CELERIAC_OK && !cel_value_is_array(cel_value_at(j->tree, j->tuple, 1)))
            code = CELERIAC_ERR_SYNTAX;
    }
    if (code == CELERIAC_OK && !(j->documents = mem_calloc(j->count + 1, sizeof *j->documents)))
        code = CELERIAC_ERR_MEMORY;
    if (code == CELERIAC_OK) {
        *join = j;
        return CELERIAC_OK;
    }
    cel_group_join_destroy(j);
    if (code == CELERIAC_ERR_LIMIT)
        return celeriac_error_set(err, code, "a header of more than %d tasks, or %d groups deep",
                                  CEL_JOIN_TASKS_MAX, GROUP_DEPTH_MAX);
    return celeriac_error_set(err, code,
                              code == CELERIAC_ERR_MEMORY ? "no memory for a chord"
                                                          : "a group cannot be read");
}

void cel_group_join_destroy(struct cel_group_join *join)
{
    if (!join)
        return;
    cel_tree_destroy(join->tree);
    mem_free(join->record);
    mem_free(join->all_ids);
    mem_free(join->documents);
    mem_free(join);
}

enum celeriac_err cel_group_join_look(struct cel_group_join *join, struct cel_chord_store *store,
                                      size_t *missing, struct strbuf *why,
                                      struct celeriac_error *err)
{
    size_t places[CEL_CHORD_PARTS_MAX];
    enum celeriac_err code = CELERIAC_OK;
    size_t left = 0;
    size_t i = 0;

    while (code == CELERIAC_OK && i < join->count) {
        struct redisReply *reply = NULL;
        size_t count = 0;

        for (; i < join->count && count < CEL_CHORD_PARTS_MAX; i++)
            if (!join->documents[i].ptr) {
                places[count] = i;
                join->ids[count++] = join->all_ids[i];
            }
        if (count == 0)
            break;
        code = cel_chord_read_results(store, join->ids, count, &reply, err);
        for (size_t k = 0; code == CELERIAC_OK && k < count; k++) {
            struct span record = cel_reply_span(cel_reply_at(reply, k));
            bool is_ready = false;

            if (record.len > 0)
                code = read_record(join->tree, record, &join->documents[places[k]], &is_ready, why);
            left += is_ready ? 0 : 1;
        }
        cel_reply_destroy(reply);
    }
    if (code == CELERIAC_OK)
        *missing = left;
    return code;
}

enum celeriac_err cel_group_join_write(const struct cel_group_join *join, struct strbuf *results)
{
    size_t next = 0;

    write_structure(join, join->tuple, &next, results);
    return strbuf_status(results);
}

/* ---- headers of tasks ---------------------------------------------------------------------- */

struct span cel_chord_group(const struct redisReply *outcome)
{
    return cel_reply_span(cel_reply_at(outcome, 0));
}

enum celeriac_err cel_chord_join(const struct redisReply *outcome, struct strbuf *results,
                                 struct strbuf *why)
{
    enum celeriac_err code = CELERIAC_OK;

    strbuf_add_char(results, '[');
    for (size_t i = 1; code == CELERIAC_OK && i < cel_reply_count(outcome); i++) {
        code = cel_chord_add_part(cel_reply_span(cel_reply_at(outcome, i)), i == 1, results, why);
        if (strbuf_span(why).len > 0)
            break;
    }
    strbuf_add_char(results, ']');
    return code ? code : strbuf_status(results);
}
