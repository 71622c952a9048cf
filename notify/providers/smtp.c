#include "notify/providers/smtp.h"

#include <curl/curl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "notify/providers/curl_library.h"
#include "notify/providers/mime.h"
#include "notify/providers/smtp_config.h"
#include "notify/providers/smtp_failure.h"
#include "notify/providers/smtp_reply.h"
#include "notify/providers/trust.h"

#define PROVIDER "email"
#define BACKEND "celeriac-smtp"

/*
 * libcurl's buffers, as small as it allows: replies are short lines, and hundreds of connections
 * should fit into a few tens of megabytes.
 */
#define RECEIVE_BUFFER 4096L
#define UPLOAD_BUFFER 16384L

/* Bytes of a written message that are kept for the next one; a longer one is released after use. */
#define MESSAGE_KEPT ((size_t)32 * 1024)

/* Most bytes of a written message: a body of which every byte becomes three, its line ends,
 * headers. */
#define MESSAGE_MAX (4 * NOTIFY_BODY_MAX)

struct smtp_state {
    const struct notify_smtp_config *config;
    CURL *curl;
    struct strbuf message;
    size_t sent; /* bytes of the message that libcurl has taken */
    enum smtp_progress progress;
    struct smtp_reply reply;
    bool reply_to_end; /* a reply line came after the last byte was taken */
    char words[CURL_ERROR_SIZE];
};

/* CURLOPT_READFUNCTION: the next bytes of the message. */
static size_t on_read(char *buffer, size_t size, size_t count, void *context)
{
    struct smtp_state *s = context;
    struct span message = strbuf_span(&s->message);
    size_t len = message.len - s->sent;

    if (len > size * count)
        len = size * count;
    memcpy(buffer, message.ptr + s->sent, len);
    s->sent += len;
    s->progress = s->sent == message.len ? SMTP_WHOLLY_SENT : SMTP_PARTLY_SENT;
    return len;
}

/* libcurl has given up: what the server says from now on answers its QUIT. */
static bool is_over(const struct smtp_state *s)
{
    return s->words[0] != '\0' || (s->reply_to_end && s->reply.whole && s->reply.code >= 400);
}

/* CURLOPT_HEADERFUNCTION: one line of the server. */
static size_t on_line(char *line, size_t size, size_t count, void *context)
{
    struct smtp_state *s = context;

    if (is_over(s))
        return size * count;
    if (s->progress == SMTP_WHOLLY_SENT)
        s->reply_to_end = true;
    smtp_reply_line(&s->reply, (struct span){line, size * count});
    return size * count;
}

static CURLcode set_tls(struct smtp_state *s)
{
    CURL *curl = s->curl;
    CURLcode status = CURLE_OK;

    if (!s->config->starttls)
        return CURLE_OK;
    CURL_SET(status, curl, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
    return status == CURLE_OK ? notify_trust_apply(s->config->trust, curl) : status;
}

static CURLcode set_login(CURL *curl, const struct notify_smtp_config *config)
{
    CURLcode status = CURLE_OK;

    if (config->user == NULL)
        return CURLE_OK;
    CURL_SET(status, curl, CURLOPT_USERNAME, config->user);
    CURL_SET(status, curl, CURLOPT_PASSWORD, config->password);
    /* What Python's smtplib knows; libcurl alone would prefer NTLM to a password. */
    CURL_SET(status, curl, CURLOPT_LOGIN_OPTIONS, "AUTH=CRAM-MD5;AUTH=PLAIN;AUTH=LOGIN");
    /* One round trip less, as smtplib does it. */
    CURL_SET(status, curl, CURLOPT_SASL_IR, 1L);
    return status;
}

static CURLcode set_options(struct smtp_state *s)
{
    const struct notify_smtp_config *config = s->config;
    CURLcode status = CURLE_OK;

    CURL_SET(status, s->curl, CURLOPT_URL, config->url);
    CURL_SET(status, s->curl, CURLOPT_NOSIGNAL, 1L);
    CURL_SET(status, s->curl, CURLOPT_PROXY, ""); /* no proxy from the environment */
    CURL_SET(status, s->curl, CURLOPT_UPLOAD, 1L);
    CURL_SET(status, s->curl, CURLOPT_MAXCONNECTS, 1L);
    CURL_SET(status, s->curl, CURLOPT_BUFFERSIZE, RECEIVE_BUFFER);
    CURL_SET(status, s->curl, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER);
    CURL_SET(status, s->curl, CURLOPT_CONNECTTIMEOUT_MS, config->connect_timeout_ms);
    CURL_SET(status, s->curl, CURLOPT_TIMEOUT_MS, config->timeout_ms);
    /* Else the deadline would hold for all but the resolver, whose thread is waited for. */
    CURL_SET(status, s->curl, CURLOPT_QUICK_EXIT, 1L);
    CURL_SET(status, s->curl, CURLOPT_ERRORBUFFER, s->words);
    CURL_SET(status, s->curl, CURLOPT_READFUNCTION, on_read);
    CURL_SET(status, s->curl, CURLOPT_READDATA, s);
    CURL_SET(status, s->curl, CURLOPT_HEADERFUNCTION, on_line);
    CURL_SET(status, s->curl, CURLOPT_HEADERDATA, s);
    if (status == CURLE_OK)
        status = set_tls(s);
    return status == CURLE_OK ? set_login(s->curl, config) : status;
}

static void smtp_destroy(void *state)
{
    struct smtp_state *s = state;

    if (s == NULL)
        return;
    curl_easy_cleanup(s->curl);
    strbuf_close(&s->message);
    mem_free(s);
}

static enum celeriac_err smtp_create(const void *config, void **state, struct celeriac_error *err)
{
    struct smtp_state *s = mem_calloc(1, sizeof *s);
    CURLcode status;

    if (s == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "%s",
                                  celeriac_err_name(CELERIAC_ERR_MEMORY));
    s->config = config;
    strbuf_init(&s->message, MESSAGE_MAX);
    s->curl = curl_easy_init();
    status = s->curl != NULL ? set_options(s) : CURLE_OUT_OF_MEMORY;
    if (status != CURLE_OK) {
        smtp_destroy(s);
        return celeriac_error_set(
            err, status == CURLE_OUT_OF_MEMORY ? CELERIAC_ERR_MEMORY : CELERIAC_ERR_SYSTEM,
            "libcurl: %s", curl_easy_strerror(status));
    }
    *state = s;
    return CELERIAC_OK;
}

/* One attempt to send what s->message holds. */
static CURLcode perform(struct smtp_state *s, const char *from, struct curl_slist *to, bool fresh)
{
    CURLcode status = CURLE_OK;

    s->sent = 0;
    s->progress = SMTP_NOTHING_SENT;
    s->reply_to_end = false;
    s->words[0] = '\0';
    smtp_reply_clear(&s->reply);
    CURL_SET(status, s->curl, CURLOPT_MAIL_FROM, from);
    CURL_SET(status, s->curl, CURLOPT_MAIL_RCPT, to);
    CURL_SET(status, s->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)strbuf_span(&s->message).len);
    CURL_SET(status, s->curl, CURLOPT_FRESH_CONNECT, fresh ? 1L : 0L);
    return status == CURLE_OK ? curl_easy_perform(s->curl) : status;
}

static struct smtp_failure describe(struct smtp_state *s, CURLcode status)
{
    long connections = 0;

    if (curl_easy_getinfo(s->curl, CURLINFO_NUM_CONNECTS, &connections) != CURLE_OK)
        connections = 1;
    return (struct smtp_failure){
        .result = (int)status,
        .words = s->words,
        .host = s->config->host,
        .port = s->config->port,
        .progress = s->progress,
        .reused = connections == 0,
        .reply_to_end = s->reply_to_end,
        .reply = &s->reply,
    };
}

static void transfer(struct smtp_state *s, const char *from, const char *to, struct span message_id,
                     struct notify_outcome *outcome)
{
    struct curl_slist *recipients = curl_slist_append(NULL, to);
    struct smtp_failure failure;
    CURLcode status;

    if (recipients == NULL) {
        notify_outcome_hold_for_memory(outcome);
        return;
    }
    status = perform(s, from, recipients, false);
    failure = describe(s, status);
    if (status != CURLE_OK && smtp_failure_is_stale(&failure)) {
        status = perform(s, from, recipients, true);
        failure = describe(s, status);
    }
    if (status == CURLE_OK)
        notify_outcome_sent(outcome, PROVIDER, BACKEND, message_id);
    else
        smtp_failure_explain(&failure, outcome);
    curl_slist_free_all(recipients);
}

/* Writes message and envelope, then sends them. The buffers hold what libcurl borrows. */
static void write_and_transfer(struct smtp_state *s, const struct notify_message *message,
                               struct strbuf *from, struct strbuf *to,
                               struct notify_outcome *outcome)
{
    char message_id[NOTIFY_MESSAGE_ID_SIZE];
    struct notify_mime_mail mail = {
        .from = span_of(s->config->from),
        .to = message->to,
        .subject = message->subject,
        .body = message->body,
        .date_us = message->date_us,
    };

    notify_mime_message_id(message->id, mail.from, message_id);
    mail.message_id = span_of(message_id);
    if (notify_mime_write(&mail, &s->message, outcome) != CELERIAC_OK ||
        notify_mime_envelope(mail.from, from, outcome) != CELERIAC_OK ||
        notify_mime_envelope(mail.to, to, outcome) != CELERIAC_OK)
        return;
    if (s->config->url == NULL) {
        notify_outcome_fail(outcome, NOTIFY_OUTCOME_UNCONFIGURED, 0, "EMAIL_HOST is not configured",
                            "EMAIL_HOST is not configured");
        return;
    }
    transfer(s, strbuf_text(from), strbuf_text(to), mail.message_id, outcome);
}

static void smtp_send(void *state, const struct notify_message *message,
                      struct notify_outcome *outcome)
{
    struct smtp_state *s = state;
    struct strbuf from, to;

    strbuf_init(&from, 2 * NOTIFY_MIME_ADDRESS_MAX);
    strbuf_init(&to, 2 * NOTIFY_MIME_ADDRESS_MAX);
    write_and_transfer(s, message, &from, &to, outcome);
    strbuf_close(&from);
    strbuf_close(&to);
    if (s->message.cap > MESSAGE_KEPT)
        strbuf_close(&s->message);
    else
        strbuf_clear(&s->message);
}

const struct notify_provider notify_smtp_provider = {
    .create = smtp_create,
    .send = smtp_send,
    .destroy = smtp_destroy,
};
