#include <poll.h>

#include "base/clock.h"
#include "base/iso8601.h"
#include "base/json.h"
#include "celery_proto/codec/body.h"
#include "celery_proto/codec/envelope.h"
#include "celery_proto/codec/event.h"
#include "celery_proto/codec/keys.h"
#include "celery_proto/redis/pubsub.h"
#include "cli/cli.h"

/* Silence after which the connection is asked whether it lives. */
#define CHECK_NS (2 * NS_PER_SEC)

#define NAME_MAX_BYTES ((size_t)16 * 1024)

/* What goes on while events come. */
struct listening {
    struct cli *cli;
    struct cel_envelope_reader reader;
    struct strbuf body, scratch;
    struct json_doc doc;
};

static void add_field(struct strbuf *out, const char *label, const struct json_node *node)
{
    if (json_is_null(node))
        return;
    strbuf_add_text(out, label);
    if (node->type != JSON_STRING || json_decode_string(node, out))
        strbuf_add_span(out, json_raw(node));
}

static void show_event(struct cli *cli, const struct json_node *event)
{
    static const char *const fields[] = {"name",      "uuid",   "runtime",
                                         "exception", "active", "processed"};
    static const char *const labels[] = {
        " name=", " uuid=", " runtime=", " exception=", " active=", " processed="};
    char date[ISO8601_MAX];
    double seconds = 0;

    if (cli->json) {
        strbuf_add_span(&cli->out, json_raw(event));
        strbuf_add_char(&cli->out, '\n');
        return;
    }
    add_field(&cli->out, "", json_get(event, "hostname"));
    if (json_get(event, "timestamp") &&
        json_double(json_get(event, "timestamp"), &seconds) == CELERIAC_OK && seconds > 0 &&
        seconds < 253402300799.0) {
        size_t len = iso8601_python((int64_t)(seconds * 1e6), date);

        strbuf_add_text(&cli->out, " [");
        strbuf_add(&cli->out, date, len);
        strbuf_add_char(&cli->out, ']');
    }
    add_field(&cli->out, " ", json_get(event, "type"));
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        add_field(&cli->out, labels[i], json_get(event, fields[i]));
    strbuf_add_char(&cli->out, '\n');
}

/* What cannot be read is left out: anybody may publish on the channel. */
static void on_message(void *context, struct span subscription, struct span channel,
                       struct span payload)
{
    struct listening *l = context;
    struct cel_envelope envelope;
    enum cel_refuse cause;
    const struct json_node *root;

    (void)subscription;
    (void)channel;
    strbuf_clear(&l->body);
    if (cel_envelope_read(&l->reader, payload, &envelope, &cause, NULL) ||
        cel_body_decode(envelope.body, envelope.body_encoding, CEL_COMPRESSION_NONE,
                        CEL_ENVELOPE_MAX, &l->scratch, &l->body, &cause, NULL) ||
        json_parse(&l->doc, strbuf_span(&l->body), NULL, NULL))
        return;
    root = json_root(&l->doc);
    if (root->type == JSON_OBJECT)
        show_event(l->cli, root);
    for (const struct json_node *one = root->type == JSON_ARRAY ? json_first(root) : NULL; one;
         one = json_next(root, one))
        if (one->type == JSON_OBJECT)
            show_event(l->cli, one);
}

/* Reads until the deadline (negative: for ever), printing as it goes. */
static enum celeriac_err listen(struct cli *cli, struct cel_pubsub *pubsub, int64_t deadline_ns,
                                struct celeriac_error *err)
{
    for (;;) {
        int64_t now = clock_monotonic_ns();
        int64_t until = 0;
        struct pollfd fd = {.events = POLLIN};
        enum celeriac_err code = cel_pubsub_ensure(pubsub, err);

        if (deadline_ns >= 0 && now >= deadline_ns)
            return CELERIAC_OK;
        if (code == CELERIAC_OK)
            code = cel_pubsub_check(pubsub, now, CHECK_NS, &until, err);
        if (code == CELERIAC_ERR_UNAVAILABLE) {
            celeriac_error_clear(err);
            code = cel_conn_pause(cel_pubsub_conn(pubsub), -1);
            if (code == CELERIAC_OK)
                continue;
        }
        if (code)
            return code;
        if (deadline_ns >= 0 && deadline_ns < until)
            until = deadline_ns;
        fd.fd = cel_conn_fd(cel_pubsub_conn(pubsub));
        if (!cel_pubsub_has_buffered(pubsub))
            (void)poll(&fd, 1, clock_poll_ms(clock_monotonic_ns(), until));
        if (cel_pubsub_read(pubsub, NULL, NULL) == CELERIAC_ERR_MEMORY)
            return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
        code = cli_flush(cli, err);
        if (code)
            return code;
    }
}

enum celeriac_err cli_events(struct cli *cli, struct celeriac_error *err)
{
    bool is_limited = settings_origin(cli->settings, "timeout") != SETTING_DEFAULT;
    int64_t deadline =
        is_limited ? clock_monotonic_ns() + settings_seconds_ns(cli->settings, "timeout") : -1;
    struct cel_conn_options options = cel_to_broker(&cli->addresses, "celeriac-events");
    struct listening l = {.cli = cli};
    struct cel_pubsub *pubsub = NULL;
    struct strbuf pattern;
    enum celeriac_err code;

    cel_envelope_reader_init(&l.reader);
    json_init(&l.doc);
    strbuf_init(&l.body, CEL_ENVELOPE_MAX);
    strbuf_init(&l.scratch, CEL_ENVELOPE_MAX);
    strbuf_init(&pattern, NAME_MAX_BYTES);
    cel_channel_pattern(cli->addresses.keys, SPAN(CEL_EVENT_EXCHANGE), SPAN("#"), &pattern);
    code = cel_pubsub_create(&options, &pubsub, err);
    if (code == CELERIAC_OK)
        code = cel_pubsub_add(pubsub, strbuf_span(&pattern), true, on_message, &l);
    if (code == CELERIAC_OK)
        code = listen(cli, pubsub, deadline, err);
    cel_pubsub_destroy(pubsub);
    strbuf_close(&pattern);
    strbuf_close(&l.scratch);
    strbuf_close(&l.body);
    json_close(&l.doc);
    cel_envelope_reader_close(&l.reader);
    return code;
}
