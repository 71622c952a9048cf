#include "api/tenant_limit.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/one_call.h"
#include "base/json_writer.h"
#include "notify/store/tenant_limit.h"

/* Bytes of a number with three decimals. */
#define RATE_SIZE 32

/* Thousandths as a decimal number without zeros at its end: 500 is "0.5". */
static void format_rate(int64_t milli, char text[RATE_SIZE])
{
    int length = snprintf(text, RATE_SIZE, "%" PRId64 ".%03d", milli / 1000, (int)(milli % 1000));

    while (length > 0 && text[length - 1] == '0')
        text[--length] = '\0';
    if (length > 0 && text[length - 1] == '.')
        text[length - 1] = '\0';
}

static void show(const struct store_tenant_limit *limit, bool json, struct strbuf *out)
{
    char id[UUID_SIZE], rate[RATE_SIZE];
    struct json_writer w;

    uuid_format(&limit->tenant_id, id);
    format_rate(limit->milli, rate);
    if (!json) {
        strbuf_printf(out, "tenant_id   %s\n", id);
        if (limit->milli > 0)
            strbuf_printf(out, "per_second  %s\nburst       %" PRId32 "\n", rate, limit->burst);
        else
            strbuf_add_text(out, "no limit of its own\n");
        return;
    }
    json_writer_init(&w, out, JSON_STYLE_DRF);
    json_begin_object(&w);
    json_key(&w, "tenant_id");
    json_text(&w, id);
    json_key(&w, "per_second");
    json_value(&w, limit->milli > 0 ? span_of(rate) : SPAN("null"));
    json_key(&w, "burst");
    if (limit->milli > 0)
        json_integer(&w, limit->burst);
    else
        json_null(&w);
    json_end_object(&w);
    strbuf_add_char(out, '\n');
}

enum celeriac_err api_tenant_limit(const struct api_options *options, struct strbuf *out,
                                   struct celeriac_error *err)
{
    struct store_tenant_limit limit;
    struct celeriac_error why = {0};
    enum celeriac_err rc;

    store_tenant_limit_init(&limit, &options->limit.tenant_id);
    limit.change = options->limit.change;
    limit.milli = options->limit.milli;
    limit.burst = options->limit.burst;
    rc = api_one_call(options, "celeriac-limit", &limit.call, &why);
    if (rc == CELERIAC_OK)
        show(&limit, options->json, out);
    else if (rc == CELERIAC_ERR_NOT_FOUND)
        (void)celeriac_error_set(err, rc, "there is no such tenant");
    else
        (void)celeriac_error_set(err, rc, "%s", why.text);
    store_call_release(&limit.call);
    return rc;
}
