/*
 * One notification that a client asks for, from the fields of a request to the row to be inserted:
 * what POST /v1/notify/ and each item of a batch go through. One thread at a time.
 */
#ifndef API_NOTIFY_ITEM_H
#define API_NOTIFY_ITEM_H

#include <stdbool.h>
#include <stdint.h>

#include "api/body.h"
#include "api/description.h"
#include "api/request_fields.h"
#include "api/validate.h"
#include "base/json_writer.h"
#include "base/strbuf.h"
#include "notify/enqueue.h"
#include "notify/store/insert.h"

/* How far ahead send_at may be: leap years included, "in a year" is always possible. */
#define NOTIFY_SEND_AT_DAYS 366

/* How a request names its template. */
enum notify_template_by { NOTIFY_TEMPLATE_NONE, NOTIFY_TEMPLATE_BY_NAME, NOTIFY_TEMPLATE_BY_ID };

struct notify_item {
    struct value values[NOTIFY_FIELDS];
    struct strbuf data; /* notifications.data */
    struct store_new_notification row;
};

/* Releases what the functions below made; a zero-initialised item is allowed. */
void notify_item_close(struct notify_item *item);

/*
 * Validates the body's fields into a zero-initialised item. 0 when all is well; else the status of
 * the answer, whose document is in `answer`. `now_us`: send_at must not be far beyond.
 */
unsigned notify_item_read(struct notify_item *item, const struct body *body, int64_t now_us,
                          struct strbuf *answer);

/* What the item says of a template. */
enum notify_template_by notify_item_template_by(const struct notify_item *item);

/* The name, with NOTIFY_TEMPLATE_BY_NAME. */
struct span notify_item_template_name(const struct notify_item *item);

/* The id, with NOTIFY_TEMPLATE_BY_ID. False: no template can have such a number. */
bool notify_item_template_id(const struct notify_item *item, int64_t *id);

/* Writes the answer for a template that is not there. Its status: 404, or 503 without memory. */
unsigned notify_item_no_template(const struct notify_item *item, struct strbuf *answer);

/*
 * Makes the row, with the id of its template (0: none) and fresh ids. `horizon_us`: how long before
 * send_at its message is published. 0, or the status of the answer, which is then in `answer`.
 */
unsigned notify_item_make_row(struct notify_item *item, int64_t template_id, int64_t now_us,
                              int64_t horizon_us, struct strbuf *answer);

/* The fields of a request, and the document that notify_item_write() writes. */
extern const struct schema notify_request_schema;
extern const struct schema notify_item_schema;

/* Writes the document of an accepted notification. */
void notify_item_write(const struct notify_item *item, struct json_writer *w);

/*
 * Has a row that was made recorded as sent at once, and never sent: what a test key asks for while
 * CELERIAC_TEST_KEYS_SEND is off.
 */
void notify_item_simulate(struct notify_item *item);

/* What is to be published now; false when that is left to a sweeper, later, or is not to be sent.
 */
bool notify_item_publication(const struct notify_item *item, struct notify_publication *out);

#endif
