#include "worker/main/banner.h"

#define BOLD "\033[1m"
#define PLAIN "\033[0m"

/* The position of the last c before `end`, or `end` when there is none. */
static size_t last_before(struct span text, size_t end, char c)
{
    for (size_t i = end; i > 0; i--)
        if (text.ptr[i - 1] == c)
            return i - 1;
    return end;
}

/* Everything between the user's colon and the last '@' of the authority is a password. */
static void mask_one(struct span url, struct strbuf *out)
{
    size_t start = 0;
    size_t end;
    size_t at;
    size_t colon;

    while (start + 3 <= url.len &&
           !span_starts((struct span){url.ptr + start, url.len - start}, SPAN("://")))
        start++;
    start = start + 3 <= url.len ? start + 3 : 0;
    /* An unescaped '/' may be part of the password: look for the '@' in all of it. */
    end = url.len;
    at = last_before(url, end, '@');
    if (at == end || at < start) {
        strbuf_add_span(out, url);
        return;
    }
    for (colon = start; colon < at && url.ptr[colon] != ':'; colon++)
        continue;
    strbuf_add(out, url.ptr, colon);
    strbuf_add_text(out, colon < at ? ":**" : "");
    strbuf_add(out, url.ptr + at, url.len - at);
}

void banner_mask(struct span urls, struct strbuf *out)
{
    struct span url;
    struct span rest = urls;
    bool more = true;

    while (more) {
        more = span_cut(rest, ';', &url, &rest);
        mask_one(url, out);
        if (more)
            strbuf_add_char(out, ';');
    }
}

static void add_heading(struct strbuf *out, const char *text, bool colors)
{
    strbuf_printf(out, "\n%s[%s]%s\n", colors ? BOLD : "", text, colors ? PLAIN : "");
}

static void add_config(struct strbuf *out, const char *name, const char *value)
{
    strbuf_printf(out, ".> %-13s", name);
    strbuf_add_text(out, value);
    strbuf_add_char(out, '\n');
}

static void add_url(struct strbuf *out, const char *name, const char *url)
{
    strbuf_printf(out, ".> %-13s", name);
    banner_mask(span_of(url), out);
    strbuf_add_char(out, '\n');
}

void banner_write(const struct banner *banner, bool colors, struct strbuf *out)
{
    struct span rest = span_of(banner->queues);
    bool more = true;

    strbuf_printf(out, "\n%s%s%s celeriac-worker %s\n", colors ? BOLD : "", banner->nodename,
                  colors ? PLAIN : "", banner->version);
    add_heading(out, "config", colors);
    add_url(out, "transport:", banner->broker);
    add_url(out, "results:", banner->results);
    add_config(out, "concurrency:", banner->concurrency);
    add_config(out, "task events:", banner->events);
    if (banner->http)
        add_config(out, "http:", banner->http);
    add_heading(out, "queues", colors);
    while (more) {
        struct span queue;

        more = span_cut(rest, ',', &queue, &rest);
        queue = span_trim(queue);
        if (queue.len > 0) {
            strbuf_add_text(out, ".> ");
            strbuf_add_span(out, queue);
            strbuf_add_char(out, '\n');
        }
    }
    add_heading(out, "tasks", colors);
    for (size_t i = 0; i < banner->task_count; i++)
        strbuf_printf(out, "  . %s\n", banner->tasks[i]);
    strbuf_add_char(out, '\n');
}
