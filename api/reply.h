/*
 * Replies: the document in DRF's style, the headers that go with every answer, and one log line.
 * Each function that is named reply_... ends the call: return right after it.
 */
#ifndef API_REPLY_H
#define API_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "api/call.h"
#include "api/problems.h"
#include "base/json_writer.h"

struct schema;

/* {"detail": ...}, {"error": ...} and {"error": ..., "detail": ...} for the API's description. */
extern const struct schema detail_schema;
extern const struct schema error_schema;
extern const struct schema refusal_schema;

/* Starts a JSON document in the call's response; end it with reply_document(). */
void document_begin(struct api_call *call, struct json_writer *w);

/* Writes key and time as DRF does; STORE_NO_TIME is null. */
void document_time(struct json_writer *w, const char *key, int64_t us);

/* Writes key and text; a text whose ptr is NULL is null. */
void document_text(struct json_writer *w, const char *key, struct span text);

/*
 * Writes key and a JSON text as it came from the database, its floats spelt as Python would after
 * reading them: jsonb keeps 1.50 and 0.0000001, json.dumps() says 1.5 and 1e-07.
 */
void document_json(struct json_writer *w, const char *key, struct span json);

/* Writes key and the UUID's text. */
void document_uuid(struct json_writer *w, const char *key, const struct uuid *uuid);

/*
 * Whether there is memory for the document so far (http_hold()), which may grow on; else 503 was
 * sent. What has been done by a call must be told: whoever changes something asks before it does,
 * or has an answer that its request bounds.
 */
bool reply_fits(struct api_call *call);

/* Sends the document that was written; that of a GET when it fits. */
void reply_document(struct api_call *call, unsigned status);

/*
 * Ends and sends the array that was written when its last page is in it, or when it is too long
 * already, or there is no memory for it just now, which is then the answer: true. Else another page
 * may be added.
 */
bool reply_list_ended(struct api_call *call, struct json_writer *w, bool is_last);

/* Sends {"detail": text}. */
void reply_detail(struct api_call *call, unsigned status, const char *text);

/* Sends {"error": text}. */
void reply_error(struct api_call *call, unsigned status, struct span text);

/* Sends {"error": error, "detail": detail}. */
void reply_refusal(struct api_call *call, unsigned status, const char *error, const char *detail);

/* Sends 400 {field: [message]}. */
void reply_problem(struct api_call *call, const char *field, const char *message);

/* Sends a status without a document. */
void reply_empty(struct api_call *call, unsigned status);

/*
 * Sends a file of pages.h. The browser is told to load nothing from elsewhere, to run no script but
 * our files, and to ask again each time.
 */
void reply_page(struct api_call *call, const char *type, const unsigned char *bytes, size_t size);

/* Sends 301 to another address, a constant. */
void reply_moved(struct api_call *call, const char *location);

/* Sends 503 with Retry-After: something of ours is away or busy. */
void reply_later(struct api_call *call);

/*
 * Adds the RateLimit headers of call->rate to the answer that will be sent; when it was called
 * before, the newer numbers count.
 */
void reply_add_rate(struct api_call *call);

/* Sends 429 in DRF's words with Retry-After: the time, rounded up to seconds. */
void reply_throttled(struct api_call *call, int64_t wait_ns);

/* Sends 503 with Retry-After: the key is still searched for. */
void reply_searching(struct api_call *call);

/*
 * Answers a call to the store that failed with a code that the handler does not name: 503 when it
 * may work later, else 500.
 */
void reply_store_failure(struct api_call *call, const struct celeriac_error *error);

/* The same, but 404 {"error": missing} where the store has not found it. */
void reply_store_missing(struct api_call *call, const struct celeriac_error *error,
                         struct span missing);

/* Notes in the log that the client left before its answer; called when an exchange ends. */
void reply_log_abandoned(struct api_call *call);

#endif
