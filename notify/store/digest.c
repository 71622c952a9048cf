#include "notify/store/digest.h"

#include <stddef.h>

bool store_digest_equal(const struct store_digest *a, const struct store_digest *b)
{
    /* Volatile, so that no compiler finds out when the rest does not matter any more. */
    volatile uint8_t difference = 0;

    for (size_t i = 0; i < sizeof a->bytes; i++)
        difference = (uint8_t)(difference | (a->bytes[i] ^ b->bytes[i]));
    return difference == 0;
}
