#include "tests/unit/worker/settler_stand_in.h"

#include "celery_proto/codec/envelope.h"

struct settler_stand_in settler_stand_in;

void settler_stand_in_reset(void)
{
    cel_request_destroy(settler_stand_in.last);
    strbuf_close(&settler_stand_in.record);
    settler_stand_in = (struct settler_stand_in){0};
    strbuf_init(&settler_stand_in.record, CEL_ENVELOPE_MAX);
}

enum celeriac_err cel_settler_create(const struct cel_finisher_options *options,
                                     bool unordered_chords, struct cel_runtime *runtime,
                                     struct cel_settler **settler, struct celeriac_error *err)
{
    (void)options;
    (void)unordered_chords;
    (void)runtime;
    (void)settler;
    return celeriac_error_set(err, CELERIAC_ERR_UNSUPPORTED, "a stand-in");
}

void cel_settler_begin(struct cel_settler *settler, struct cel_request *request)
{
    (void)settler;
    (void)request;
    settler_stand_in.begun++;
}

enum celeriac_err cel_settler_tell(struct cel_settler *settler, struct cel_request *request,
                                   struct strbuf *record)
{
    (void)settler;
    (void)request;
    settler_stand_in.told++;
    if (settler_stand_in.code)
        return settler_stand_in.code;
    strbuf_close(&settler_stand_in.record);
    settler_stand_in.record = *record;
    strbuf_init(record, CEL_ENVELOPE_MAX);
    return CELERIAC_OK;
}

void cel_settler_end(struct cel_settler *settler, struct cel_request *request)
{
    (void)settler;
    cel_request_destroy(settler_stand_in.last);
    settler_stand_in.last = request;
    settler_stand_in.ended++;
}

void cel_settler_stop(struct cel_settler *settler, int64_t timeout_ns)
{
    (void)settler;
    (void)timeout_ns;
}

void cel_settler_destroy(struct cel_settler *settler)
{
    (void)settler;
}
