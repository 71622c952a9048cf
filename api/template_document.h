/*
 * A template as the API shows it.
 */
#ifndef API_TEMPLATE_DOCUMENT_H
#define API_TEMPLATE_DOCUMENT_H

#include "api/call.h"
#include "base/json_writer.h"
#include "notify/store/templates.h"

/* The template for the API's description. */
extern const struct schema template_schema;

/* Writes the template's object. */
void template_document(struct json_writer *w, const struct store_template *row);

/* Sends the template. */
void reply_template(struct api_call *call, unsigned status, const struct store_template *row);

/* Sends 404 for a failed look-up that found nothing, and what fits for every other failure. */
void reply_template_failure(struct api_call *call, const struct celeriac_error *error);

#endif
