#include "notify/providers/smtp_config.h"

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "notify/providers/curl_library.h"
#include "notify/providers/trust.h"

/* Longest name in EHLO (RFC 1035), and the default submission port. */
#define HELO_MAX 255
#define DEFAULT_PORT 587
#define PORT_MAX 65535

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static bool is_control(unsigned char c)
{
    return c < ' ' || c == 0x7F;
}

/* Every option ends up in a protocol line sooner or later, so none may hold a line end. */
static enum celeriac_err check_text(const char *name, const char *text, struct celeriac_error *err)
{
    if (text == NULL)
        return CELERIAC_OK;
    if (strlen(text) > SMTP_OPTION_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: longer than %d bytes", name,
                                  SMTP_OPTION_MAX);
    for (const char *c = text; *c != '\0'; c++) {
        if (is_control((unsigned char)*c))
            return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: has a control character", name);
    }
    return CELERIAC_OK;
}

static const char *name_of_host(const struct notify_smtp_options *o)
{
    return o->host_name != NULL ? o->host_name : "EMAIL_HOST";
}

static enum celeriac_err check_texts(const struct notify_smtp_options *o,
                                     struct celeriac_error *err)
{
    const struct {
        const char *name, *text;
    } texts[] = {
        {name_of_host(o), o->host},       {"EMAIL_HOST_USER", o->user},
        {"DEFAULT_FROM_EMAIL", o->from},  {"EMAIL_HOST_PASSWORD", o->password},
        {"CELERIAC_EMAIL_HELO", o->helo}, {"CELERIAC_EMAIL_CA_FILE", o->ca_file},
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        enum celeriac_err code = check_text(texts[i].name, texts[i].text, err);

        if (code != CELERIAC_OK)
            return code;
    }
    return CELERIAC_OK;
}

/* Nanoseconds to libcurl's milliseconds, at least one. */
static enum celeriac_err read_timeout(const char *name, int64_t ns, long fallback, long *ms,
                                      struct celeriac_error *err)
{
    if (ns < 0 || ns / NS_PER_MS > SMTP_TIMEOUT_MAX_MS)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: not between 0 and %d seconds", name,
                                  SMTP_TIMEOUT_MAX_MS / 1000);
    if (ns == 0)
        *ms = fallback;
    else
        *ms = ns < NS_PER_MS ? 1 : (long)(ns / NS_PER_MS);
    return CELERIAC_OK;
}

static enum celeriac_err copy(const char *text, char **out)
{
    *out = mem_dup(text);
    return *out != NULL ? CELERIAC_OK : CELERIAC_ERR_MEMORY;
}

/* The name for EHLO: as configured, else this machine's. It travels in the URL's path. */
static enum celeriac_err read_helo(const char *configured, char helo[HELO_MAX + 1],
                                   struct celeriac_error *err)
{
    if (!is_set(configured)) {
        if (gethostname(helo, HELO_MAX) != 0 || helo[0] == '\0')
            memcpy(helo, "localhost", sizeof "localhost");
        helo[HELO_MAX] = '\0';
    } else {
        size_t len = strlen(configured);

        if (len > HELO_MAX)
            return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                      "CELERIAC_EMAIL_HELO: longer than %d bytes", HELO_MAX);
        memcpy(helo, configured, len + 1);
    }
    for (const char *c = helo; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~')
            return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                      "CELERIAC_EMAIL_HELO: not a host name");
    }
    return CELERIAC_OK;
}

static CURLUcode set_parts(CURLU *parts, const char *host, unsigned port, const char *helo)
{
    char port_text[8];
    struct strbuf name;
    CURLUcode code;

    strbuf_init(&name, sizeof port_text - 1);
    strbuf_add_int(&name, port);
    memcpy(port_text, strbuf_text(&name), strbuf_span(&name).len + 1);
    strbuf_close(&name);

    strbuf_init(&name, SMTP_OPTION_MAX + 2);
    /* An IPv6 address stands in brackets in a URL. */
    strbuf_add_text(&name, strchr(host, ':') != NULL && host[0] != '[' ? "[" : "");
    strbuf_add_text(&name, host);
    strbuf_add_text(&name, strchr(host, ':') != NULL && host[0] != '[' ? "]" : "");
    code = strbuf_status(&name) == CELERIAC_OK ? CURLUE_OK : CURLUE_OUT_OF_MEMORY;
    if (code == CURLUE_OK)
        code = curl_url_set(parts, CURLUPART_SCHEME, "smtp", 0);
    if (code == CURLUE_OK)
        code = curl_url_set(parts, CURLUPART_HOST, strbuf_text(&name), 0);
    if (code == CURLUE_OK)
        code = curl_url_set(parts, CURLUPART_PORT, port_text, 0);
    if (code == CURLUE_OK)
        code = curl_url_set(parts, CURLUPART_PATH, helo, CURLU_URLENCODE);
    strbuf_close(&name);
    return code;
}

static enum celeriac_err build_url(const struct notify_smtp_options *o, unsigned port,
                                   const char *helo, char **url, struct celeriac_error *err)
{
    CURLU *parts = curl_url();
    char *text = NULL;
    CURLUcode status = parts != NULL ? set_parts(parts, o->host, port, helo) : CURLUE_OUT_OF_MEMORY;
    enum celeriac_err code;

    if (status == CURLUE_OK)
        status = curl_url_get(parts, CURLUPART_URL, &text, 0);
    if (status == CURLUE_OK)
        code = copy(text, url);
    else if (status == CURLUE_OUT_OF_MEMORY)
        code = CELERIAC_ERR_MEMORY;
    else
        code = celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: %s", name_of_host(o),
                                  curl_url_strerror(status));
    curl_free(text);
    curl_url_cleanup(parts);
    return code;
}

static enum celeriac_err copy_texts(struct notify_smtp_config *c,
                                    const struct notify_smtp_options *o)
{
    enum celeriac_err code = copy(o->host != NULL ? o->host : "", &c->host);

    if (code == CELERIAC_OK)
        code = copy(o->from != NULL ? o->from : "", &c->from);
    if (code != CELERIAC_OK || !is_set(o->user) || !is_set(o->password))
        return code;
    code = copy(o->user, &c->user);
    return code == CELERIAC_OK ? copy(o->password, &c->password) : code;
}

static enum celeriac_err read_timeouts(struct notify_smtp_config *c,
                                       const struct notify_smtp_options *o,
                                       struct celeriac_error *err)
{
    enum celeriac_err code = read_timeout("CELERIAC_EMAIL_CONNECT_TIMEOUT", o->connect_timeout_ns,
                                          SMTP_CONNECT_TIMEOUT_MS, &c->connect_timeout_ms, err);

    if (code != CELERIAC_OK)
        return code;
    return read_timeout("CELERIAC_EMAIL_TIMEOUT", o->timeout_ns, SMTP_TIMEOUT_MS, &c->timeout_ms,
                        err);
}

static enum celeriac_err fill(struct notify_smtp_config *c, const struct notify_smtp_options *o,
                              struct celeriac_error *err)
{
    char helo[HELO_MAX + 1] = "";
    enum celeriac_err code = check_texts(o, err);

    c->port = o->port != 0 ? o->port : DEFAULT_PORT;
    c->starttls = o->starttls;
    if (code == CELERIAC_OK && c->port > PORT_MAX)
        code = celeriac_error_set(err, CELERIAC_ERR_VALUE, "EMAIL_PORT: above %d", PORT_MAX);
    if (code == CELERIAC_OK)
        code = read_timeouts(c, o, err);
    if (code == CELERIAC_OK)
        code = read_helo(o->helo, helo, err);
    if (code == CELERIAC_OK && is_set(o->host))
        code = build_url(o, c->port, helo, &c->url, err);
    if (code == CELERIAC_OK)
        code = copy_texts(c, o);
    if (code == CELERIAC_OK && c->starttls)
        code = notify_trust_create(o->ca_file, "CELERIAC_EMAIL_CA_FILE", &c->trust, err);
    return code;
}

enum celeriac_err notify_smtp_config_create(const struct notify_smtp_options *options,
                                            struct notify_smtp_config **config,
                                            struct celeriac_error *err)
{
    struct notify_smtp_config *c;
    enum celeriac_err code;

    code = notify_curl_start(err);
    if (code != CELERIAC_OK)
        return code;
    c = mem_calloc(1, sizeof *c);
    if (c == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "%s",
                                  celeriac_err_name(CELERIAC_ERR_MEMORY));
    code = fill(c, options, err);
    if (code != CELERIAC_OK) {
        notify_smtp_config_destroy(c);
        return celeriac_error_set(err, code, "%s", celeriac_err_name(code));
    }
    *config = c;
    return CELERIAC_OK;
}

void notify_smtp_config_destroy(struct notify_smtp_config *config)
{
    if (config == NULL)
        return;
    if (config->password != NULL)
        OPENSSL_cleanse(config->password, strlen(config->password));
    notify_trust_destroy(config->trust);
    mem_free(config->password);
    mem_free(config->user);
    mem_free(config->from);
    mem_free(config->host);
    mem_free(config->url);
    mem_free(config);
}
