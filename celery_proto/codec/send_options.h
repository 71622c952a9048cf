/*
 * Those options of struct celeriac_send (celeriac/client.h) that must be understood before they can
 * be written into a message: serializer, compression, exchange and routing key, stamps. Pure.
 */
#ifndef CEL_SEND_OPTIONS_H
#define CEL_SEND_OPTIONS_H

#include <stdbool.h>

#include "base/strbuf.h"
#include "celeriac/client.h"
#include "celeriac/error.h"
#include "celery_proto/codec/task_send.h"

/* What the options say besides the fields of the message. */
struct cel_send_route {
    bool by_exchange; /* through the bindings of fields->exchange, instead of straight to a queue */
    bool is_topic;    /* and these are patterns */
};

/*
 * Fills in what the options say: compression, argsrepr, kwargsrepr, stamps, and with an exchange
 * that and the routing key. The names of the stamps are appended to `stamped`, which the fields
 * borrow from then on, as they do from *send. CELERIAC_ERR_VALUE names the option that is not
 * understood or does not fit another; _LIMIT, _MEMORY.
 */
enum celeriac_err cel_send_options_read(const struct celeriac_send *send,
                                        struct cel_task_send *fields, struct cel_send_route *route,
                                        struct strbuf *stamped,
                                        struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Appends to raw, which holds a JSON object's members without its braces or nothing, the stamps as
 * a signature's options have them: each by its name, and their names as stamped_headers. Errors as
 * above.
 */
enum celeriac_err cel_send_options_stamp(const char *stamps_json, struct strbuf *raw,
                                         struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
