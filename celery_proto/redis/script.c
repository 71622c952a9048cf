#include "celery_proto/redis/script.h"

/* EVALSHA, digest and number of keys. */
#define ARGS_BEFORE_KEYS 3

/* Times that a script is loaded for one call: more than a SCRIPT FLUSH now and then asks for. */
#define LOADS_MAX 3

void cel_script_begin(struct cel_pipeline *p, const struct cel_script *script, size_t keys,
                      size_t args)
{
    cel_pipeline_begin(p, ARGS_BEFORE_KEYS + keys + args);
    cel_pipeline_arg(p, SPAN("EVALSHA"));
    cel_pipeline_arg(p, span_of(script->sha1));
    cel_pipeline_arg_int(p, (int64_t)keys);
}

enum celeriac_err cel_script_load(struct cel_conn *conn, const struct cel_script *script,
                                  struct celeriac_error *err)
{
    struct cel_pipeline load;
    cel_pipeline_init(&load);
    CEL_COMMAND(&load, SPAN("SCRIPT"), SPAN("LOAD"), (struct span){script->text, script->len});
    enum celeriac_err code = cel_pipeline_run(&load, conn, err);
    if (code == CELERIAC_OK)
        code = cel_reply_check(cel_pipeline_reply(&load, 0), err);
    cel_pipeline_close(&load);
    return code;
}

enum celeriac_err cel_script_run(struct cel_pipeline *p, struct cel_conn *conn,
                                 const struct cel_script *script, struct celeriac_error *err)
{
    enum celeriac_err code = cel_pipeline_run(p, conn, err);
    for (int loads = 0; code == CELERIAC_OK; loads++) {
        if (!cel_reply_is_error_word(cel_pipeline_reply(p, 0), "NOSCRIPT"))
            break;
        if (loads == LOADS_MAX)
            return celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE,
                                      "Redis: somebody keeps flushing the scripts");
        code = cel_script_load(conn, script, err);
        if (code == CELERIAC_OK)
            code = cel_pipeline_run(p, conn, err);
    }
    if (code == CELERIAC_OK)
        code = cel_reply_check(cel_pipeline_reply(p, 0), err);
    return code;
}
