#include "notify/store/params.h"

#include <string.h>

#include "notify/store/call.h"
#include "notify/store/pg_time.h"
#include "notify/store/text.h"

/* Bytes of an array's header with one dimension: dimensions, flags, type, size, lower bound. */
#define ARRAY_HEADER 20
#define ARRAY_SIZE_AT 12

static void put_be32(char *to, uint32_t n)
{
    to[0] = (char)(uint8_t)(n >> 24);
    to[1] = (char)(uint8_t)(n >> 16);
    to[2] = (char)(uint8_t)(n >> 8);
    to[3] = (char)(uint8_t)n;
}

static void put_be64(char *to, uint64_t n)
{
    put_be32(to, (uint32_t)(n >> 32));
    put_be32(to + 4, (uint32_t)n);
}

void store_params_init(struct store_params *p)
{
    memset(p, 0, sizeof *p);
    strbuf_init(&p->bytes, STORE_PARAMS_BYTES_MAX);
}

void store_params_close(struct store_params *p)
{
    strbuf_close(&p->bytes);
    store_params_clear(p);
}

void store_params_clear(struct store_params *p)
{
    strbuf_clear(&p->bytes);
    p->count = 0;
    p->elements = 0;
    p->in_array = false;
}

/* Opens the next parameter at the end of the bytes. */
static void open_param(struct store_params *p)
{
    if (p->bytes.status == CELERIAC_OK && p->count == STORE_PARAMS_MAX)
        p->bytes.status = CELERIAC_ERR_LIMIT;
    if (p->bytes.status != CELERIAC_OK)
        return;
    p->list[p->count].start = p->bytes.len;
    p->list[p->count].len = 0;
    p->list[p->count].is_null = false;
    p->count++;
}

/* Counts what was written since open_param() as its value. */
static void close_param(struct store_params *p)
{
    if (p->bytes.status == CELERIAC_OK)
        p->list[p->count - 1].len = p->bytes.len - p->list[p->count - 1].start;
}

void store_params_begin_array(struct store_params *p, enum store_type type)
{
    char header[ARRAY_HEADER] = {0};
    open_param(p);
    p->array_start = p->bytes.len;
    p->elements = 0;
    p->in_array = true;
    put_be32(header, 1);
    put_be32(header + 8, (uint32_t)type);
    put_be32(header + 16, 1);
    strbuf_add(&p->bytes, header, sizeof header);
}

void store_params_end_array(struct store_params *p)
{
    p->in_array = false;
    if (p->bytes.status != CELERIAC_OK)
        return;
    char *header = p->bytes.ptr + p->array_start;
    put_be32(header + ARRAY_SIZE_AT, p->elements);
    if (p->elements == 0) {
        /* An empty array has no dimension; its header ends after the element type. */
        put_be32(header, 0);
        strbuf_truncate(&p->bytes, p->array_start + ARRAY_SIZE_AT);
    }
    close_param(p);
}

/* Writes one value, as a parameter or as an element of the open array; len -1 is NULL. */
static void put_value(struct store_params *p, const void *bytes, int32_t len)
{
    if (p->in_array) {
        char size[4];
        put_be32(size, (uint32_t)len);
        strbuf_add(&p->bytes, size, sizeof size);
        p->elements++;
    } else {
        open_param(p);
    }
    if (len > 0)
        strbuf_add(&p->bytes, bytes, (size_t)len);
    if (!p->in_array)
        close_param(p);
}

void store_params_null(struct store_params *p)
{
    put_value(p, NULL, -1);
    if (!p->in_array && p->bytes.status == CELERIAC_OK)
        p->list[p->count - 1].is_null = true;
}

void store_params_uuid(struct store_params *p, const struct uuid *u)
{
    put_value(p, u->bytes, (int32_t)sizeof u->bytes);
}

void store_params_bool(struct store_params *p, bool b)
{
    put_value(p, b ? "\1" : "\0", 1);
}

void store_params_int4(struct store_params *p, int32_t n)
{
    char bytes[4];
    put_be32(bytes, (uint32_t)n);
    put_value(p, bytes, (int32_t)sizeof bytes);
}

void store_params_int8(struct store_params *p, int64_t n)
{
    char bytes[8];
    put_be64(bytes, (uint64_t)n);
    put_value(p, bytes, (int32_t)sizeof bytes);
}

void store_params_time(struct store_params *p, int64_t us)
{
    if (us == STORE_NO_TIME)
        store_params_null(p);
    else
        store_params_int8(p, store_pg_time(us));
}

void store_params_bytes(struct store_params *p, struct span bytes)
{
    if (!bytes.ptr) {
        store_params_null(p);
        return;
    }
    if (bytes.len > STORE_PARAMS_BYTES_MAX) {
        if (p->bytes.status == CELERIAC_OK)
            p->bytes.status = CELERIAC_ERR_LIMIT;
        return;
    }
    put_value(p, bytes.ptr, (int32_t)bytes.len);
}

void store_params_text(struct store_params *p, struct span text)
{
    store_params_bytes(p, text.ptr ? text : SPAN(""));
}

void store_params_digest(struct store_params *p, const struct store_digest *digest)
{
    put_value(p, digest->bytes, (int32_t)sizeof digest->bytes);
}

void store_params_clean_text(struct store_params *p, struct span text, size_t max_bytes)
{
    put_value(p, NULL, 0);
    size_t start = p->bytes.len;
    store_text_clean(&p->bytes, text, max_bytes);
    if (p->bytes.status != CELERIAC_OK)
        return;
    if (p->in_array)
        put_be32(p->bytes.ptr + start - 4, (uint32_t)(p->bytes.len - start));
    else
        close_param(p);
}

enum celeriac_err store_params_status(const struct store_params *p)
{
    return strbuf_status(&p->bytes);
}

void store_params_view(const struct store_params *p, struct store_params_view *view)
{
    view->count = (int)p->count;
    for (unsigned i = 0; i < p->count; i++) {
        /* An empty value needs a pointer too: NULL would mean SQL NULL. */
        const char *bytes = p->bytes.ptr ? p->bytes.ptr : "";
        view->values[i] = p->list[i].is_null ? NULL : bytes + p->list[i].start;
        view->lengths[i] = (int)p->list[i].len;
        view->formats[i] = 1;
    }
}
