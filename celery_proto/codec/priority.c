#include "celery_proto/codec/priority.h"

#include <stdint.h>

#include "base/parse_num.h"

void cel_priority_steps_default(struct cel_priority_steps *steps)
{
    *steps = (struct cel_priority_steps){.step = {0, 3, 6, 9}, .count = 4};
}

/* Puts step into its place; false when it is there already. There is room: the range has ten. */
static bool insert_step(struct cel_priority_steps *steps, unsigned char step)
{
    size_t at = steps->count;

    for (size_t i = 0; i < steps->count; i++) {
        if (steps->step[i] == step)
            return false;
    }
    while (at > 0 && steps->step[at - 1] > step) {
        steps->step[at] = steps->step[at - 1];
        at--;
    }
    steps->step[at] = step;
    steps->count++;
    return true;
}

enum celeriac_err cel_priority_steps_parse(struct span text, struct cel_priority_steps *steps,
                                           struct celeriac_error *err)
{
    struct cel_priority_steps found = {.count = 0};
    struct span rest = span_trim(text);
    bool more = true;

    if (span_starts(rest, SPAN("[")) && span_ends(rest, SPAN("]")) && rest.len >= 2)
        rest = (struct span){rest.ptr + 1, rest.len - 2};
    while (more) {
        struct span element;
        int64_t n;

        more = span_cut(rest, ',', &element, &rest);
        element = span_trim(element);
        if (parse_int64(element, CEL_PRIORITY_MIN, CEL_PRIORITY_MAX, &n) != CELERIAC_OK)
            return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                      "priority_steps: \"%.*s\" is no number from %d to %d",
                                      SPAN_PRINTF(element), CEL_PRIORITY_MIN, CEL_PRIORITY_MAX);
        if (!insert_step(&found, (unsigned char)n))
            return celeriac_error_set(err, CELERIAC_ERR_VALUE, "priority_steps: %d appears twice",
                                      (int)n);
    }
    *steps = found;
    return CELERIAC_OK;
}

int cel_priority_clamp(long long priority)
{
    if (priority < CEL_PRIORITY_MIN)
        return CEL_PRIORITY_MIN;
    return priority > CEL_PRIORITY_MAX ? CEL_PRIORITY_MAX : (int)priority;
}

/* Python's int() of a number beyond any range, by its sign. */
static int clamp_by_sign(struct span number)
{
    return number.len > 0 && number.ptr[0] == '-' ? CEL_PRIORITY_MIN : CEL_PRIORITY_MAX;
}

static int priority_of_digits(struct span text)
{
    int64_t n;

    switch (parse_int64(text, INT64_MIN, INT64_MAX, &n)) {
    case CELERIAC_OK:
        return cel_priority_clamp(n);
    case CELERIAC_ERR_LIMIT:
        return clamp_by_sign(text);
    default:
        return CEL_PRIORITY_MIN;
    }
}

int cel_priority_of(const struct json_node *value)
{
    struct span text;
    double d;

    if (value == NULL)
        return CEL_PRIORITY_MIN;
    switch (value->type) {
    case JSON_TRUE:
        return 1;
    case JSON_INT:
        return priority_of_digits(json_raw(value));
    case JSON_FLOAT:
        if (json_double(value, &d) != CELERIAC_OK)
            return CEL_PRIORITY_MIN;
        if (d >= CEL_PRIORITY_MAX)
            return CEL_PRIORITY_MAX;
        return d <= CEL_PRIORITY_MIN ? CEL_PRIORITY_MIN : (int)d;
    case JSON_STRING:
        if (!json_peek_string(value, &text))
            return CEL_PRIORITY_MIN;
        text = span_trim(text);
        if (span_starts(text, SPAN("+")) && text.len > 1 && text.ptr[1] != '-')
            text = (struct span){text.ptr + 1, text.len - 1};
        return priority_of_digits(text);
    default:
        return CEL_PRIORITY_MIN;
    }
}

int cel_priority_step(const struct cel_priority_steps *steps, int priority)
{
    size_t above = 0;

    while (above < steps->count && steps->step[above] <= priority)
        above++;
    return steps->step[above > 0 ? above - 1 : steps->count - 1];
}
