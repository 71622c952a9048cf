#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/iso8601.h"
#include "base/parse_num.h"
#include "celery_proto/codec/body.h"
#include "celery_proto/codec/envelope.h"
#include "celery_proto/codec/keys.h"
#include "celery_proto/codec/priority.h"
#include "celery_proto/codec/pyrepr.h"
#include "celery_proto/codec/task_message.h"
#include "celery_proto/codec/task_send.h"
#include "tests/unit/codec/golden.h"

/* One captured envelope and where it was. */
struct captured {
    const char *version;
    char scenario[64];
    size_t number;   /* within the scenario */
    struct span key; /* the list it was in */
    struct span envelope;
    const struct json_node *decoded; /* the body as Python decoded it, a string, or NULL */
};

/* What the checks share. */
struct tools {
    struct cel_keys *keys;
    struct cel_task_decoder *decoder;
    struct cel_envelope_reader reader;
    struct strbuf scratch;
    struct strbuf body;
    struct strbuf out;
    struct strbuf repr[2];
    struct strbuf text;
};

static void record(const struct captured *c, bool pass, const char *what, const char *detail)
{
    golden_case(pass, detail, "publish %s %s[%zu] %s", c->version, c->scenario, c->number, what);
}

/* A property that kombu writes as a decimal string. */
static int64_t expiration_of(const struct json_node *properties)
{
    struct span text;
    int64_t ms = -1;

    if (json_peek_string(json_get(properties, "expiration"), &text))
        assert_int_equal(parse_int64(text, 0, INT64_MAX, &ms), CELERIAC_OK);
    return ms;
}

/* Any version's envelope, taken apart and written again, is the same bytes. */
static void check_envelope(struct tools *t, const struct captured *c)
{
    struct celeriac_error err = {.code = CELERIAC_OK};
    struct cel_envelope e;
    struct cel_envelope_fields f = {.has_expiration = false};
    enum cel_refuse cause;
    int64_t mode;

    strbuf_clear(&t->out);
    strbuf_clear(&t->body);
    if (cel_envelope_read(&t->reader, c->envelope, &e, &cause, &err) != CELERIAC_OK ||
        cel_body_decode(e.body, e.body_encoding, CEL_COMPRESSION_NONE, CEL_BODY_MAX, &t->scratch,
                        &t->body, &cause, &err) != CELERIAC_OK) {
        record(c, false, "envelope", err.text);
        return;
    }
    assert_int_equal(json_int(json_get(e.properties, "delivery_mode"), 1, 2, &mode), CELERIAC_OK);
    f = (struct cel_envelope_fields){.body = strbuf_span(&t->body),
                                     .content_type = e.content_type,
                                     .content_encoding = e.content_encoding,
                                     .headers =
                                         e.headers != NULL ? json_raw(e.headers) : SPAN("{}"),
                                     .correlation_id = e.correlation_id,
                                     .reply_to = e.reply_to,
                                     .delivery_mode = (int)mode,
                                     .exchange = e.exchange,
                                     .routing_key = e.routing_key,
                                     .priority = e.priority,
                                     .delivery_tag = e.delivery_tag};
    f.expiration_ms = expiration_of(e.properties);
    f.has_expiration = f.expiration_ms >= 0;
    /* A priority beyond the range is served as 9 but written as it is. */
    if (strcmp(c->scenario, "priority_10") == 0)
        f.priority = 10;
    if (cel_envelope_write(&f, &t->out, &err) != CELERIAC_OK)
        record(c, false, "envelope", err.text);
    else
        record(c, span_equal(strbuf_span(&t->out), c->envelope), "envelope",
               golden_difference(strbuf_span(&t->out), c->envelope));
}

/* The message lies in the list that its priority says. */
static void check_list(struct tools *t, const struct captured *c, const struct cel_task_message *m)
{
    int step = cel_priority_step(cel_keys_steps(t->keys), m->priority);

    if (m->exchange.len > 0)
        return;
    strbuf_clear(&t->out);
    cel_key_queue(t->keys, m->routing_key, step, &t->out);
    record(c,
           span_equal(strbuf_span(&t->out), c->key) &&
               span_equal(cel_queue_of_key(t->keys, c->key), m->routing_key),
           "list", golden_difference(strbuf_span(&t->out), c->key));
}

/* A message marked for redelivery, as kombu spells the two flags. */
static void check_redelivered(struct tools *t, const struct captured *c)
{
    static const char after_headers[] = "}, \"properties\": {";
    static const char after_delivery[] = "}, \"priority\": ";
    const char *headers =
        memmem(c->envelope.ptr, c->envelope.len, after_headers, sizeof(after_headers) - 1);
    const char *delivery =
        memmem(c->envelope.ptr, c->envelope.len, after_delivery, sizeof(after_delivery) - 1);
    const char *end = c->envelope.ptr + c->envelope.len;
    struct celeriac_error err = {.code = CELERIAC_OK};

    assert_true(headers != NULL && delivery != NULL && headers < delivery);
    strbuf_clear(&t->text);
    strbuf_add(&t->text, c->envelope.ptr, (size_t)(headers - c->envelope.ptr));
    strbuf_add_text(&t->text,
                    headers[-1] == '{' ? "\"redelivered\": true" : ", \"redelivered\": true");
    strbuf_add(&t->text, headers, (size_t)(delivery - headers));
    strbuf_add_text(&t->text, ", \"redelivered\": true");
    strbuf_add(&t->text, delivery, (size_t)(end - delivery));
    strbuf_clear(&t->out);
    if (cel_envelope_mark_redelivered(&t->reader, c->envelope, &t->out, &err) != CELERIAC_OK)
        record(c, false, "redelivered", err.text);
    else
        record(c, span_equal(strbuf_span(&t->out), strbuf_span(&t->text)), "redelivered",
               golden_difference(strbuf_span(&t->out), strbuf_span(&t->text)));
}

/* What the message says, as a new message to send. The reprs are made unless given. */
static struct cel_task_send send_of(const struct cel_task_message *m, struct span properties)
{
    struct cel_task_send send = {.task = m->task,
                                 .id = m->id,
                                 .delivery_tag = m->delivery_tag,
                                 .routing_key = m->routing_key,
                                 .exchange = m->exchange,
                                 .reply_to = m->reply_to,
                                 .origin = m->origin,
                                 .args = m->args,
                                 .kwargs = m->kwargs,
                                 .eta = m->eta,
                                 .expires = m->expires,
                                 .retries = m->retries,
                                 .time_limit = m->time_limit,
                                 .soft_time_limit = m->soft_time_limit,
                                 .priority = m->priority,
                                 .shadow = m->shadow,
                                 .ignore_result = m->ignore_result == CEL_TRUE,
                                 .root_id = m->root_id,
                                 .parent_id = m->parent_id,
                                 .group = m->group,
                                 .has_group_index = m->has_group_index,
                                 .group_index = m->group_index,
                                 .callbacks = m->callbacks,
                                 .errbacks = m->errbacks,
                                 .chain = m->chain,
                                 .chord = m->chord,
                                 .replaced_task_nesting = m->replaced_task_nesting,
                                 .stamped_headers = m->stamped_headers,
                                 .stamps = m->stamps,
                                 .compression = m->compression.len > 0 ? CEL_COMPRESSION_ZLIB
                                                                       : CEL_COMPRESSION_NONE};
    struct json_doc doc;
    int64_t number;

    json_init(&doc);
    assert_int_equal(json_parse(&doc, properties, NULL, NULL), CELERIAC_OK);
    if (m->expires.set)
        send.now_us = m->expires.us - expiration_of(json_root(&doc)) * 1000;
    if (json_int(json_get(json_root(&doc), "priority"), 0, 100, &number) == CELERIAC_OK)
        send.priority = (int)number;
    json_close(&doc);
    return send;
}

/*
 * The repr of a capture is what its arguments were in Python, which JSON cannot always tell: tuples
 * within, lists in place of tuples, dates. Then it is given, as an application may give it.
 */
static bool choose_repr(struct span json, bool as_tuple, struct span wanted, struct strbuf *made,
                        struct span *given)
{
    strbuf_clear(made);
    assert_int_equal(cel_pyrepr(json, as_tuple, CEL_PYREPR_MAX, made), CELERIAC_OK);
    if (span_equal(strbuf_span(made), wanted))
        return true;
    *given = wanted;
    return false;
}

/* The only header that a client's own headers add in the captures. */
static struct span own_headers(const struct cel_task_message *m)
{
    static const char custom[] = "\"x-custom\": \"v\"";

    return memmem(m->headers.ptr, m->headers.len, custom, sizeof(custom) - 1) != NULL
               ? SPAN("{\"x-custom\": \"v\"}")
               : (struct span){NULL, 0};
}

static bool same_text(struct span a, struct span b)
{
    return span_equal(a, b);
}

static bool same_time(const struct cel_time *a, const struct cel_time *b)
{
    return a->set == b->set && (!a->set || a->us == b->us);
}

/* The first field in which two messages differ; "" when there is none. */
static const char *different_field(const struct cel_task_message *a,
                                   const struct cel_task_message *b)
{
    const struct {
        const char *name;
        struct span a, b;
    } texts[] = {
        {"task", a->task, b->task},
        {"id", a->id, b->id},
        {"args", a->args, b->args},
        {"kwargs", a->kwargs, b->kwargs},
        {"shadow", a->shadow, b->shadow},
        {"parent_id", a->parent_id, b->parent_id},
        {"group", a->group, b->group},
        {"callbacks", a->callbacks, b->callbacks},
        {"errbacks", a->errbacks, b->errbacks},
        {"chain", a->chain, b->chain},
        {"chord", a->chord, b->chord},
        {"reply_to", a->reply_to, b->reply_to},
        {"exchange", a->exchange, b->exchange},
        {"routing_key", a->routing_key, b->routing_key},
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (!same_text(texts[i].a, texts[i].b))
            return texts[i].name;
    }
    if (!same_time(&a->eta, &b->eta) || !same_time(&a->expires, &b->expires))
        return "eta or expires";
    if (a->retries != b->retries || a->has_group_index != b->has_group_index ||
        a->group_index != b->group_index)
        return "retries or group_index";
    if (a->priority != b->priority)
        return "priority";
    return "";
}

/* Written again as a 5.6 message: for 5.6 the same bytes, for others the same meaning. */
static void check_task(struct tools *t, const struct captured *c, const struct cel_task_message *m)
{
    struct celeriac_error err = {.code = CELERIAC_OK};
    struct cel_task_send send = send_of(m, m->properties);
    struct cel_task_message *again = NULL;
    bool made = true;

    if (m->protocol == CEL_PROTOCOL_2) {
        made = choose_repr(m->args, true, m->argsrepr, &t->repr[0], &send.argsrepr) && made;
        made = choose_repr(m->kwargs, false, m->kwargsrepr, &t->repr[1], &send.kwargsrepr) && made;
    }
    send.headers = own_headers(m);
    strbuf_clear(&t->out);
    if (cel_task_send_write(&send, &t->scratch, &t->out, &err) != CELERIAC_OK) {
        record(c, false, "task", err.text);
        return;
    }
    if (strcmp(c->version, "5.6.3") == 0 && m->protocol == CEL_PROTOCOL_2) {
        const char *difference = golden_difference(strbuf_span(&t->out), c->envelope);

        record(c, difference[0] == '\0', "task",
               difference[0] != '\0' ? difference
               : made                ? "same bytes"
                                     : "same bytes, repr given");
        return;
    }
    assert_int_equal(cel_task_message_create(t->decoder, strbuf_span(&t->out), &again),
                     CELERIAC_OK);
    record(c, again->refuse == CEL_REFUSE_NONE && different_field(m, again)[0] == '\0', "task",
           again->refuse != CEL_REFUSE_NONE ? again->refuse_text : different_field(m, again));
    cel_task_message_destroy(again);
}

/* Read as a task: what Python's worker of default settings accepts, and nothing else. */
static void check_message(struct tools *t, const struct captured *c)
{
    struct cel_task_message *m = NULL;
    bool json = strncmp(c->scenario, "serializer_", 11) != 0;

    assert_int_equal(cel_task_message_create(t->decoder, c->envelope, &m), CELERIAC_OK);
    record(c, m->refuse == (json ? CEL_REFUSE_NONE : CEL_REFUSE_CONTENT_TYPE), "message",
           m->refuse_text);
    check_list(t, c, m);
    if (m->refuse == CEL_REFUSE_NONE && c->decoded != NULL) {
        struct span wanted = golden_string(c->decoded, &t->text);

        record(c, span_equal(m->body, wanted), "body", golden_difference(m->body, wanted));
    }
    if (m->refuse == CEL_REFUSE_NONE)
        check_task(t, c, m);
    cel_task_message_destroy(m);
}

static void check_scenario(struct tools *t, const char *version, const struct json_node *scenario)
{
    const struct json_node *keys = json_get(scenario, "redis");
    const struct json_node *decoded = json_get(scenario, "decoded_bodies");
    struct captured c = {.version = version};
    struct strbuf name, key, envelope;

    strbuf_init(&name, sizeof(c.scenario) - 1);
    strbuf_init(&key, GOLDEN_TEXT_MAX);
    strbuf_init(&envelope, GOLDEN_TEXT_MAX);
    golden_string(json_get(scenario, "name"), &name);
    memcpy(c.scenario, strbuf_text(&name), name.len + 1);
    for (const struct json_node *k = json_first(keys); k != NULL; k = json_next(keys, k)) {
        const struct json_node *values = json_get(k, "value");

        if (!json_string_is(json_get(k, "type"), "list"))
            continue;
        c.key = golden_string(json_get(k, "key"), &key);
        for (const struct json_node *v = json_first(values); v != NULL; v = json_next(values, v)) {
            c.envelope = golden_string(v, &envelope);
            c.decoded = json_at(decoded, (uint32_t)c.number);
            check_envelope(t, &c);
            check_redelivered(t, &c);
            check_message(t, &c);
            c.number++;
        }
    }
    strbuf_close(&name);
    strbuf_close(&key);
    strbuf_close(&envelope);
}

void golden_check_publish(const char *version, const char *file)
{
    struct golden_file captured;
    const struct json_node *scenarios = json_get(golden_open(&captured, file), "scenarios");
    struct tools t = {.keys = NULL};
    struct strbuf *buffers[] = {&t.scratch, &t.body, &t.out, &t.repr[0], &t.repr[1], &t.text};

    assert_int_equal(scenarios->count, 51);
    assert_int_equal(cel_keys_create(NULL, &t.keys, NULL), CELERIAC_OK);
    assert_int_equal(cel_task_decoder_create(NULL, &t.decoder), CELERIAC_OK);
    cel_envelope_reader_init(&t.reader);
    for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++)
        strbuf_init(buffers[i], CEL_ENVELOPE_MAX);
    for (const struct json_node *s = json_first(scenarios); s != NULL; s = json_next(scenarios, s))
        check_scenario(&t, version, s);
    for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++)
        strbuf_close(buffers[i]);
    cel_envelope_reader_close(&t.reader);
    cel_task_decoder_destroy(t.decoder);
    cel_keys_destroy(t.keys);
    golden_close(&captured);
}
