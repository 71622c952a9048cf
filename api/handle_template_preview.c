#include <stddef.h>

#include "api/handlers.h"
#include "api/reply.h"
#include "api/request_fields.h"
#include "api/template_document.h"
#include "notify/render.h"

/*
 * A template, saved or not, that is rendered on the pool's thread, since that may take as long as
 * its fuel.
 */
struct preview {
    struct value values[SOURCE_FIELDS]; /* the first of them also without the sources */
    struct store_get_template get;
    struct span subject_source, body_source;
    struct work work;
    struct api_call *call;
    struct strbuf subject, body;
    struct celeriac_error error;
};

_Static_assert((int)PREVIEW_DATA == (int)SOURCE_DATA,
               "both requests are read into the same values");

static void release_preview(void *state)
{
    struct preview *p = state;

    store_call_release(&p->get.call);
    strbuf_close(&p->subject);
    strbuf_close(&p->body);
    validate_close(p->values, SOURCE_FIELDS);
}

static void reply_failed(struct api_call *call, const struct celeriac_error *error)
{
    struct strbuf text;

    strbuf_init(&text, HTTP_RESPONSE_MAX);
    strbuf_add_text(&text, "Template rendering failed: ");
    strbuf_add_text(&text, error->text);
    reply_error(call, 400, strbuf_span(&text));
    strbuf_close(&text);
}

static const struct member preview_members[] = {
    {.name = "subject", .help = "Empty when the template has none"},
    {.name = "body", .help = "The rendered body"},
    {.name = NULL},
};
static const struct schema preview_schema = {
    .name = "Preview", .help = "A template rendered", .members = preview_members};

static void on_rendered(struct api_call *call)
{
    struct preview *p = call->state;
    struct json_writer w;

    if (p->error.code == CELERIAC_ERR_MEMORY || p->error.code == CELERIAC_ERR_SYSTEM) {
        reply_later(call);
        return;
    }
    if (p->error.code != CELERIAC_OK) {
        reply_failed(call, &p->error);
        return;
    }
    document_begin(call, &w);
    json_begin_object(&w);
    document_text(&w, "subject", (struct span){strbuf_text(&p->subject), p->subject.len});
    document_text(&w, "body", (struct span){strbuf_text(&p->body), p->body.len});
    json_end_object(&w);
    strbuf_close(&p->subject);
    strbuf_close(&p->body);
    if (reply_fits(call))
        reply_document(call, 200);
}

static void render(struct work *work)
{
    struct preview *p = (struct preview *)(void *)((char *)work - offsetof(struct preview, work));
    struct notify_render *engine = p->call->api->render;
    struct span data = value_text(&p->values[SOURCE_DATA], SPAN("{}"));
    enum celeriac_err rc = CELERIAC_OK;

    strbuf_init(&p->subject, HTTP_RESPONSE_MAX);
    strbuf_init(&p->body, HTTP_RESPONSE_MAX);
    if (p->subject_source.len > 0)
        rc = notify_render_text(engine, p->subject_source, data, &p->subject, &p->error);
    if (rc == CELERIAC_OK)
        rc = notify_render_text(engine, p->body_source, data, &p->body, &p->error);
    if (rc != CELERIAC_OK)
        (void)celeriac_error_set(&p->error, rc, "out of memory");
    call_continue(p->call, on_rendered);
}

static void begin_rendering(struct api_call *call, struct span subject, struct span body)
{
    struct preview *p = call->state;

    p->subject_source = subject;
    p->body_source = body;
    p->call = call;
    p->work.run = render;
    call_submit_work(call, &p->work);
}

static void on_found(struct api_call *call)
{
    struct preview *p = call->state;

    if (p->get.call.error.code != CELERIAC_OK) {
        reply_template_failure(call, &p->get.call.error);
        return;
    }
    if (call_read_body(call, preview_fields, PREVIEW_FIELDS, false, p->values))
        begin_rendering(call, p->get.row.subject, p->get.row.body);
}

static const struct schema preview_request = {.name = "PreviewRequest",
                                              .help = "The variables to render with",
                                              .fields = preview_fields,
                                              .field_count = PREVIEW_FIELDS};

const struct description about_template_preview = {
    .id = "previewTemplate",
    .group = "Templates",
    .request = &preview_request,
    .answers = {{.status = 200, .schema = &preview_schema, .help = "The texts"},
                {.status = 400, .schema = &error_schema, .help = "It cannot be rendered"}},
};

void handle_template_preview(struct api_call *call)
{
    struct preview *p = call_state(call, sizeof *p, release_preview);

    if (!p)
        return;
    store_get_template_init(&p->get, &call->who.tenant_id, call->params.number);
    call_submit_store(call, &p->get.call, CALL_STORE_NS, on_found, NULL);
}

static const struct schema source_request = {.name = "SourcePreviewRequest",
                                             .help = "A template that is not saved",
                                             .fields = source_fields,
                                             .field_count = SOURCE_FIELDS};

const struct description about_source_preview = {
    .id = "previewSource",
    .group = "Templates",
    .request = &source_request,
    .answers = {{.status = 200, .schema = &preview_schema, .help = "The texts"},
                {.status = 400, .schema = &error_schema, .help = "It cannot be rendered"}},
};

void handle_source_preview(struct api_call *call)
{
    struct preview *p = call_state(call, sizeof *p, release_preview);

    if (p && call_read_body(call, source_fields, SOURCE_FIELDS, false, p->values))
        begin_rendering(call, value_text(&p->values[SOURCE_SUBJECT], SPAN("")),
                        value_text(&p->values[SOURCE_BODY], SPAN("")));
}
