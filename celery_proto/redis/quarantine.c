#include "celery_proto/redis/quarantine.h"

#include "base/base64.h"
#include "base/iso8601.h"
#include "base/json_writer.h"

void cel_quarantine_entry(struct strbuf *out, const char *reason, int64_t now_us, struct span queue,
                          struct span message)
{
    struct json_writer w;
    char time[ISO8601_MAX];
    size_t len = iso8601_python(now_us, time);

    json_writer_init(&w, out, JSON_STYLE_PYTHON);
    json_begin_object(&w);
    json_key(&w, "reason");
    json_text(&w, reason);
    json_key(&w, "time");
    json_string(&w, (struct span){time, len});
    json_key(&w, "queue");
    if (queue.len > 0 && span_is_utf8(queue))
        json_string(&w, queue);
    else
        json_null(&w);
    if (span_is_utf8(message)) {
        json_key(&w, "message");
        json_string(&w, message);
    } else {
        /* The alphabet needs no escapes, so the text can be written in place. */
        json_key(&w, "message_base64");
        strbuf_add_char(out, '"');
        base64_encode(out, message);
        strbuf_add_char(out, '"');
        w.after_key = false;
    }
    json_end_object(&w);
}
