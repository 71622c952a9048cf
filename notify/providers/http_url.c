#include "notify/providers/http_url.h"

#include <curl/curl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/span.h"

static bool has_part(CURLU *parts, CURLUPart part)
{
    char *text = NULL;
    bool has = curl_url_get(parts, part, &text, 0) == CURLUE_OK;

    curl_free(text);
    return has;
}

static bool is_this_machine(const char *host)
{
    return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
           (span_starts(span_of(host), SPAN("127.")) &&
            strspn(host, "0123456789.") == strlen(host));
}

/* What is wrong with the parts; NULL when nothing is. */
static const char *problem_of(CURLU *parts, bool *is_local)
{
    char *scheme = NULL, *host = NULL;
    const char *problem = NULL;

    if (curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_HOST, &host, 0) != CURLUE_OK)
        problem = "not an address such as https://host";
    else if (has_part(parts, CURLUPART_USER) || has_part(parts, CURLUPART_PASSWORD) ||
             has_part(parts, CURLUPART_QUERY) || has_part(parts, CURLUPART_FRAGMENT))
        problem = "must have no user, query or fragment";
    else if (strcmp(scheme, "https") != 0 &&
             (strcmp(scheme, "http") != 0 || !is_this_machine(host)))
        problem = "must begin with https://";
    else
        *is_local = is_this_machine(host);
    curl_free(scheme);
    curl_free(host);
    return problem;
}

static const char *check(const char *text, bool *is_local)
{
    CURLU *parts;
    const char *problem;

    if (strlen(text) > NOTIFY_HTTP_URL_MAX)
        return "is too long";
    for (const char *c = text; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~')
            return "has a character that no address has";
    }
    parts = curl_url();
    if (parts == NULL)
        return celeriac_err_name(CELERIAC_ERR_MEMORY);
    if (curl_url_set(parts, CURLUPART_URL, text, 0) != CURLUE_OK)
        problem = "not an address such as https://host";
    else
        problem = problem_of(parts, is_local);
    curl_url_cleanup(parts);
    return problem;
}

enum celeriac_err notify_http_url_read(const char *text, const char *name, char **url,
                                       bool *is_local, struct celeriac_error *err)
{
    struct span rest = span_of(text);
    const char *problem = check(text, is_local);

    if (problem != NULL)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: %s", name, problem);
    while (span_ends(rest, SPAN("/")))
        rest.len--;
    *url = mem_dup_span(rest);
    return *url != NULL ? CELERIAC_OK : CELERIAC_ERR_MEMORY;
}
