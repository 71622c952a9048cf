/*
 * The address of an HTTP API as a setting has it. Pure; any thread.
 */
#ifndef NOTIFY_PROVIDERS_HTTP_URL_H
#define NOTIFY_PROVIDERS_HTTP_URL_H

#include <stdbool.h>

#include "celeriac/error.h"

/* Longest address taken, in bytes. */
#define NOTIFY_HTTP_URL_MAX 2048

/*
 * Checks an address and copies it without a '/' at its end; the caller releases *url with
 * mem_free(). Only https, and http to this machine itself (localhost, 127.x.x.x, ::1), because
 * credentials travel with every call; no user, query or fragment. Errors begin with `name`:
 * CELERIAC_ERR_VALUE, CELERIAC_ERR_MEMORY. *is_local tells whether it is this machine.
 */
enum celeriac_err notify_http_url_read(const char *text, const char *name, char **url,
                                       bool *is_local,
                                       struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
