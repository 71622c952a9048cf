#include "api/form.h"

#include <string.h>

#include "base/alloc.h"
#include "base/parse_num.h"

/* Fields that a first allocation has room for; our widest form has eight. */
#define FIELDS_FIRST 8

void form_init(struct form *f)
{
    memset(f, 0, sizeof *f);
    strbuf_init(&f->text, FORM_BYTES_MAX);
}

void form_close(struct form *f)
{
    strbuf_close(&f->text);
    mem_free(f->fields);
    form_init(f);
}

static enum celeriac_err grow(struct form *f)
{
    size_t cap = f->cap ? f->cap * 2 : FIELDS_FIRST;
    struct form_field *fields;

    if (f->count < f->cap)
        return CELERIAC_OK;
    fields = mem_resize(f->fields, cap, sizeof *fields);
    if (!fields)
        return CELERIAC_ERR_MEMORY;
    f->fields = fields;
    f->cap = cap;
    return CELERIAC_OK;
}

enum celeriac_err form_add(struct form *f, struct span name, struct span value, bool is_file,
                           enum charset charset)
{
    enum celeriac_err rc = grow(f);
    struct form_field *field;

    if (rc != CELERIAC_OK)
        return rc;
    field = &f->fields[f->count];
    field->name_at = f->text.len;
    charset_decode_replace(&f->text, name, charset);
    field->name_len = f->text.len - field->name_at;
    field->value_at = f->text.len;
    charset_decode_replace(&f->text, value, charset);
    field->value_len = f->text.len - field->value_at;
    field->is_file = is_file;
    rc = strbuf_status(&f->text);
    if (rc == CELERIAC_OK)
        f->count++;
    return rc;
}

/* How the bytes of an urlencoded text become characters. */
struct encoding {
    enum charset charset;
    bool raw_is_latin1; /* bytes that stand there without a '%' */
};

/*
 * QueryDict: a text that is not wholly in its charset is read as Latin-1, though what is written as
 * %xx is still meant in that charset.
 */
static struct encoding encoding_of(struct span text, enum charset charset)
{
    struct encoding e = {charset, false};

    if (charset == CHARSET_UTF8) {
        e.raw_is_latin1 = !span_is_utf8(text);
    } else if (charset == CHARSET_ASCII) {
        for (size_t i = 0; i < text.len && !e.raw_is_latin1; i++)
            e.raw_is_latin1 = (unsigned char)text.ptr[i] >= 0x80;
    }
    return e;
}

static void add_raw(struct strbuf *out, char c, const struct encoding *e)
{
    if ((unsigned char)c >= 0x80 && e->raw_is_latin1)
        charset_add_char(out, (unsigned char)c);
    else
        strbuf_add_char(out, c);
}

static void add_escaped(struct strbuf *out, char c, const struct encoding *e)
{
    if ((unsigned char)c >= 0x80 && e->charset == CHARSET_ASCII)
        charset_decode_replace(out, (struct span){&c, 1}, CHARSET_ASCII);
    else
        strbuf_add_char(out, c);
}

/* Replaces '+' and %xx; what follows a stray '%' stays as it is. */
static void unquote(struct span text, const struct encoding *e, struct strbuf *out)
{
    strbuf_clear(out);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '%' && text.len - i > 2) {
            int high = parse_hex_digit(text.ptr[i + 1]), low = parse_hex_digit(text.ptr[i + 2]);

            if (high >= 0 && low >= 0) {
                add_escaped(out, (char)(high << 4 | low), e);
                i += 2;
                continue;
            }
        }
        add_raw(out, c == '+' ? ' ' : c, e);
    }
}

static enum celeriac_err add_pair(struct form *f, struct span pair, const struct encoding *e,
                                  struct strbuf *name, struct strbuf *value)
{
    struct span key, text;

    (void)span_cut(pair, '=', &key, &text);
    unquote(key, e, name);
    unquote(text, e, value);
    if (strbuf_status(name) != CELERIAC_OK || strbuf_status(value) != CELERIAC_OK)
        return CELERIAC_ERR_MEMORY;
    /* Bytes beyond ASCII are UTF-8 by now, or were written as %xx. */
    return form_add(f, strbuf_span(name), strbuf_span(value), false,
                    e->charset == CHARSET_ASCII ? CHARSET_UTF8 : e->charset);
}

static size_t count_fields(struct span text)
{
    size_t n = text.len > 0;

    for (size_t i = 0; i < text.len; i++)
        n += text.ptr[i] == '&';
    return n;
}

enum celeriac_err form_add_urlencoded(struct form *f, struct span text, enum charset charset,
                                      struct celeriac_error *err)
{
    const struct encoding encoding = encoding_of(text, charset);
    enum celeriac_err rc = CELERIAC_OK;
    struct strbuf name, value;
    bool more = text.len > 0;

    if (count_fields(text) > FORM_FIELDS_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT,
                                  "The number of GET/POST parameters exceeded "
                                  "settings.DATA_UPLOAD_MAX_NUMBER_FIELDS.");
    /* A byte of Latin-1 becomes two, a broken one three. */
    strbuf_init(&name, 3 * text.len);
    strbuf_init(&value, 3 * text.len);
    while (more && rc == CELERIAC_OK) {
        struct span pair;

        more = span_cut(text, '&', &pair, &text);
        if (pair.len > 0)
            rc = add_pair(f, pair, &encoding, &name, &value);
    }
    strbuf_close(&name);
    strbuf_close(&value);
    if (rc != CELERIAC_OK)
        return celeriac_error_set(err, rc, "no memory for the form");
    return CELERIAC_OK;
}

const struct form_field *form_find(const struct form *f, const char *name)
{
    const struct form_field *text = NULL;

    for (size_t i = f->count; i > 0; i--) {
        const struct form_field *field = &f->fields[i - 1];

        if ((text && !field->is_file) || !span_is(form_name(f, field), name))
            continue;
        if (field->is_file)
            return field;
        text = field;
    }
    return text;
}

struct span form_name(const struct form *f, const struct form_field *field)
{
    return (struct span){strbuf_text(&f->text) + field->name_at, field->name_len};
}

struct span form_value(const struct form *f, const struct form_field *field)
{
    return (struct span){strbuf_text(&f->text) + field->value_at, field->value_len};
}
