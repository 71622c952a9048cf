/* What a client says and asks beyond tasks: revoking them, and counting messages. See client.h. */
#include "celeriac/client.h"

#include "base/json_writer.h"
#include "base/strbuf.h"
#include "base/uuid.h"
#include "celery_proto/codec/pidbox.h"
#include "celery_proto/redis/client_state.h"
#include "celery_proto/redis/queue_info.h"

/* {"task_id": [...]}, the arguments of celery/worker/control.py revoke(). */
static void write_ids(struct strbuf *out, const char *const *ids, size_t count)
{
    struct json_writer w;

    json_writer_init(&w, out, JSON_STYLE_PYTHON);
    json_begin_object(&w);
    json_key(&w, "task_id");
    json_begin_array(&w);
    for (size_t i = 0; i < count; i++)
        json_text(&w, ids[i]);
    json_end_array(&w);
    json_key(&w, "terminate");
    json_boolean(&w, false);
    json_end_object(&w);
}

enum celeriac_err celeriac_client_revoke(struct celeriac_client *client, const char *const *ids,
                                         size_t count, struct celeriac_error *err)
{
    struct strbuf arguments;
    struct strbuf envelope;
    char tag[UUID_SIZE];
    struct cel_pidbox_ask ask = {.method = SPAN("revoke"), .clock = 1};
    enum celeriac_err code;

    if (count == 0)
        return CELERIAC_OK;
    if (count > CELERIAC_REVOKE_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "ids: more than %d",
                                  CELERIAC_REVOKE_MAX);
    strbuf_init(&arguments, CEL_PIDBOX_MAX);
    strbuf_init(&envelope, CEL_PIDBOX_MAX);
    write_ids(&arguments, ids, count);
    uuid_new(tag);
    ask.arguments = strbuf_span(&arguments);
    code = strbuf_status(&arguments);
    if (code == CELERIAC_OK)
        code = cel_pidbox_ask(&ask, span_of(tag), &envelope);
    if (code != CELERIAC_OK) {
        (void)celeriac_error_set(err, code, "the request cannot be written");
    } else {
        const struct cel_outgoing message = {.message = strbuf_span(&envelope),
                                             .exchange = SPAN(CEL_PIDBOX_EXCHANGE),
                                             .exchange_type = CEL_EXCHANGE_FANOUT};

        code = cel_publish(client->publisher, &message, 1, NULL, err);
    }
    strbuf_close(&envelope);
    strbuf_close(&arguments);
    return code;
}

enum celeriac_err celeriac_client_backlog(struct celeriac_client *client, const char *queue,
                                          struct celeriac_backlog *backlog,
                                          struct celeriac_error *err)
{
    struct celeriac_backlog counted = {0};
    struct cel_conn *conn = cel_publisher_conn(client->publisher);
    enum celeriac_err code = cel_conn_ensure(conn, err);

    if (code == CELERIAC_OK)
        code = cel_queue_backlog(conn, client->at->keys, span_of(queue ? queue : "celery"),
                                 &counted.waiting, &counted.unacked, err);
    if (code == CELERIAC_OK)
        *backlog = counted;
    return code;
}
