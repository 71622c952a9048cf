#include "notify/providers/http_call.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "notify/providers/curl_library.h"
#include "notify/providers/trust.h"

/* The first status that is not interim (RFC 9110, section 15.2). */
#define FINAL_STATUS 200

struct notify_http {
    CURL *curl;
    const struct notify_webhook_allow *allow; /* NULL: everything */
    bool discard;
    size_t discarded; /* bytes of the answer */
    unsigned refused; /* addresses of this call */
    struct strbuf answer;
    char words[CURL_ERROR_SIZE];
};

/* CURLOPT_WRITEFUNCTION: a part of the answer. Fewer bytes than given end the call. */
static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct notify_http *http = context;

    if (http->discard) {
        http->discarded += size * count;
        return http->discarded <= NOTIFY_HTTP_ANSWER_MAX ? size * count : 0;
    }
    strbuf_add(&http->answer, bytes, size * count);
    return strbuf_status(&http->answer) == CELERIAC_OK ? size * count : 0;
}

static bool read_address(const struct curl_sockaddr *from, struct notify_address *to)
{
    *to = (struct notify_address){.len = 0};
    if (from->family == AF_INET && from->addrlen >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in in;

        memcpy(&in, &from->addr, sizeof in);
        memcpy(to->bytes, &in.sin_addr, NOTIFY_IPV4_LEN);
        to->len = NOTIFY_IPV4_LEN;
    } else if (from->family == AF_INET6 && from->addrlen >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 in;

        /* Longer than `addr` is declared: libcurl has room for it (curl_opensocket_callback(3)). */
        memcpy(&in, (const char *)from + offsetof(struct curl_sockaddr, addr), sizeof in);
        memcpy(to->bytes, &in.sin6_addr, NOTIFY_IPV6_LEN);
        to->len = NOTIFY_IPV6_LEN;
    }
    return to->len > 0;
}

/* CURLOPT_OPENSOCKETFUNCTION: the address that is really connected to. */
static curl_socket_t on_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct notify_http *http = context;
    struct notify_address judged;

    if (purpose != CURLSOCKTYPE_IPCXN || !read_address(address, &judged) ||
        !notify_webhook_allows(http->allow, &judged)) {
        http->refused++;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static void guard(struct notify_http *http, const struct notify_http_options *options,
                  CURLcode *status)
{
    http->allow = options->allow;
    http->discard = options->discard;
    if (options->allow == NULL)
        return;
    CURL_SET(*status, http->curl, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    CURL_SET(*status, http->curl, CURLOPT_OPENSOCKETDATA, http);
    CURL_SET(*status, http->curl, CURLOPT_PROXY, "");
    /* Each call may go to another server: connections to the last few are kept, for a while. */
    CURL_SET(*status, http->curl, CURLOPT_MAXCONNECTS, 2L);
    CURL_SET(*status, http->curl, CURLOPT_MAXAGE_CONN, 20L);
}

static CURLcode set_options(struct notify_http *http, const struct notify_http_options *options)
{
    CURLcode status = CURLE_OK;

    CURL_SET(status, http->curl, CURLOPT_NOSIGNAL, 1L);
    CURL_SET(status, http->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    CURL_SET(status, http->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    CURL_SET(status, http->curl, CURLOPT_USERAGENT, "celeriac");
    CURL_SET(status, http->curl, CURLOPT_CONNECTTIMEOUT_MS, options->connect_timeout_ms);
    CURL_SET(status, http->curl, CURLOPT_TIMEOUT_MS, options->timeout_ms);
    /* Else the deadline would hold for all but the resolver, whose thread is waited for. */
    CURL_SET(status, http->curl, CURLOPT_QUICK_EXIT, 1L);
    CURL_SET(status, http->curl, CURLOPT_ERRORBUFFER, http->words);
    CURL_SET(status, http->curl, CURLOPT_WRITEFUNCTION, on_body);
    CURL_SET(status, http->curl, CURLOPT_WRITEDATA, http);
    if (options->no_proxy)
        CURL_SET(status, http->curl, CURLOPT_PROXY, "");
    guard(http, options, &status);
    return status == CURLE_OK ? notify_trust_apply(options->trust, http->curl) : status;
}

enum celeriac_err notify_http_create(const struct notify_http_options *options,
                                     struct notify_http **http, struct celeriac_error *err)
{
    struct notify_http *h = mem_calloc(1, sizeof *h);
    CURLcode status;

    if (h == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "%s",
                                  celeriac_err_name(CELERIAC_ERR_MEMORY));
    strbuf_init(&h->answer, NOTIFY_HTTP_ANSWER_MAX);
    /* Room beforehand: a message that was taken must not look untaken for want of memory. */
    (void)strbuf_reserve(&h->answer, NOTIFY_HTTP_ANSWER_MAX);
    h->curl = strbuf_status(&h->answer) == CELERIAC_OK ? curl_easy_init() : NULL;
    status = h->curl != NULL ? set_options(h, options) : CURLE_OUT_OF_MEMORY;
    if (status != CURLE_OK) {
        notify_http_destroy(h);
        return celeriac_error_set(
            err, status == CURLE_OUT_OF_MEMORY ? CELERIAC_ERR_MEMORY : CELERIAC_ERR_SYSTEM,
            "libcurl: %s", curl_easy_strerror(status));
    }
    *http = h;
    return CELERIAC_OK;
}

void notify_http_destroy(struct notify_http *http)
{
    if (http == NULL)
        return;
    curl_easy_cleanup(http->curl);
    strbuf_close(&http->answer);
    mem_free(http);
}

/* Appends a header; NULL after the first failure, with the list released. */
static struct curl_slist *add_header(struct curl_slist *headers, const char *line)
{
    struct curl_slist *longer = curl_slist_append(headers, line);

    if (longer == NULL)
        curl_slist_free_all(headers);
    return longer;
}

static struct curl_slist *headers_of(const struct notify_http_request *request)
{
    struct curl_slist *headers = add_header(NULL, request->content_type);

    if (headers != NULL && request->authorization != NULL)
        headers = add_header(headers, request->authorization);
    for (size_t i = 0; headers != NULL && request->headers != NULL && request->headers[i]; i++)
        headers = add_header(headers, request->headers[i]);
    /* No waiting for leave to send a body of some hundred bytes. */
    return headers != NULL ? add_header(headers, "Expect:") : NULL;
}

static CURLcode perform(struct notify_http *http, const struct notify_http_request *request,
                        struct curl_slist *headers)
{
    CURLcode status = CURLE_OK;

    CURL_SET(status, http->curl, CURLOPT_URL, request->url);
    CURL_SET(status, http->curl, CURLOPT_HTTPHEADER, headers);
    CURL_SET(status, http->curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    CURL_SET(status, http->curl, CURLOPT_USERNAME, request->user);
    CURL_SET(status, http->curl, CURLOPT_PASSWORD, request->password);
    CURL_SET(status, http->curl, CURLOPT_POST, 1L);
    CURL_SET(status, http->curl, CURLOPT_POSTFIELDS, request->body.ptr);
    CURL_SET(status, http->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
    return status == CURLE_OK ? curl_easy_perform(http->curl) : status;
}

static void read_numbers(struct notify_http *http, size_t body, struct notify_http_answer *answer)
{
    curl_off_t uploaded = 0, wait = 0;
    long status = 0;

    if (curl_easy_getinfo(http->curl, CURLINFO_SIZE_UPLOAD_T, &uploaded) == CURLE_OK)
        answer->wholly_sent = uploaded >= (curl_off_t)body;
    answer->refused_address = answer->result == CURLE_COULDNT_CONNECT && http->refused > 0;
    if (curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK)
        status = 0;
    /* An answer whose body nobody wants is one, also when that is too long, late or broken off. */
    if (http->discard && status >= FINAL_STATUS)
        answer->result = CURLE_OK;
    if (answer->result != CURLE_OK)
        return;
    answer->status = status;
    if (curl_easy_getinfo(http->curl, CURLINFO_RETRY_AFTER, &wait) == CURLE_OK && wait > 0)
        answer->retry_after =
            (uint32_t)(wait < NOTIFY_HTTP_RETRY_AFTER_MAX ? wait : NOTIFY_HTTP_RETRY_AFTER_MAX);
}

void notify_http_post(struct notify_http *http, const struct notify_http_request *request,
                      struct notify_http_answer *answer)
{
    struct curl_slist *headers = headers_of(request);

    *answer = (struct notify_http_answer){.result = CURLE_OUT_OF_MEMORY, .words = ""};
    if (headers == NULL)
        return;
    strbuf_clear(&http->answer);
    http->words[0] = '\0';
    http->discarded = 0;
    http->refused = 0;
    answer->result = (int)perform(http, request, headers);
    answer->words = http->words;
    read_numbers(http, request->body.len, answer);
    answer->body = strbuf_span(&http->answer);
    /* The handle must not keep what goes away now. */
    (void)curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, NULL);
    (void)curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS, NULL);
    curl_slist_free_all(headers);
}

void notify_http_explain_trouble(const struct notify_http_answer *answer, const char *service,
                                 struct notify_outcome *outcome)
{
    static const struct {
        int result; /* CURLcode */
        const char *reason;
    } reasons[] = {
        {CURLE_COULDNT_RESOLVE_HOST, "host not found"},
        {CURLE_COULDNT_CONNECT, "no connection"},
        {CURLE_OPERATION_TIMEDOUT, "timed out"},
        {CURLE_PEER_FAILED_VERIFICATION, "certificate refused"},
        {CURLE_SSL_CONNECT_ERROR, "TLS failed"},
        {CURLE_WRITE_ERROR, "answer too long"},
    };
    const char *reason = "connection lost";

    if (answer->result == CURLE_OUT_OF_MEMORY) {
        notify_outcome_hold_for_memory(outcome);
        return;
    }
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (answer->result == reasons[i].result)
            reason = reasons[i].reason;
    }
    notify_outcome_fail(outcome, NOTIFY_OUTCOME_LATER, 0, reason, "%s: %s: %s", service, reason,
                        answer->words[0] != '\0' ? answer->words
                                                 : curl_easy_strerror((CURLcode)answer->result));
    outcome->perhaps_sent = answer->wholly_sent;
}
