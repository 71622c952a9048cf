/*
 * `celeriac-api limit`: shows, sets or removes a tenant's limit of rate.
 */
#ifndef API_TENANT_LIMIT_H
#define API_TENANT_LIMIT_H

#include "api/options.h"
#include "base/strbuf.h"
#include "celeriac/error.h"

/*
 * Does what options->limit says and appends the limit that the tenant has then: a line for each
 * value, or JSON with options->json. CELERIAC_ERR_NOT_FOUND for a tenant that is not there, and the
 * codes of the store. Blocks.
 */
enum celeriac_err api_tenant_limit(const struct api_options *options, struct strbuf *out,
                                   struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
