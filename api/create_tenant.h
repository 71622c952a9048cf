/*
 * `celeriac-api create-tenant`: what POST /v1/tenants/register/ does, for operators.
 */
#ifndef API_CREATE_TENANT_H
#define API_CREATE_TENANT_H

#include "api/options.h"
#include "base/strbuf.h"
#include "celeriac/error.h"

/*
 * Registers options->name and options->email under the API's rules and appends the tenant's id and
 * its first key, which is shown this once: a line for each, or JSON with options->json. The caller
 * wipes what was appended. CELERIAC_ERR_VALUE with the API's own words, CELERIAC_ERR_EXISTS for a
 * taken email, and the codes of the store. Blocks.
 */
enum celeriac_err api_create_tenant(const struct api_options *options, struct strbuf *out,
                                    struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
