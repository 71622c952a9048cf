#include "api/problems.h"

#include <string.h>

#include "api/description.h"

const struct schema problems_schema = {
    .name = "Problems",
    .help = "Sentences about each field that is wrong; non_field_errors about the whole",
    .sentences = true,
};

void problems_init(struct problems *p, struct strbuf *out)
{
    json_writer_init(&p->writer, out, JSON_STYLE_DRF);
    p->field = NULL;
}

void problems_add_span(struct problems *p, const char *field, struct span message)
{
    if (!p->field)
        json_begin_object(&p->writer);
    if (!p->field || strcmp(p->field, field) != 0) {
        if (p->field)
            json_end_array(&p->writer);
        json_key(&p->writer, field);
        json_begin_array(&p->writer);
        p->field = field;
    }
    json_string(&p->writer, message);
}

void problems_add(struct problems *p, const char *field, const char *message)
{
    problems_add_span(p, field, span_of(message));
}

bool problems_found(const struct problems *p)
{
    return p->field != NULL;
}

void problems_end(struct problems *p)
{
    if (!p->field)
        return;
    json_end_array(&p->writer);
    json_end_object(&p->writer);
}
