#include "notify/providers/mailbox.h"

#include <string.h>

#include "notify/providers/header_fold.h"
#include "notify/providers/mime.h"

/* Longest label of a domain name, RFC 1035. */
#define LABEL_MAX 63

struct cursor {
    const char *at;
    const char *end;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* What cannot stand in an atom: RFC 5322's specials, white space and control characters. */
static bool ends_atom(char c)
{
    unsigned char u = (unsigned char)c;

    return u <= ' ' || u == 0x7F || strchr("()<>@,:;.\"[]\\", c) != NULL;
}

static void skip_blanks(struct cursor *c)
{
    while (c->at < c->end && is_blank(*c->at))
        c->at++;
}

static struct span take_atom(struct cursor *c)
{
    const char *start = c->at;

    while (c->at < c->end && !ends_atom(*c->at))
        c->at++;
    return (struct span){start, (size_t)(c->at - start)};
}

/* The text between quotes, its escapes undone. The cursor stands on the opening quote. */
static bool take_quoted(struct cursor *c, struct strbuf *out)
{
    for (c->at++; c->at < c->end; c->at++) {
        unsigned char u;

        if (*c->at == '"') {
            c->at++;
            return true;
        }
        if (*c->at == '\\' && ++c->at == c->end)
            return false;
        u = (unsigned char)*c->at;
        if ((u < ' ' && u != '\t') || u == 0x7F)
            return false;
        strbuf_add_char(out, *c->at);
    }
    return false;
}

/* Words and dots in front of '<'. */
static bool take_name(struct cursor *c, struct strbuf *name)
{
    bool gap = false;

    skip_blanks(c);
    while (c->at < c->end && *c->at != '<') {
        size_t before = strbuf_span(name).len;

        if (gap && before > 0)
            strbuf_add_char(name, ' ');
        if (*c->at == '"') {
            if (!take_quoted(c, name))
                return false;
        } else if (*c->at == '.') {
            strbuf_add_char(name, '.');
            c->at++;
        } else {
            struct span atom = take_atom(c);

            if (atom.len == 0)
                return false;
            strbuf_add_span(name, atom);
        }
        gap = c->at < c->end && is_blank(*c->at);
        skip_blanks(c);
    }
    return c->at < c->end;
}

/* Atoms and dots in any order, or one quoted string: what Python lets pass. */
static bool take_local(struct cursor *c, struct strbuf *local)
{
    const char *start = c->at;

    if (c->at < c->end && *c->at == '"')
        return take_quoted(c, local);
    while (c->at < c->end && (*c->at == '.' || !ends_atom(*c->at)))
        c->at++;
    strbuf_add(local, start, (size_t)(c->at - start));
    return c->at > start;
}

static bool take_literal(struct cursor *c)
{
    for (c->at++; c->at < c->end && *c->at != ']'; c->at++) {
        unsigned char u = (unsigned char)*c->at;

        if (u <= ' ' || u >= 0x7F || u == '[' || u == '\\')
            return false;
    }
    if (c->at == c->end)
        return false;
    c->at++;
    return true;
}

static enum celeriac_err take_domain(struct cursor *c, struct span *domain)
{
    const char *start = c->at;
    bool more = true;

    if (c->at < c->end && *c->at == '[') {
        if (!take_literal(c))
            return CELERIAC_ERR_SYNTAX;
        *domain = (struct span){start, (size_t)(c->at - start)};
        return CELERIAC_OK;
    }
    while (more) {
        struct span label = take_atom(c);

        if (label.len == 0)
            return CELERIAC_ERR_SYNTAX;
        if (!header_is_ascii(label))
            return CELERIAC_ERR_UNSUPPORTED;
        if (label.len > LABEL_MAX)
            return CELERIAC_ERR_LIMIT;
        more = c->at < c->end && *c->at == '.';
        if (more)
            c->at++;
    }
    *domain = (struct span){start, (size_t)(c->at - start)};
    return CELERIAC_OK;
}

static enum celeriac_err take_address(struct cursor *c, struct mailbox *m)
{
    if (!take_local(c, &m->local))
        return CELERIAC_ERR_SYNTAX;
    if (c->at == c->end || *c->at != '@')
        return CELERIAC_OK;
    c->at++;
    return take_domain(c, &m->domain);
}

/* Whether text has a '<' outside of quotes: "Name <address>". */
static bool is_name_address(struct span text)
{
    bool quoted = false;

    for (size_t i = 0; i < text.len; i++) {
        if (quoted && text.ptr[i] == '\\')
            i++;
        else if (text.ptr[i] == '"')
            quoted = !quoted;
        else if (text.ptr[i] == '<' && !quoted)
            return true;
    }
    return false;
}

static enum celeriac_err parse(struct mailbox *m, struct span text)
{
    struct cursor c = {text.ptr, text.ptr + text.len};
    bool angle = is_name_address(text);
    enum celeriac_err code;

    if (angle) {
        if (!take_name(&c, &m->name))
            return CELERIAC_ERR_SYNTAX;
        c.at++;
    } else {
        skip_blanks(&c);
    }
    code = take_address(&c, m);
    if (code != CELERIAC_OK)
        return code;
    if (angle && (c.at == c.end || *c.at++ != '>'))
        return CELERIAC_ERR_SYNTAX;
    skip_blanks(&c);
    if (c.at < c.end)
        return CELERIAC_ERR_SYNTAX;
    if (strbuf_status(&m->name) != CELERIAC_OK)
        return strbuf_status(&m->name);
    return strbuf_status(&m->local);
}

enum celeriac_err mailbox_parse(struct mailbox *m, struct span text)
{
    enum celeriac_err code;

    strbuf_init(&m->name, NOTIFY_MIME_ADDRESS_MAX);
    strbuf_init(&m->local, NOTIFY_MIME_ADDRESS_MAX);
    m->domain = (struct span){NULL, 0};
    if (text.len == 0 || text.len > NOTIFY_MIME_ADDRESS_MAX || !span_is_utf8(text))
        return CELERIAC_ERR_SYNTAX;
    code = parse(m, text);
    if (code != CELERIAC_OK)
        mailbox_close(m);
    return code;
}

void mailbox_close(struct mailbox *m)
{
    strbuf_close(&m->name);
    strbuf_close(&m->local);
}

static void add_quoted(struct strbuf *out, struct span text)
{
    strbuf_add_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"' || text.ptr[i] == '\\')
            strbuf_add_char(out, '\\');
        strbuf_add_char(out, text.ptr[i]);
    }
    strbuf_add_char(out, '"');
}

static bool has_any(struct span text, const char *set)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '\0' && strchr(set, text.ptr[i]) != NULL)
            return true;
    }
    return false;
}

static bool is_atoms(struct span local)
{
    for (size_t i = 0; i < local.len; i++) {
        if (local.ptr[i] != '.' && ends_atom(local.ptr[i]))
            return false;
    }
    return local.len > 0;
}

/* A local part beyond ASCII as one encoded word. */
static enum celeriac_err add_encoded_local(struct strbuf *out, struct span local)
{
    size_t before = strbuf_span(out).len;
    enum celeriac_err code = header_fold(out, local, HEADER_UTF8, 0, "\n");
    struct span all = strbuf_span(out);

    if (code != CELERIAC_OK)
        return code;
    /* Nothing at all is left of line separators. */
    if (all.len == before || memchr(all.ptr + before, '\n', all.len - before) != NULL) {
        strbuf_truncate(out, before);
        return CELERIAC_ERR_SYNTAX;
    }
    return CELERIAC_OK;
}

enum celeriac_err mailbox_write_bare(const struct mailbox *m, struct strbuf *out)
{
    struct span local = strbuf_span(&m->local);

    if (!header_is_ascii(local)) {
        enum celeriac_err code = add_encoded_local(out, local);

        if (code != CELERIAC_OK)
            return code;
    } else if (is_atoms(local)) {
        strbuf_add_span(out, local);
    } else {
        add_quoted(out, local);
    }
    if (m->domain.len > 0) {
        strbuf_add_char(out, '@');
        strbuf_add_span(out, m->domain);
    }
    return strbuf_status(out);
}

/* The display name: encoded when it is beyond ASCII, quoted when it has specials (formataddr()). */
static enum celeriac_err add_name(struct strbuf *out, struct span name)
{
    struct strbuf folded;
    struct span ready;
    bool ascii = header_is_ascii(name);
    enum celeriac_err code;

    strbuf_init(&folded, 4 * NOTIFY_MIME_ADDRESS_MAX);
    code = header_fold(&folded, name, ascii ? HEADER_ASCII : HEADER_UTF8, 0, "\n");
    if (code == CELERIAC_OK) {
        ready = strbuf_span(&folded);
        if (has_any(ready, "()<>@,:;\".[]\\"))
            add_quoted(out, ready);
        else
            strbuf_add_span(out, ready);
        code = strbuf_status(out);
    }
    strbuf_close(&folded);
    return code;
}

enum celeriac_err mailbox_write_header(const struct mailbox *m, struct strbuf *out)
{
    struct span name = strbuf_span(&m->name);
    enum celeriac_err code;

    if (name.len == 0)
        return mailbox_write_bare(m, out);
    code = add_name(out, name);
    if (code != CELERIAC_OK)
        return code;
    strbuf_add_text(out, " <");
    code = mailbox_write_bare(m, out);
    strbuf_add_char(out, '>');
    return code == CELERIAC_OK ? strbuf_status(out) : code;
}
