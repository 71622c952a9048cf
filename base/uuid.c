#include "base/uuid.h"

#include <string.h>

#include "base/parse_num.h"
#include "base/random.h"

static const char hex_digits[] = "0123456789abcdef";

/* Whether the text has a hyphen before byte `index`. */
static int hyphen_before(int index)
{
    return index == 4 || index == 6 || index == 8 || index == 10;
}

void uuid_from_random(const uint8_t random[16], struct uuid *u)
{
    memcpy(u->bytes, random, sizeof u->bytes);
    u->bytes[6] = (uint8_t)((u->bytes[6] & 0x0f) | 0x40);
    u->bytes[8] = (uint8_t)((u->bytes[8] & 0x3f) | 0x80);
}

void uuid_format(const struct uuid *u, char text[UUID_SIZE])
{
    char *to = text;
    for (int i = 0; i < 16; i++) {
        if (hyphen_before(i))
            *to++ = '-';
        *to++ = hex_digits[u->bytes[i] >> 4];
        *to++ = hex_digits[u->bytes[i] & 0x0f];
    }
    *to = '\0';
}

enum celeriac_err uuid_parse(struct span text, struct uuid *u)
{
    if (text.len != UUID_LEN)
        return CELERIAC_ERR_SYNTAX;
    struct uuid result;
    const char *from = text.ptr;
    for (int i = 0; i < 16; i++) {
        if (hyphen_before(i) && *from++ != '-')
            return CELERIAC_ERR_SYNTAX;
        int high = parse_hex_digit(*from++);
        int low = parse_hex_digit(*from++);
        if (high < 0 || low < 0)
            return CELERIAC_ERR_SYNTAX;
        result.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *u = result;
    return CELERIAC_OK;
}

void uuid_new(char text[UUID_SIZE])
{
    uint8_t random[16];
    struct uuid u;
    random_bytes(random, sizeof random);
    uuid_from_random(random, &u);
    uuid_format(&u, text);
}
