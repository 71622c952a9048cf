#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/iso8601.h"
#include "celery_proto/codec/envelope.h"
#include "celery_proto/codec/exception_doc.h"
#include "celery_proto/codec/keys.h"
#include "celery_proto/codec/result_doc.h"
#include "celery_proto/codec/task_message.h"
#include "tests/unit/codec/golden.h"

/* What the checks share. */
struct tools {
    const char *version;
    struct strbuf snapshot; /* its name */
    struct cel_keys *keys;
    struct cel_task_decoder *decoder;
    struct cel_envelope_reader reader;
    struct cel_result_reader results;
    struct strbuf value;
    struct strbuf text;
    struct strbuf out;
    struct strbuf key;
};

static void record(struct tools *t, bool pass, const char *what, const char *detail)
{
    golden_case(pass, detail, "state %s %s: %s", t->version, strbuf_text(&t->snapshot), what);
}

/* A member of a record as raw JSON; empty when it is absent. */
static struct span raw_member(const struct json_node *record, const char *name)
{
    const struct json_node *node = json_get(record, name);

    return node != NULL ? json_raw(node) : (struct span){NULL, 0};
}

static struct span text_member(const struct json_node *record, const char *name)
{
    struct span text = {NULL, 0};

    (void)json_peek_string(json_get(record, name), &text);
    return text;
}

/* The record with date_done in today's form: Celery up to 5.3 wrote no offset. */
static struct span with_offset(struct tools *t, struct span record, const struct cel_time *done)
{
    static const char before[] = "\"date_done\": \"";
    const char *at = memmem(record.ptr, record.len, before, sizeof(before) - 1);
    char text[ISO8601_MAX];
    const char *end;

    if (at == NULL)
        return record;
    at += sizeof(before) - 1;
    end = memchr(at, '"', record.len - (size_t)(at - record.ptr));
    assert_non_null(end);
    strbuf_clear(&t->text);
    strbuf_add(&t->text, record.ptr, (size_t)(at - record.ptr));
    strbuf_add(&t->text, text, iso8601_python(done->us, text));
    strbuf_add(&t->text, end, record.len - (size_t)(end - record.ptr));
    return strbuf_span(&t->text);
}

/* The exception in a record, read and written again. */
static void check_exception(struct tools *t, const struct json_node *result)
{
    struct cel_exception e;
    struct strbuf text;

    strbuf_init(&text, GOLDEN_TEXT_MAX);
    strbuf_clear(&t->out);
    if (cel_exception_read(result, &text, &e) != CELERIAC_OK ||
        cel_exception_write(&e, &t->out) != CELERIAC_OK)
        record(t, false, "exception", "cannot be read");
    else
        record(t, span_equal(strbuf_span(&t->out), json_raw(result)), "exception",
               golden_difference(strbuf_span(&t->out), json_raw(result)));
    strbuf_close(&text);
}

/* A result record, read and written again. */
static void check_record(struct tools *t, struct span key, struct span json)
{
    struct celeriac_error err = {.code = CELERIAC_OK};
    struct cel_result_view v;
    struct cel_result_extended extended;
    struct cel_result r;
    struct span wanted;

    if (cel_result_read(&t->results, json, &v, &err) != CELERIAC_OK) {
        record(t, false, "result", err.text);
        return;
    }
    extended = (struct cel_result_extended){.name = text_member(v.record, "name"),
                                            .args = raw_member(v.record, "args"),
                                            .kwargs = raw_member(v.record, "kwargs"),
                                            .worker = text_member(v.record, "worker"),
                                            .queue = text_member(v.record, "queue")};
    r = (struct cel_result){.state = v.state,
                            .status = v.status,
                            .task_id = v.task_id,
                            .result = json_raw(v.result),
                            .traceback = v.traceback,
                            .children = json_raw(v.children),
                            .children_null = json_is_null(v.children),
                            .date_done = v.date_done,
                            .group_id = v.group_id,
                            .parent_id = v.parent_id};
    if (json_get(v.record, "worker") != NULL) {
        assert_int_equal(json_int(json_get(v.record, "retries"), 0, 100, &extended.retries),
                         CELERIAC_OK);
        r.extended = &extended;
    }
    strbuf_clear(&t->out);
    cel_key_result(t->keys, v.task_id, &t->out);
    record(t, span_equal(strbuf_span(&t->out), key), "result key",
           golden_difference(strbuf_span(&t->out), key));
    strbuf_clear(&t->out);
    if (cel_result_write(&r, &t->out) != CELERIAC_OK) {
        record(t, false, "result", "cannot be written");
        return;
    }
    wanted = with_offset(t, json, &v.date_done);
    record(t, span_equal(strbuf_span(&t->out), wanted), "result",
           golden_difference(strbuf_span(&t->out), wanted));
    if (v.result->type == JSON_OBJECT && json_get(v.result, "exc_type") != NULL)
        check_exception(t, v.result);
    record(t, cel_result_peek_state(&t->results, json) == r.state, "state", "");
}

/* Messages that were made to be bad, by their snapshot, and why they are. */
static enum cel_refuse expected_refusal(const struct tools *t, const struct cel_task_message *m)
{
    if (strcmp(strbuf_text(&t->snapshot), "no id header") == 0)
        return CEL_REFUSE_ID;
    /* An orphan in `unacked`, made by hand with little more than a delivery tag. */
    if (strcmp(strbuf_text(&t->snapshot), "before") == 0 && m->content_type.len == 0)
        return CEL_REFUSE_CONTENT_TYPE;
    return CEL_REFUSE_NONE;
}

/* A message that waits, or came back: it can be run, and marking it again changes nothing. */
static void check_envelope(struct tools *t, struct span envelope)
{
    struct celeriac_error err = {.code = CELERIAC_OK};
    struct cel_task_message *m = NULL;

    assert_int_equal(cel_task_message_create(t->decoder, envelope, &m), CELERIAC_OK);
    record(t, m->refuse == expected_refusal(t, m), "message",
           m->refuse == CEL_REFUSE_NONE ? "" : m->refuse_text);
    if (m->redelivered) {
        /* Before kombu 5.2.3 only the header was marked. */
        bool both = memmem(m->properties.ptr, m->properties.len, "redelivered", 11) != NULL;

        strbuf_clear(&t->out);
        assert_int_equal(cel_envelope_mark_redelivered(&t->reader, envelope, &t->out, &err),
                         CELERIAC_OK);
        record(t, !both || span_equal(strbuf_span(&t->out), envelope), "redelivered",
               golden_difference(strbuf_span(&t->out), envelope));
    }
    cel_task_message_destroy(m);
}

/* A value of the `unacked` hash: [envelope, exchange, routing_key] under its delivery tag. */
static void check_unacked(struct tools *t, const struct json_node *field, struct span value)
{
    struct cel_task_message *m = NULL;
    struct json_doc doc;
    const struct json_node *array;

    json_init(&doc);
    assert_int_equal(json_parse(&doc, value, NULL, NULL), CELERIAC_OK);
    array = json_root(&doc);
    assert_int_equal(array->count, 3);
    check_envelope(t, json_raw(json_at(array, 0)));
    assert_int_equal(cel_task_message_create(t->decoder, json_raw(json_at(array, 0)), &m),
                     CELERIAC_OK);
    record(t, span_equal(golden_string(json_at(array, 1), &t->text), m->exchange), "exchange", "");
    record(t, span_equal(golden_string(json_at(array, 2), &t->text), m->routing_key), "routing key",
           "");
    record(t, span_equal(golden_string(field, &t->text), m->delivery_tag), "delivery tag", "");
    cel_task_message_destroy(m);
    json_close(&doc);
}

/* Lists of the broker that hold tasks: queues, not replies to remote control. */
static bool is_queue(struct span key)
{
    return memmem(key.ptr, key.len, "pidbox", 6) == NULL;
}

static void check_key(struct tools *t, const struct json_node *entry)
{
    struct span key = golden_string(json_get(entry, "key"), &t->key);
    const struct json_node *value = json_get(entry, "value");
    bool broker = json_raw(json_get(entry, "db")).ptr[0] == '0';

    if (span_starts(key, SPAN("celery-task-meta-"))) {
        check_record(t, key, golden_string(value, &t->value));
    } else if (broker && span_is(key, "unacked")) {
        for (const struct json_node *f = json_first(value); f != NULL;) {
            const struct json_node *v = json_next(value, f);

            check_unacked(t, f, golden_string(v, &t->value));
            f = json_next(value, v);
        }
    } else if (broker && json_string_is(json_get(entry, "type"), "list") && is_queue(key)) {
        for (const struct json_node *v = json_first(value); v != NULL; v = json_next(value, v))
            check_envelope(t, golden_string(v, &t->value));
    }
}

void golden_check_state(const char *version, const char *file)
{
    struct golden_file captured;
    const struct json_node *snapshots = json_get(golden_open(&captured, file), "snapshots");
    struct tools t = {.version = version};
    struct strbuf *buffers[] = {&t.snapshot, &t.value, &t.text, &t.out, &t.key};

    assert_true(snapshots->count > 0);
    assert_int_equal(cel_keys_create(NULL, &t.keys, NULL), CELERIAC_OK);
    assert_int_equal(cel_task_decoder_create(NULL, &t.decoder), CELERIAC_OK);
    cel_envelope_reader_init(&t.reader);
    cel_result_reader_init(&t.results);
    for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++)
        strbuf_init(buffers[i], CEL_ENVELOPE_MAX);
    for (const struct json_node *s = json_first(snapshots); s != NULL;
         s = json_next(snapshots, s)) {
        const struct json_node *entries = json_get(s, "redis");

        golden_string(json_get(s, "name"), &t.snapshot);
        for (const struct json_node *e = json_first(entries); e != NULL; e = json_next(entries, e))
            check_key(&t, e);
    }
    for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++)
        strbuf_close(buffers[i]);
    cel_result_reader_close(&t.results);
    cel_envelope_reader_close(&t.reader);
    cel_task_decoder_destroy(t.decoder);
    cel_keys_destroy(t.keys);
    golden_close(&captured);
}
