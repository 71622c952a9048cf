#include "celery_proto/redis/sentinel.h"

#include <string.h>

#include "base/clock.h"
#include "base/parse_num.h"
#include "base/strbuf.h"
#include "celery_proto/redis/link.h"
#include "celery_proto/redis/resp.h"

/* Longest question: three words, one of them the master's name from an option. */
#define QUESTION_BYTES_MAX ((size_t)2 * CEL_URL_TEXT_MAX)

static struct span field(const struct redisReply *reply, const char *name)
{
    for (size_t i = 0; i + 1 < cel_reply_count(reply); i += 2) {
        if (span_is(cel_reply_span(cel_reply_at(reply, i)), name))
            return cel_reply_span(cel_reply_at(reply, i + 1));
    }
    return (struct span){0};
}

static bool has_flag(struct span flags, const char *flag)
{
    while (flags.len > 0) {
        struct span one;
        struct span rest;
        (void)span_cut(flags, ',', &one, &rest);
        if (span_is(one, flag))
            return true;
        flags = rest;
    }
    return false;
}

enum celeriac_err sentinel_read_master(const struct redisReply *reply, uint32_t min_other_sentinels,
                                       struct sentinel_answer *answer, struct celeriac_error *err)
{
    struct celeriac_error why = {0};
    struct sentinel_answer found = {0};
    int64_t others = 0;
    int64_t port = 0;

    if (cel_reply_check(reply, &why) == CELERIAC_ERR_AUTH)
        return celeriac_error_set(err, CELERIAC_ERR_AUTH, "%s", why.text);
    if (cel_reply_is_error(reply))
        return celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE, "%s", why.text);
    struct span flags = field(reply, "flags");
    if (!has_flag(flags, "master") || has_flag(flags, "s_down") || has_flag(flags, "o_down"))
        return celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE, "the master is down (%.*s)",
                                  SPAN_PRINTF(flags));
    if (parse_int64(field(reply, "num-other-sentinels"), 0, UINT32_MAX, &others) != CELERIAC_OK ||
        others < min_other_sentinels)
        return celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE,
                                  "it sees fewer than %u other sentinels", min_other_sentinels);
    struct span host = field(reply, "ip");
    if (host.len == 0 || host.len >= sizeof found.host ||
        memchr(host.ptr, '\0', host.len) != NULL ||
        parse_int64(field(reply, "port"), 1, UINT16_MAX, &port) != CELERIAC_OK)
        return celeriac_error_set(err, CELERIAC_ERR_PROTOCOL, "the master's address is unusable");
    memcpy(found.host, host.ptr, host.len);
    found.port = (uint16_t)port;
    *answer = found;
    return CELERIAC_OK;
}

/* Asks to be told when the sentinel has made another server the master. */
static enum celeriac_err subscribe(struct cel_link *link, struct link_patience patience,
                                   struct celeriac_error *err)
{
    static const char command[] = "*2\r\n$9\r\nSUBSCRIBE\r\n$14\r\n+switch-master\r\n";
    struct redisReply *reply = NULL;
    enum celeriac_err code =
        link_send(link, (struct span){command, sizeof command - 1}, patience, err);
    if (code == CELERIAC_OK)
        code = link_receive(link, patience, &reply, err);
    if (code == CELERIAC_OK)
        code = cel_reply_check(reply, err);
    cel_reply_destroy(reply);
    return code;
}

/* Whether a message of +switch-master, "name old-ip old-port ip port", is about our master. */
static bool is_about(const struct redisReply *reply, const char *master_name)
{
    struct span name;
    struct span rest;
    if (!span_is(cel_reply_span(cel_reply_at(reply, 0)), "message"))
        return false;
    (void)span_cut(cel_reply_span(cel_reply_at(reply, 2)), ' ', &name, &rest);
    return span_is(name, master_name);
}

enum sentinel_news sentinel_hear(const struct cel_broker_url *url, struct cel_link *link)
{
    enum sentinel_news news = SENTINEL_QUIET;
    if (!link_is_open(link))
        return SENTINEL_LOST;
    for (;;) {
        struct redisReply *reply = NULL;
        if (link_try_receive(link, &reply, NULL) != CELERIAC_OK) {
            link_close(link);
            return news == SENTINEL_MOVED ? news : SENTINEL_LOST;
        }
        if (reply == NULL)
            return news;
        if (is_about(reply, cel_broker_url_sentinel(url)->master_name))
            news = SENTINEL_MOVED;
        cel_reply_destroy(reply);
    }
}

static enum celeriac_err ask(const struct cel_broker_url *url, const struct cel_endpoint *sentinel,
                             struct cel_link *link, int64_t deadline_ns,
                             struct sentinel_answer *answer, struct celeriac_error *err)
{
    const struct cel_sentinel_options *options = cel_broker_url_sentinel(url);
    struct link_patience patience = {.deadline_ns = deadline_ns};
    struct redisReply *reply = NULL;
    struct strbuf question;
    enum celeriac_err code = link_open(link, sentinel, NULL, deadline_ns, err);
    if (code != CELERIAC_OK)
        return code;
    strbuf_init(&question, QUESTION_BYTES_MAX);
    resp_begin(&question, 3);
    resp_arg(&question, SPAN("SENTINEL"));
    resp_arg(&question, SPAN("MASTER"));
    resp_arg(&question, span_of(options->master_name));
    code = strbuf_status(&question);
    if (code != CELERIAC_OK)
        (void)celeriac_error_set(err, code, "no memory to ask a sentinel");
    if (code == CELERIAC_OK)
        code = link_send(link, strbuf_span(&question), patience, err);
    if (code == CELERIAC_OK)
        code = link_receive(link, patience, &reply, err);
    if (code == CELERIAC_OK)
        code = sentinel_read_master(reply, options->min_other_sentinels, answer, err);
    cel_reply_destroy(reply);
    strbuf_close(&question);
    if (code == CELERIAC_OK)
        code = subscribe(link, patience, err);
    if (code != CELERIAC_OK)
        link_close(link);
    return code;
}

enum celeriac_err sentinel_find_master(struct cel_broker_url *url, struct cel_link *link,
                                       int64_t deadline_ns, struct sentinel_answer *answer,
                                       struct celeriac_error *err)
{
    const struct cel_sentinel_options *options = cel_broker_url_sentinel(url);
    uint32_t timeout_ms = options->timeout_ms != 0 ? options->timeout_ms : SENTINEL_TIMEOUT_MS;
    size_t count = cel_broker_url_count(url);
    size_t first = cel_broker_url_current(url);
    struct celeriac_error why = {0};
    enum celeriac_err code = CELERIAC_ERR_UNAVAILABLE;

    for (size_t i = 0; i < count; i++) {
        size_t index = (first + i) % count;
        int64_t now = clock_monotonic_ns();
        int64_t until = now + timeout_ms * NS_PER_MS;
        if (now >= deadline_ns)
            break;
        celeriac_error_clear(&why);
        code = ask(url, cel_broker_url_endpoint(url, index), link,
                   until < deadline_ns ? until : deadline_ns, answer, &why);
        if (code == CELERIAC_OK) {
            cel_broker_url_choose(url, index);
            return CELERIAC_OK;
        }
    }
    if (code != CELERIAC_ERR_AUTH)
        code = CELERIAC_ERR_UNAVAILABLE;
    return celeriac_error_set(err, code, "no sentinel names a master \"%s\": %s",
                              options->master_name, why.text[0] != '\0' ? why.text : "no time");
}
