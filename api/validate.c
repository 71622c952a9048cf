#include "api/validate.h"

#include <stdio.h>
#include <string.h>

#include "api/charset.h"
#include "api/python_value.h"
#include "base/alloc.h"
#include "base/iso8601.h"
#include "base/parse_num.h"
#include "notify/rules/channel.h"
#include "notify/rules/python_text.h"

/* IntegerField.MAX_STRING_LENGTH, and Python's limit on the digits of an int. */
#define INTEGER_TEXT_MAX 1000

/* Most bytes that a value can have: an escape of six bytes stands for at least one. */
#define VALUE_MAX FORM_BYTES_MAX

/* Most bytes of a list of choices: all of them many times over, and little memory for its items. */
#define CHOICES_TEXT_MAX 16384

/* The longest message made here: a limit or a code point in a sentence. */
#define MESSAGE_SIZE 96

/* One field while it is looked at. */
struct inspection {
    const struct field *field;
    const struct body *body;
    struct value *value;
    struct problems *problems;
    struct strbuf text;
};

static void complain(struct inspection *in, const char *message)
{
    problems_add(in->problems, in->field->name, message);
}

/* Makes the text gathered so far the value's own, cut to `part` of it. */
static enum celeriac_err keep(struct inspection *in, struct span part)
{
    size_t at = part.len ? (size_t)(part.ptr - strbuf_text(&in->text)) : 0;
    enum celeriac_err rc = strbuf_take(&in->text, &in->value->owned, NULL);

    if (rc != CELERIAC_OK)
        return rc;
    in->value->text = (struct span){in->value->owned + at, part.len};
    in->value->state = VALUE_SET;
    return CELERIAC_OK;
}

/* Field.get_value() for forms: there is no null, and an empty field may mean that it is missing. */
static struct raw raw_of_form(const struct form *form, const struct field *f, bool partial)
{
    const struct form_field *found = form_find(form, f->name);
    struct raw raw = {RAW_MISSING, NULL, {NULL, 0}};

    if (!found) {
        if (f->type == FIELD_BOOLEAN && !partial)
            raw.kind = f->allow_null ? RAW_NULL : RAW_FALSE;
        return raw;
    }
    raw.kind = found->is_file ? RAW_FILE : RAW_TEXT;
    raw.text = form_value(form, found);
    if (raw.text.len > 0 || f->type == FIELD_JSON || f->allow_blank)
        return raw;
    if (f->allow_null)
        raw.kind = RAW_NULL;
    else if (!f->required)
        raw.kind = RAW_MISSING;
    return raw;
}

static struct raw raw_of(const struct body *body, const struct field *f, bool partial)
{
    if (body->kind == BODY_FORM)
        return raw_of_form(&body->form, f, partial);
    if (body->kind == BODY_JSON)
        return raw_of_json(json_get(json_root(&body->json), f->name));
    return (struct raw){RAW_MISSING, NULL, {NULL, 0}};
}

static bool is_text_field(const struct field *f)
{
    return f->type == FIELD_TEXT || f->type == FIELD_EMAIL;
}

/* The validators of a CharField, all of which report. Returns whether all agree. */
static bool check_text(struct inspection *in, struct span text)
{
    const struct field *f = in->field;
    char message[MESSAGE_SIZE];
    uint32_t code;
    bool good = true;

    if (f->max_length > 0 && python_text_length(text) > f->max_length) {
        (void)snprintf(message, sizeof message, "Ensure this field has no more than %u characters.",
                       f->max_length);
        complain(in, message);
        good = false;
    }
    if (text.len > 0 && memchr(text.ptr, '\0', text.len)) {
        complain(in, "Null characters are not allowed.");
        good = false;
    }
    if (charset_find_surrogate(text, &code)) {
        (void)snprintf(message, sizeof message, "Surrogate characters are not allowed: U+%X.",
                       code);
        complain(in, message);
        good = false;
    }
    if (f->type == FIELD_EMAIL && !notify_address_is_django_email(text)) {
        complain(in, "Enter a valid email address.");
        good = false;
    }
    return good;
}

static enum celeriac_err take_text(struct inspection *in, const struct raw *raw)
{
    enum celeriac_err rc;
    struct span text;

    if (raw->kind == RAW_FALSE || raw->kind == RAW_TRUE || raw->kind == RAW_CONTAINER ||
        raw->kind == RAW_FILE) {
        complain(in, in->field->type == FIELD_EMAIL ? "Enter a valid email address."
                                                    : "Not a valid string.");
        return CELERIAC_OK;
    }
    rc = raw_to_text(raw, &in->text);
    if (rc != CELERIAC_OK)
        return rc;
    text = python_text_strip(strbuf_span(&in->text));
    if (text.len == 0) {
        if (in->field->allow_blank)
            return keep(in, text);
        complain(in, "This field may not be blank.");
        return CELERIAC_OK;
    }
    if (!check_text(in, text))
        return CELERIAC_OK;
    if (in->field->check && !in->field->check(text)) {
        complain(in, in->field->check_message);
        return CELERIAC_OK;
    }
    return keep(in, text);
}

/* The place of a text among the field's choices; -1: it is none of them. */
static int find_choice(const struct field *f, struct span text)
{
    for (int i = 0; f->choices[i]; i++) {
        if (span_is(text, f->choices[i]))
            return i;
    }
    return -1;
}

static enum celeriac_err complain_of_choice(struct inspection *in, struct span text)
{
    struct strbuf message;
    enum celeriac_err rc;

    strbuf_init(&message, VALUE_MAX);
    strbuf_add_char(&message, '"');
    strbuf_add_span(&message, text);
    strbuf_add_text(&message, "\" is not a valid choice.");
    rc = strbuf_status(&message);
    if (rc == CELERIAC_OK)
        problems_add_span(in->problems, in->field->name, strbuf_span(&message));
    strbuf_close(&message);
    return rc;
}

static enum celeriac_err take_choice(struct inspection *in, const struct raw *raw)
{
    enum celeriac_err rc = raw_to_text(raw, &in->text);

    if (rc != CELERIAC_OK)
        return rc;
    if (find_choice(in->field, strbuf_span(&in->text)) >= 0)
        return keep(in, strbuf_span(&in->text));
    return complain_of_choice(in, strbuf_span(&in->text));
}

/* One of several choices; *good becomes false when it is none. */
static enum celeriac_err add_choice(struct inspection *in, const struct raw *raw, bool *good)
{
    enum celeriac_err rc;
    int place;

    strbuf_clear(&in->text);
    rc = raw_to_text(raw, &in->text);
    if (rc != CELERIAC_OK)
        return rc;
    place = find_choice(in->field, strbuf_span(&in->text));
    if (place >= 0) {
        in->value->chosen |= UINT32_C(1) << place;
        return CELERIAC_OK;
    }
    *good = false;
    return complain_of_choice(in, strbuf_span(&in->text));
}

/* All fields of a form with that name, as QueryDict.getlist() has them. */
static enum celeriac_err add_form_choices(struct inspection *in, bool *good)
{
    const struct form *form = &in->body->form;
    enum celeriac_err rc = CELERIAC_OK;

    for (size_t i = 0; i < form->count && rc == CELERIAC_OK && *good; i++) {
        const struct form_field *f = &form->fields[i];
        struct raw raw = {f->is_file ? RAW_FILE : RAW_TEXT, NULL, form_value(form, f)};

        if (span_is(form_name(form, f), in->field->name))
            rc = add_choice(in, &raw, good);
    }
    return rc;
}

/* All items of a list, which the body has kept as text. */
static enum celeriac_err add_json_choices(struct inspection *in, struct span list, bool *good)
{
    const struct json_options options = {.keep_depth = 2};
    struct json_doc doc;
    enum celeriac_err rc;

    if (list.len > CHOICES_TEXT_MAX) {
        complain(in, "Ensure this field has no more than 16384 characters.");
        *good = false;
        return CELERIAC_OK;
    }
    json_init(&doc);
    rc = json_parse(&doc, list, &options, NULL);
    if (rc == CELERIAC_OK) {
        const struct json_node *root = json_root(&doc);

        for (const struct json_node *e = json_first(root); e && rc == CELERIAC_OK && *good;
             e = json_next(root, e)) {
            struct raw item = raw_of_json(e);

            rc = add_choice(in, &item, good);
        }
    }
    json_close(&doc);
    return rc;
}

static enum celeriac_err take_choices(struct inspection *in, const struct raw *raw)
{
    enum celeriac_err rc;
    char message[MESSAGE_SIZE];
    bool good = true;

    if (raw->node && raw->node->type != JSON_ARRAY) {
        (void)snprintf(message, sizeof message, "Expected a list of items but got type \"%s\".",
                       raw_type_name(raw->node));
        complain(in, message);
        return CELERIAC_OK;
    }
    rc = raw->node ? add_json_choices(in, json_raw(raw->node), &good) : add_form_choices(in, &good);
    if (rc != CELERIAC_OK || !good)
        return rc;
    if (in->value->chosen == 0)
        complain(in, "This selection may not be empty.");
    else
        in->value->state = VALUE_SET;
    return CELERIAC_OK;
}

/* BooleanField's two sets. Python's 1.0 equals 1, so numbers are compared by value. */
static bool read_boolean(struct span text, const struct raw *raw, bool *truth)
{
    static const char *const yes[] = {"t", "y", "yes", "true", "on", "1", NULL};
    static const char *const no[] = {"f", "n", "no", "false", "off", "0", NULL};

    if (raw->kind == RAW_FLOAT &&
        (span_is(text, "1.0") || span_is(text, "0.0") || span_is(text, "-0.0"))) {
        *truth = span_is(text, "1.0");
        return true;
    }
    for (size_t i = 0; yes[i]; i++) {
        if (span_is_nocase(text, yes[i]) || span_is_nocase(text, no[i])) {
            *truth = span_is_nocase(text, yes[i]);
            return true;
        }
    }
    return false;
}

static enum celeriac_err take_boolean(struct inspection *in, const struct raw *raw)
{
    enum celeriac_err rc = raw_to_text(raw, &in->text);

    if (rc != CELERIAC_OK)
        return rc;
    if (raw->kind == RAW_CONTAINER || raw->kind == RAW_FILE ||
        !read_boolean(strbuf_span(&in->text), raw, &in->value->truth)) {
        complain(in, "Must be a valid boolean.");
        return CELERIAC_OK;
    }
    in->value->state = VALUE_SET;
    return CELERIAC_OK;
}

static enum celeriac_err take_integer(struct inspection *in, const struct raw *raw)
{
    enum celeriac_err rc = raw_to_text(raw, &in->text);
    struct strbuf digits;

    if (rc != CELERIAC_OK)
        return rc;
    if (raw->kind == RAW_TEXT && python_text_length(strbuf_span(&in->text)) > INTEGER_TEXT_MAX) {
        complain(in, "String value too large.");
        return CELERIAC_OK;
    }
    strbuf_init(&digits, VALUE_MAX);
    rc = raw->kind == RAW_CONTAINER || raw->kind == RAW_FILE
             ? CELERIAC_ERR_VALUE
             : python_integer(strbuf_span(&in->text), &digits);
    if (rc == CELERIAC_OK) {
        strbuf_clear(&in->text);
        strbuf_add_span(&in->text, strbuf_span(&digits));
        rc = keep(in, strbuf_span(&in->text));
        in->value->number_fits =
            rc == CELERIAC_OK &&
            parse_int64(in->value->text, INT64_MIN, INT64_MAX, &in->value->number) == CELERIAC_OK;
    } else if (rc == CELERIAC_ERR_VALUE) {
        complain(in, "A valid integer is required.");
        rc = CELERIAC_OK;
    }
    strbuf_close(&digits);
    return rc;
}

/* Only texts are parsed: for numbers and all else Python's parser raises a TypeError. */
static enum celeriac_err take_time(struct inspection *in, const struct raw *raw)
{
    enum celeriac_err rc = CELERIAC_ERR_SYNTAX;

    if (raw->kind == RAW_TEXT) {
        rc = raw_to_text(raw, &in->text);
        if (rc == CELERIAC_OK)
            rc = iso8601_parse(strbuf_span(&in->text), &in->value->number);
    }
    if (rc == CELERIAC_OK)
        in->value->state = VALUE_SET;
    else if (rc == CELERIAC_ERR_LIMIT)
        complain(in, "Datetime value out of range.");
    else if (rc == CELERIAC_ERR_SYNTAX)
        complain(in, "Datetime has wrong format. Use one of these formats instead: "
                     "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].");
    else
        return rc;
    return CELERIAC_OK;
}

/* Whether the text of a form field is JSON, as JSONField reads it. */
static enum celeriac_err parses_as_json(struct span text, bool *good)
{
    const struct json_options options = {.keep_depth = 1, .strict = true};
    struct json_doc doc;
    enum celeriac_err rc;

    json_init(&doc);
    rc = json_parse(&doc, text, &options, NULL);
    json_close(&doc);
    if (rc == CELERIAC_ERR_MEMORY)
        return rc;
    *good = rc == CELERIAC_OK;
    return CELERIAC_OK;
}

static enum celeriac_err take_json(struct inspection *in, const struct raw *raw)
{
    struct span json = raw->node ? json_raw(raw->node) : raw->text;
    enum celeriac_err rc = CELERIAC_OK;
    char message[MESSAGE_SIZE];
    uint32_t code = 0;
    bool good = true;

    if (!raw->node)
        rc = parses_as_json(json, &good);
    if (rc == CELERIAC_OK && good)
        rc = python_json(json, &in->text, &code);
    if (rc == CELERIAC_ERR_VALUE || !good) {
        complain(in, "Value must be valid JSON.");
    } else if (rc == CELERIAC_ERR_UNSUPPORTED && code == 0) {
        complain(in, "Null characters are not allowed.");
    } else if (rc == CELERIAC_ERR_UNSUPPORTED) {
        (void)snprintf(message, sizeof message, "Surrogate characters are not allowed: U+%X.",
                       code);
        complain(in, message);
    } else {
        return rc == CELERIAC_OK ? keep(in, strbuf_span(&in->text)) : rc;
    }
    return CELERIAC_OK;
}

static enum celeriac_err inspect(struct inspection *in, const struct raw *raw, bool partial)
{
    if (raw->kind == RAW_MISSING) {
        if (in->field->required && !partial)
            complain(in, "This field is required.");
        return CELERIAC_OK;
    }
    if (raw->kind == RAW_NULL) {
        if (in->field->allow_null)
            in->value->state = VALUE_NULL;
        else
            complain(in, "This field may not be null.");
        return CELERIAC_OK;
    }
    if (is_text_field(in->field))
        return take_text(in, raw);
    if (in->field->type == FIELD_CHOICE)
        return take_choice(in, raw);
    if (in->field->type == FIELD_CHOICES)
        return take_choices(in, raw);
    if (in->field->type == FIELD_BOOLEAN)
        return take_boolean(in, raw);
    if (in->field->type == FIELD_INTEGER)
        return take_integer(in, raw);
    if (in->field->type == FIELD_TIME)
        return take_time(in, raw);
    return take_json(in, raw);
}

/* A body that is no object has no fields to speak of. */
static bool is_mapping(const struct body *body, struct problems *p)
{
    const struct json_node *root;
    char message[MESSAGE_SIZE];

    if (body->kind != BODY_JSON)
        return true;
    root = json_root(&body->json);
    if (root->type == JSON_OBJECT)
        return true;
    (void)snprintf(message, sizeof message, "Invalid data. Expected a dictionary, but got %s.",
                   raw_type_name(root));
    problems_add(p, PROBLEMS_NO_FIELD, root->type == JSON_NULL ? "No data provided" : message);
    return false;
}

enum celeriac_err validate(const struct field *fields, size_t count, const struct body *body,
                           bool partial, struct value *values, struct problems *p)
{
    enum celeriac_err rc = CELERIAC_OK;

    memset(values, 0, count * sizeof *values);
    if (!is_mapping(body, p))
        return CELERIAC_OK;
    for (size_t i = 0; i < count && rc == CELERIAC_OK; i++) {
        struct inspection in = {
            .field = &fields[i], .body = body, .value = &values[i], .problems = p};
        struct raw raw = raw_of(body, &fields[i], partial);

        strbuf_init(&in.text, VALUE_MAX);
        rc = inspect(&in, &raw, partial);
        strbuf_close(&in.text);
    }
    return rc;
}

void validate_close(struct value *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mem_free(values[i].owned);
        values[i].owned = NULL;
    }
}

struct span value_text(const struct value *v, struct span otherwise)
{
    return v->state == VALUE_SET ? v->text : otherwise;
}
