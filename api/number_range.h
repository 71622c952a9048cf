/*
 * Integers of a request that have bounds, in the words of DRF's IntegerField(min_value, max_value).
 */
#ifndef API_NUMBER_RANGE_H
#define API_NUMBER_RANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "api/call.h"

/*
 * Sets *number to what the field was given, which leaves it as it is when it was given nothing.
 * False: it is not within min and max (0 or more), and a reply that says so has been made.
 */
bool number_in_range(struct api_call *call, const char *field, const struct value *value,
                     int64_t min, int64_t max, int64_t *number);

#endif
