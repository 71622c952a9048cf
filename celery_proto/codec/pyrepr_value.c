#include "celery_proto/codec/pyrepr_value.h"

#include <stdint.h>
#include <string.h>

#include "base/parse_num.h"
#include "base/uuid.h"
#include "celery_proto/codec/celery_value.h"

/* What isoformat() writes: date, 'T', time, each with its parts; either may be missing. */
struct iso_parts {
    int64_t year, month, day;
    int64_t hour, minute, second, microsecond;
    bool has_offset;
    int64_t offset; /* seconds east of UTC */
};

/* Takes a number of exactly `len` digits, at most max, from the front of text. */
static bool take_number(struct span *text, size_t len, int64_t max, int64_t *n)
{
    if (text->len < len || text->ptr[0] == '-' ||
        parse_int64((struct span){text->ptr, len}, 0, max, n) != CELERIAC_OK)
        return false;
    *text = (struct span){text->ptr + len, text->len - len};
    return true;
}

static bool take_char(struct span *text, char c)
{
    if (text->len == 0 || text->ptr[0] != c)
        return false;
    *text = (struct span){text->ptr + 1, text->len - 1};
    return true;
}

static bool take_date(struct span *text, struct iso_parts *p)
{
    return take_number(text, 4, 9999, &p->year) && take_char(text, '-') &&
           take_number(text, 2, 12, &p->month) && take_char(text, '-') &&
           take_number(text, 2, 31, &p->day);
}

/* "+hh:mm", with seconds where a zone had them */
static bool take_offset(struct span *text, struct iso_parts *p)
{
    int64_t hours, minutes, seconds = 0;
    bool west = text->len > 0 && text->ptr[0] == '-';

    if (text->len == 0)
        return true;
    if (!take_char(text, west ? '-' : '+') || !take_number(text, 2, 23, &hours) ||
        !take_char(text, ':') || !take_number(text, 2, 59, &minutes))
        return false;
    if (take_char(text, ':') && !take_number(text, 2, 59, &seconds))
        return false;
    p->has_offset = true;
    p->offset = (hours * 3600 + minutes * 60 + seconds) * (west ? -1 : 1);
    return true;
}

static bool take_time(struct span *text, struct iso_parts *p)
{
    if (!take_number(text, 2, 23, &p->hour) || !take_char(text, ':') ||
        !take_number(text, 2, 59, &p->minute))
        return false;
    if (take_char(text, ':') && !take_number(text, 2, 59, &p->second))
        return false;
    if (take_char(text, '.') && !take_number(text, 6, 999999, &p->microsecond))
        return false;
    return take_offset(text, p);
}

/* ", second" and ", microsecond", as far as they are not zero. */
static void add_fractions(const struct iso_parts *p, struct strbuf *out)
{
    if (p->second != 0 || p->microsecond != 0)
        strbuf_printf(out, ", %d", (int)p->second);
    if (p->microsecond != 0)
        strbuf_printf(out, ", %d", (int)p->microsecond);
}

/* timezone.utc, or a timezone of a timedelta, which counts negative days and positive seconds. */
static void add_offset(const struct iso_parts *p, struct strbuf *out)
{
    if (!p->has_offset)
        return;
    if (p->offset == 0)
        strbuf_add_text(out, ", tzinfo=datetime.timezone.utc");
    else if (p->offset > 0)
        strbuf_printf(out, ", tzinfo=datetime.timezone(datetime.timedelta(seconds=%d))",
                      (int)p->offset);
    else
        strbuf_printf(out, ", tzinfo=datetime.timezone(datetime.timedelta(days=-1, seconds=%d))",
                      (int)(p->offset + 86400));
}

static bool add_datetime(struct span text, struct strbuf *out)
{
    struct iso_parts p = {.year = 0};

    if (!take_date(&text, &p) || !take_char(&text, 'T') || !take_time(&text, &p) || text.len > 0)
        return false;
    strbuf_printf(out, "datetime.datetime(%d, %d, %d, %d, %d", (int)p.year, (int)p.month,
                  (int)p.day, (int)p.hour, (int)p.minute);
    add_fractions(&p, out);
    add_offset(&p, out);
    strbuf_add_char(out, ')');
    return true;
}

static bool add_date(struct span text, struct strbuf *out)
{
    struct iso_parts p = {.year = 0};

    if (!take_date(&text, &p) || text.len > 0)
        return false;
    strbuf_printf(out, "datetime.date(%d, %d, %d)", (int)p.year, (int)p.month, (int)p.day);
    return true;
}

static bool add_time(struct span text, struct strbuf *out)
{
    struct iso_parts p = {.year = 0};

    if (!take_time(&text, &p) || text.len > 0)
        return false;
    strbuf_printf(out, "datetime.time(%d, %d", (int)p.hour, (int)p.minute);
    add_fractions(&p, out);
    add_offset(&p, out);
    strbuf_add_char(out, ')');
    return true;
}

static bool add_uuid(const struct json_node *node, struct strbuf *out)
{
    char text[UUID_SIZE];
    struct uuid uuid;

    if (cel_value_uuid(node, &uuid) != CELERIAC_OK)
        return false;
    uuid_format(&uuid, text);
    strbuf_printf(out, "UUID('%s')", text);
    return true;
}

static bool add_decimal(const struct json_node *node, struct strbuf *out)
{
    size_t start = out->len;

    strbuf_add_text(out, "Decimal('");
    if (cel_value_decimal(node, out) != CELERIAC_OK) {
        strbuf_truncate(out, start);
        return false;
    }
    strbuf_add_text(out, "')");
    return true;
}

bool cel_pyrepr_value(const struct json_node *node, struct strbuf *out)
{
    const struct json_node *value;
    enum cel_value_type type = cel_value_type_of(node, &value);
    struct span text = {NULL, 0};

    switch (type) {
    case CEL_VALUE_DATETIME:
        return json_peek_string(value, &text) && add_datetime(text, out);
    case CEL_VALUE_DATE:
        return json_peek_string(value, &text) && add_date(text, out);
    case CEL_VALUE_TIME:
        return json_peek_string(value, &text) && add_time(text, out);
    case CEL_VALUE_DECIMAL:
        return add_decimal(node, out);
    case CEL_VALUE_UUID:
        return add_uuid(node, out);
    default:
        return false;
    }
}

void cel_pyrepr_bytes(struct span bytes, struct strbuf *out)
{
    bool has_single = bytes.len > 0 && memchr(bytes.ptr, '\'', bytes.len) != NULL;
    bool has_double = bytes.len > 0 && memchr(bytes.ptr, '"', bytes.len) != NULL;
    char quote = has_single && !has_double ? '"' : '\'';

    strbuf_add_char(out, 'b');
    strbuf_add_char(out, quote);
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];

        if (c == (unsigned char)quote || c == '\\')
            strbuf_printf(out, "\\%c", c);
        else if (c == '\t' || c == '\n' || c == '\r')
            strbuf_add_text(out, c == '\t' ? "\\t" : c == '\n' ? "\\n" : "\\r");
        else if (c < 0x20 || c >= 0x7f)
            strbuf_printf(out, "\\x%02x", c);
        else
            strbuf_add_char(out, (char)c);
    }
    strbuf_add_char(out, quote);
}
