/*
 * Content types that strangers chose, and bodies under them. The first line is the header, the rest
 * the body. Fields lie in the form's text and are UTF-8, there are no more of them than may be, and
 * what a form held is read again when it is written down.
 */
#include "tests/fuzz/fuzz_target.h"

#include <string.h>

#include "api/body.h"
#include "api/media_type.h"
#include "base/strbuf.h"

/* Longer bodies take long and teach nothing. */
#define INPUT_MAX ((size_t)16 * 1024)

/* Each byte may be written as %xx, after it became three. */
#define WRITTEN_MAX (3 * 3 * INPUT_MAX)

static void check_media_type(struct span header)
{
    static const char *const names[] = {"charset", "boundary", "name", "filename"};
    char value[MEDIA_PARAM_SIZE];
    struct span name = media_type_name(header);

    FUZZ_PROMISE(name.len <= header.len);
    FUZZ_PROMISE(span_equal(name, span_trim(name)));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (media_type_param(header, names[i], value))
            FUZZ_PROMISE(strlen(value) < sizeof value && strlen(value) < header.len);
    }
    if (media_type_covers(header, "application", "json"))
        FUZZ_PROMISE(media_type_accepts_us(name));
    (void)media_type_accepts_us(header);
}

static void add_escaped(struct strbuf *out, struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        strbuf_printf(out, "%%%02x", (unsigned char)text.ptr[i]);
}

static bool is_same(const struct form *a, const struct form *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!span_equal(form_name(a, &a->fields[i]), form_name(b, &b->fields[i])) ||
            !span_equal(form_value(a, &a->fields[i]), form_value(b, &b->fields[i])))
            return false;
    }
    return true;
}

/* Written as a browser would, the same fields come out. */
static void check_again(const struct form *form)
{
    struct strbuf written;
    struct form again;

    strbuf_init(&written, WRITTEN_MAX + 2 * FORM_FIELDS_MAX);
    form_init(&again);
    for (size_t i = 0; i < form->count; i++) {
        strbuf_add_text(&written, i > 0 ? "&" : "");
        add_escaped(&written, form_name(form, &form->fields[i]));
        strbuf_add_char(&written, '=');
        add_escaped(&written, form_value(form, &form->fields[i]));
    }
    FUZZ_PROMISE(strbuf_status(&written) == CELERIAC_OK);
    FUZZ_PROMISE(form_add_urlencoded(&again, strbuf_span(&written), CHARSET_UTF8, NULL) ==
                 CELERIAC_OK);
    FUZZ_PROMISE(is_same(form, &again));
    form_close(&again);
    strbuf_close(&written);
}

static void check_form(const struct form *form, struct span bytes)
{
    FUZZ_PROMISE(form->count <= FORM_FIELDS_MAX && form->files <= FORM_FILES_MAX);
    FUZZ_PROMISE(form->text.len <= 3 * bytes.len);
    for (size_t i = 0; i < form->count; i++) {
        const struct form_field *field = &form->fields[i];

        FUZZ_PROMISE(field->name_at + field->name_len <= form->text.len);
        FUZZ_PROMISE(field->value_at + field->value_len <= form->text.len);
        FUZZ_PROMISE(span_is_utf8(form_name(form, field)));
        FUZZ_PROMISE(span_is_utf8(form_value(form, field)));
    }
    FUZZ_PROMISE(form->count > 0 || form_find(form, "") == NULL);
    check_again(form);
}

/* The words of an error go into a document: they are there, and end. */
static void check_error(enum celeriac_err code, const struct celeriac_error *err)
{
    FUZZ_PROMISE(code == CELERIAC_ERR_UNSUPPORTED || code == CELERIAC_ERR_SYNTAX ||
                 code == CELERIAC_ERR_LIMIT);
    FUZZ_PROMISE(memchr(err->text, '\0', sizeof err->text) != NULL);
    FUZZ_PROMISE(code == CELERIAC_ERR_UNSUPPORTED || err->text[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span all = {(const char *)data, size}, header, bytes;
    struct celeriac_error err = {0};
    struct body body;
    enum celeriac_err code;

    if (size > INPUT_MAX)
        return 0;
    (void)span_cut(all, '\n', &header, &bytes);
    check_media_type(header);
    body_init(&body);
    code = body_parse(&body, header, bytes, &err);
    if (code != CELERIAC_OK)
        check_error(code, &err);
    else if (body.kind == BODY_FORM)
        check_form(&body.form, bytes);
    body_close(&body);
    return 0;
}
