#include "api/router.h"

#include <string.h>

#include "api/python_value.h"
#include "base/parse_num.h"

bool route_decode_path(struct span path, char buf[ROUTE_PATH_MAX], struct span *decoded)
{
    size_t n = 0;
    size_t used = 0;

    for (size_t i = 0; i < path.len; i++) {
        char c = path.ptr[i];

        if (c == '%' && path.len - i > 2) {
            int high = parse_hex_digit(path.ptr[i + 1]), low = parse_hex_digit(path.ptr[i + 2]);

            if (high >= 0 && low >= 0) {
                c = (char)(high << 4 | low);
                i += 2;
            }
        }
        if (n == ROUTE_PATH_MAX)
            break;
        buf[n++] = c;
        used = i + 1;
    }
    *decoded = (struct span){buf, n};
    return used == path.len;
}

/* Digits of any number: Django's path converter takes them all, though no row has such an id. */
static bool match_number(struct span segment, struct route_params *params)
{
    for (size_t i = 0; i < segment.len; i++) {
        if (segment.ptr[i] < '0' || segment.ptr[i] > '9')
            return false;
    }
    if (parse_int64(segment, 0, INT64_MAX, &params->number) != CELERIAC_OK)
        params->number = ROUTE_NO_ID;
    return segment.len > 0;
}

/* Any segment without a '.', as DRF's routers have it; what int() makes of it is the id. */
static bool match_key(struct span segment, struct route_params *params)
{
    struct strbuf digits;
    enum celeriac_err rc;

    if (segment.len == 0 || memchr(segment.ptr, '.', segment.len))
        return false;
    if (parse_int64(segment, 0, INT64_MAX, &params->number) == CELERIAC_OK)
        return true;
    strbuf_init(&digits, ROUTE_PATH_MAX);
    rc = python_int(segment, &digits);
    params->is_unread = rc == CELERIAC_ERR_MEMORY;
    if (rc != CELERIAC_OK ||
        parse_int64(strbuf_span(&digits), 0, INT64_MAX, &params->number) != CELERIAC_OK)
        params->number = ROUTE_NO_ID;
    strbuf_close(&digits);
    return true;
}

/* Only in the form that the API itself writes, as with Django's path converter. */
static bool match_uuid(struct span segment, struct route_params *params)
{
    char text[UUID_SIZE];

    if (uuid_parse(segment, &params->uuid) != CELERIAC_OK)
        return false;
    uuid_format(&params->uuid, text);
    return span_is(segment, text);
}

static bool match_file(struct span segment, struct route_params *params)
{
    if (segment.len == 0 || segment.len >= ROUTE_FILE_SIZE)
        return false;
    for (size_t i = 0; i < segment.len; i++) {
        char c = segment.ptr[i];

        if ((c < 'a' || c > 'z') && c != '_' && c != '.')
            return false;
    }
    memcpy(params->file, segment.ptr, segment.len);
    return true;
}

static bool match_segment(struct span pattern, struct span segment, struct route_params *params)
{
    if (span_is(pattern, "{int}"))
        return match_number(segment, params);
    if (span_is(pattern, "{key}"))
        return match_key(segment, params);
    if (span_is(pattern, "{uuid}"))
        return match_uuid(segment, params);
    if (span_is(pattern, "{file}"))
        return match_file(segment, params);
    return span_equal(pattern, segment);
}

/* Both without their last '/'. */
static bool match_path(struct span pattern, struct span path, struct route_params *params)
{
    bool more = true;

    while (more) {
        struct span wanted, given;
        bool more_given;

        more = span_cut(pattern, '/', &wanted, &pattern);
        more_given = span_cut(path, '/', &given, &path);
        if (more != more_given || !match_segment(wanted, given, params))
            return false;
    }
    return true;
}

static struct span drop_last_slash(struct span path)
{
    if (path.len > 1 && path.ptr[path.len - 1] == '/')
        path.len--;
    return path;
}

const struct route *route_find(const struct route *table, struct span path,
                               struct route_params *params)
{
    path = drop_last_slash(path);
    for (const struct route *row = table; row->path; row++) {
        memset(params, 0, sizeof *params);
        if (match_path(drop_last_slash(span_of(row->path)), path, params))
            return row;
    }
    return NULL;
}

enum route_access route_access_of(struct span path)
{
    if (!span_starts(path, SPAN("/v1/")) || span_starts(path, SPAN("/v1/tenants/register")) ||
        span_is(drop_last_slash(path), "/v1/openapi.json"))
        return ROUTE_PUBLIC;
    return ROUTE_KEY;
}

const struct route_operation *route_operation_of(const struct route *route, enum http_method method)
{
    if (method == HTTP_HEAD)
        method = HTTP_GET;
    for (const struct route_operation *op = route->operations; op->handle; op++) {
        if (op->method == method)
            return op;
    }
    return NULL;
}

void route_allow(const struct route *route, char allow[ROUTE_ALLOW_SIZE])
{
    static const enum http_method order[] = {HTTP_GET,    HTTP_POST, HTTP_PUT,    HTTP_PATCH,
                                             HTTP_DELETE, HTTP_HEAD, HTTP_OPTIONS};
    size_t n = 0;

    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        const char *name = http_method_name(order[i]);
        size_t len = strlen(name);

        if (order[i] != HTTP_OPTIONS && !route_operation_of(route, order[i]))
            continue;
        if (len + 3 > ROUTE_ALLOW_SIZE - n)
            break;
        if (n > 0) {
            memcpy(allow + n, ", ", 2);
            n += 2;
        }
        memcpy(allow + n, name, len);
        n += len;
    }
    allow[n] = '\0';
}
