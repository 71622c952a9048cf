/*
 * What all users of libcurl share: its start, and how options are set.
 * Any thread.
 */
#ifndef NOTIFY_PROVIDERS_CURL_LIBRARY_H
#define NOTIFY_PROVIDERS_CURL_LIBRARY_H

#include <curl/curl.h>

#include "celeriac/error.h"

/* Sets one option of a handle and passes on the first failure in status, a CURLcode. */
#define CURL_SET(status, curl, option, value)                 \
    do {                                                      \
        if ((status) == CURLE_OK)                             \
            (status) = curl_easy_setopt(curl, option, value); \
    } while (0)

/* Starts libcurl, once for the process. CELERIAC_ERR_SYSTEM. */
enum celeriac_err notify_curl_start(struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
