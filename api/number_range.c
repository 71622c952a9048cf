#include "api/number_range.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/reply.h"

/* "Ensure this value is greater than or equal to " and a number. */
#define SENTENCE_SIZE 80

bool number_in_range(struct api_call *call, const char *field, const struct value *value,
                     int64_t min, int64_t max, int64_t *number)
{
    bool is_negative = value->text.len > 0 && value->text.ptr[0] == '-';
    bool is_less = is_negative || (value->number_fits && value->number < min);
    char sentence[SENTENCE_SIZE];

    if (value->state != VALUE_SET)
        return true;
    if (!is_less && value->number_fits && value->number <= max) {
        *number = value->number;
        return true;
    }
    (void)snprintf(sentence, sizeof sentence,
                   "Ensure this value is %s than or equal to %" PRId64 ".",
                   is_less ? "greater" : "less", is_less ? min : max);
    reply_problem(call, field, sentence);
    return false;
}
