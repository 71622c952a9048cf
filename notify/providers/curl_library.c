#include "notify/providers/curl_library.h"

#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode started;

static void start(void)
{
    started = curl_global_init(CURL_GLOBAL_DEFAULT);
}

enum celeriac_err notify_curl_start(struct celeriac_error *err)
{
    if (pthread_once(&once, start) != 0 || started != CURLE_OK)
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "libcurl cannot be started");
    return CELERIAC_OK;
}
