/*
 * The metadata of a task: members of the headers in protocol 2, of the body in protocol 1. Internal
 * to the codec; one thread at a time.
 */
#ifndef CEL_TASK_FIELDS_H
#define CEL_TASK_FIELDS_H

#include "base/json.h"
#include "base/strbuf.h"
#include "celeriac/error.h"
#include "celery_proto/codec/task_message.h"

/*
 * Reads every member of object that names metadata into message; members that are absent change
 * nothing, null ones reset their field. Texts with escapes are decoded to the end of text, which
 * must have room for all of object's bytes, so that it does not move. CELERIAC_ERR_VALUE, with
 * message->refuse set and err naming the first such field, when one has an impossible value; the
 * others are read all the same. CELERIAC_ERR_MEMORY.
 */
enum celeriac_err cel_task_fields_read(const struct json_node *object, struct strbuf *text,
                                       struct cel_task_message *message,
                                       struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
